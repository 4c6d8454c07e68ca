package store

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/testenv"
)

// A claim takes the first few of a queue that may be long, so it must find them in the order of its index.
func TestAClaimDoesNotSortTheQueue(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), testenv.Database(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	rows, err := s.pool.Query(t.Context(), "EXPLAIN "+dueIndividually, planAnew, time.Now(), 10)
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
