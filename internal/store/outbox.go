package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Outbound is an outcome event that is committed and not yet published.
type Outbound struct {
	OutboxID                int64 // set by the database
	Unclear                 bool  // a worker that died may have published it
	Subject, Type, EventID  string
	Time                    time.Time
	About                   string
	TraceParent, TraceState string
	Data                    json.RawMessage
}

// AppendOutbox writes events in the transaction that decided them. They are published if, and only if, it commits. The
// worker that wrote them publishes them, in this order (ADR 3). What was recovered from the stream is there already,
// and is left out.
func (t *Tx) AppendOutbox(ctx context.Context, worker uuid.UUID, events []Outbound) error {
	if len(events) == 0 {
		return nil
	}
	_, err := t.tx.Exec(ctx, `
		INSERT INTO outbox (worker_id, subject, type, event_id, time, about, trace_parent, trace_state, data)
		SELECT $1, subject, type, event_id, time, about, trace_parent, trace_state, data
		FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::json[])
			WITH ORDINALITY AS e (subject, type, event_id, time, about, trace_parent, trace_state, data, n)
		WHERE NOT EXISTS (SELECT FROM recovered_outcomes r WHERE r.event_id = e.event_id)
		ORDER BY n`,
		worker,
		column(events, func(e Outbound) string { return e.Subject }),
		column(events, func(e Outbound) string { return e.Type }),
		column(events, func(e Outbound) string { return e.EventID }),
		column(events, func(e Outbound) time.Time { return e.Time }),
		column(events, func(e Outbound) string { return e.About }),
		column(events, func(e Outbound) string { return e.TraceParent }),
		column(events, func(e Outbound) string { return e.TraceState }),
		column(events, func(e Outbound) []byte { return e.Data }))
	if err != nil {
		return fmt.Errorf("append to the outbox: %w", err)
	}
	return nil
}

// Outbox reads the first n events that a worker has to publish, starting with the id from (ADR 19).
func (s *Store) Outbox(ctx context.Context, worker uuid.UUID, from int64, n int) ([]Outbound, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT outbox_id, subject, type, event_id, time, about, trace_parent, trace_state, data, unclear FROM outbox
		WHERE worker_id = $1 AND outbox_id >= $2 ORDER BY outbox_id LIMIT $3`, worker, from, n)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Outbound, error) {
		var e Outbound
		err := row.Scan(&e.OutboxID, &e.Subject, &e.Type, &e.EventID, &e.Time, &e.About, &e.TraceParent, &e.TraceState,
			(*[]byte)(&e.Data), &e.Unclear)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return events, nil
}

// takeOverOutbox gives an heir ($2) the outbox rows of dead workers ($1). A dead worker may have published some of
// them.
const takeOverOutbox = `UPDATE outbox SET worker_id = $2, unclear = true WHERE worker_id = ANY ($1)`

// orphanOutbox gives every event to a worker ($1): see [Tx.Orphan].
const orphanOutbox = `UPDATE outbox SET worker_id = $1`
