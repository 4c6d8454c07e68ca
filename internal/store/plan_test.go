package store_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
)

// A claim takes the first few of a queue that may be long, so it must find them in the order of its index.
func TestAClaimDoesNotSortTheQueue(t *testing.T) {
	t.Parallel()
	cfg, err := pgxpool.ParseConfig(testenv.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg.ConnConfig.RuntimeParams["enable_seqscan"] = "off" // there is nothing in the table yet
	db, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	rows, err := db.Query(t.Context(), "EXPLAIN "+store.DueIndividually, now, 10)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(plan, "\n"); strings.Contains(text, "Sort") || !strings.Contains(text, "invites_due_in_order") {
		t.Errorf("individual invites are not taken in the order of their index:\n%s", text)
	}
}
