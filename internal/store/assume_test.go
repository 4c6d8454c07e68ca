package store_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// A column of a projection that explain may read is in the rows of assumed facts. Otherwise it would be NULL there.
func TestAssumedRowsHaveEveryColumn(t *testing.T) {
	t.Parallel()
	notRead := map[string][]string{
		"firms":        {"remind_after", "opens_at", "closes_at", "portal_host_before", "portal_host_changed_at"},
		"clients":      {"contacts_before"},
		"contacts":     {"emails_before"},
		"suppressions": {"lifted_by", "lifted_at", "suppressed_at"},
	}
	b := open(t)
	b.do(func(ctx context.Context, tx *store.Tx) error {
		var facts store.Facts
		facts.Firm(rules.Firm{ID: "acme"}, at(1))
		facts.Client("acme", rules.Client{ID: "c1"}, at(2))
		facts.Contact("acme", rules.Contact{ID: "dana"}, at(3))
		facts.Suppression("acme", "a@example.com", "bounce", now, at(4))
		facts.Template("acme", "t1", "T", "Hello", at(5))
		rows, err := tx.AssumedRows(ctx, "acme", &facts)
		b.must(err)
		if len(rows) != 5 {
			t.Errorf("%d tables, want 5", len(rows))
		}
		for table, raw := range rows {
			var list []map[string]any
			b.must(json.Unmarshal(raw, &list))
			columns, err := tx.Columns(ctx, table)
			b.must(err)
			for _, column := range columns {
				if _, has := list[0][column]; !has && !slices.Contains(notRead[table], column) {
					t.Errorf("%s.%s is not in the rows of assume_tables.go: add it, or say here that explain does not read it",
						table, column)
				}
			}
		}
		return nil
	})
}
