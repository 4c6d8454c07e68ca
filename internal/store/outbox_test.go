package store_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/store"
)

// Rows between announced events stay in the outbox: they are another worker's, or were committed after the events were
// read.
func TestOnlyAnnouncedEventsLeaveTheOutbox(t *testing.T) {
	t.Parallel()
	b := open(t)
	ours, theirs := uuid.New(), uuid.New()
	for _, worker := range []uuid.UUID{ours, ours, theirs, ours, ours} {
		b.do(func(ctx context.Context, tx *store.Tx) error {
			event := store.Outbound{Subject: "s", Type: "T", EventID: uuid.NewString(), Time: now, Data: []byte(`{}`)}
			return tx.AppendOutbox(ctx, worker, []store.Outbound{event})
		})
	}
	left := func(worker uuid.UUID) (ids []string) {
		events, err := b.Outbox(t.Context(), worker, math.MinInt64, 10)
		b.must(err)
		for _, e := range events {
			ids = append(ids, e.EventID)
		}
		return ids
	}
	events, err := b.Outbox(t.Context(), ours, 0, 10)
	b.must(err)
	announced := func(reached uint64, events ...store.Outbound) {
		b.do(func(ctx context.Context, tx *store.Tx) error {
			return tx.Announced(ctx, ours, events, store.OutcomeMark{Stream: epoch, Sequence: reached}, store.OutcomeMark{})
		})
	}
	announced(3)
	announced(2, events[0], events[2])
	if got, want := left(ours), []string{events[1].EventID, events[3].EventID}; !slices.Equal(got, want) {
		t.Errorf("%v are left, want %v", got, want)
	}
	if mark := query[int](b, `SELECT last_sequence FROM outcome_streams`); mark != 2 {
		t.Errorf("the mark is %d, want 2", mark)
	}
	if got := left(theirs); len(got) != 1 {
		t.Errorf("the other worker has %v left", got)
	}
}

// Whatever an operator has set for the server, the outbox is vacuumed after so many rows, however many it had at once.
func TestTheOutboxIsVacuumedByRows(t *testing.T) {
	t.Parallel()
	b := open(t)
	options := query[[]string](b, `SELECT reloptions FROM pg_class WHERE oid = 'outbox'::regclass`)
	for _, want := range []string{
		"autovacuum_vacuum_scale_factor=0", "autovacuum_vacuum_threshold=1000", "autovacuum_vacuum_cost_delay=0",
	} {
		if !slices.Contains(options, want) {
			t.Errorf("the outbox has the options %v, want %s", options, want)
		}
	}
}
