package store_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// A test database allows the transitions of the lists and no others.
func TestOtherTransitionsAreRefused(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.queued(uuid.NullUUID{}, store.IndividualLane, 1)
	b.must(b.try(reservation("c1", "contact:a", "e", 1, now)))
	refused := allowsOnly(b, "invites", store.InviteTransitions,
		[]store.State{store.Queued, store.Sending, store.Sent, store.Skipped, store.Failed}) +
		allowsOnly(b, "access", store.AccessTransitions,
			[]rules.AccessState{rules.Invited, rules.Active, rules.Expired, rules.Removed})
	if counted := query[int](b, `SELECT last_value FROM refused_transitions`); counted != refused {
		t.Errorf("%d transitions are counted as refused, want %d", counted, refused)
	}
	_, err := b.db.Exec(t.Context(), `ALTER SEQUENCE refused_transitions RESTART`) // this test meant them
	b.must(err)
}

// allowsOnly tries all transitions, also from and to no row, and returns how many were refused.
func allowsOnly[S ~string](b base, table string, transitions []store.Transition[S], states []S) (refused int) {
	b.Helper()
	states = append(states, "")
	for _, from := range states {
		for _, to := range states {
			if from == to {
				continue
			}
			err := change(b, table, string(from), string(to))
			allowed := slices.ContainsFunc(transitions,
				func(t store.Transition[S]) bool { return t.From == from && t.To == to })
			if (err == nil) != allowed {
				b.Errorf("%s: from %q to %q: %v, want it allowed: %v", table, from, to, err, allowed)
			}
			if err != nil && !strings.Contains(err.Error(), "internal/store/states.go") {
				b.Errorf("%s: from %q to %q is refused, and the error names no file: %v", table, from, to, err)
			}
			if err != nil {
				refused++
			}
		}
	}
	return refused
}

// change takes the one row of a table from one state to another, in a transaction that it rolls back.
func change(b base, table, from, to string) error {
	b.Helper()
	tx, err := b.db.Begin(b.Context())
	b.must(err)
	defer func() { _ = tx.Rollback(b.Context()) }()
	do := func(statements string) error {
		_, err := tx.Exec(b.Context(), strings.NewReplacer("things", table, "[from]", from, "[to]", to).Replace(statements))
		return err
	}
	b.must(do(`CREATE TEMP TABLE copied AS TABLE things; UPDATE copied SET state = '[to]'`))
	b.must(do(`ALTER TABLE things DISABLE TRIGGER known_steps_only`))
	if from == "" {
		b.must(do(`DELETE FROM things`))
	} else {
		b.must(do(`UPDATE things SET state = '[from]'`))
	}
	b.must(do(`ALTER TABLE things ENABLE TRIGGER known_steps_only`))
	switch {
	case from == "":
		return do(`INSERT INTO things SELECT * FROM copied`)
	case to == "":
		return do(`DELETE FROM things`)
	default:
		return do(`UPDATE things SET state = '[to]'`)
	}
}
