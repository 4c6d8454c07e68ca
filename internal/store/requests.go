package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Request is an event that asks for something: it is the cause of invites, of a run, or of a removal.
type Request struct {
	ID                      uuid.UUID // derived from FirmID, Source and EventID
	FirmID                  string
	Source, EventID         string
	Type                    string
	Data                    json.RawMessage
	Time                    time.Time // when it happened, as upstream says
	TraceParent, TraceState string
	At                      Position
	Content                 []byte // a keyed hash, if an erasure has changed Data; only [Tx.OtherRequests] reads it
	TimedIDs                bool   // the ids of its invites begin with Time (ADR 46); false if it is older than such ids
}

// RecordRequests inserts the requests that are not stored yet. It returns all the given ones, with Time and TimedIDs as
// they are stored, because these two fields determine the ids of a request's invites. If a request was stored before,
// the event at hand may have another time, and an old request has no timed ids. allNew says that no request was stored
// before. Then none has invites yet.
func (t *Tx) RecordRequests(ctx context.Context, requests []Request) (stored []Request, allNew bool, err error) {
	fresh, err := t.InsertRequests(ctx, requests)
	if err != nil {
		return nil, false, err
	}
	if fresh == int64(len(requests)) {
		t.fresh = make(map[uuid.UUID]bool, len(requests))
		for _, r := range requests {
			t.fresh[r.ID] = true
		}
		return requests, true, nil
	}
	type storedRequest struct {
		ID       uuid.UUID
		Time     time.Time
		TimedIDs bool
	}
	found, err := collect(ctx, t, "read stored requests", pgx.RowToStructByPos[storedRequest],
		`SELECT request_id, time, timed_ids FROM requests WHERE request_id = ANY ($1)`,
		column(requests, func(r Request) uuid.UUID { return r.ID }))
	if err != nil {
		return nil, false, err
	}
	byID := make(map[uuid.UUID]storedRequest, len(found))
	for _, r := range found {
		byID[r.ID] = r
	}
	if slices.ContainsFunc(requests, func(r Request) bool { _, there := byID[r.ID]; return !there }) {
		return nil, false, fmt.Errorf("read stored requests: %w", ErrConflict) // one was pruned in between: insert it again
	}
	return column(requests, func(r Request) Request {
		r.Time, r.TimedIDs = byID[r.ID].Time, byID[r.ID].TimedIDs
		return r
	}), false, nil
}

// InsertRequests inserts requests, and returns how many of them are new. A request that already exists stays as it is,
// and the first of two with one id is inserted. [Tx.OtherRequests] finds those that are on record for something else.
func (t *Tx) InsertRequests(ctx context.Context, requests []Request) (fresh int64, err error) {
	requests = sorted(requests, func(a, b Request) int { return slices.Compare(a.ID[:], b.ID[:]) })
	tag, err := t.tx.Exec(ctx, `
		INSERT INTO requests (`+requestColumns+`)
		SELECT *, true FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[],
			$7::timestamptz[], $8::text[], $9::text[], $10::timestamptz[], $11::bigint[])
		ON CONFLICT (request_id) DO NOTHING`,
		column(requests, func(r Request) uuid.UUID { return r.ID }),
		column(requests, func(r Request) string { return r.FirmID }),
		column(requests, func(r Request) string { return r.Source }),
		column(requests, func(r Request) string { return r.EventID }),
		column(requests, func(r Request) string { return r.Type }),
		column(requests, func(r Request) []byte { return r.Data }),
		column(requests, func(r Request) time.Time { return r.Time }),
		column(requests, func(r Request) string { return r.TraceParent }),
		column(requests, func(r Request) string { return r.TraceState }),
		column(requests, func(r Request) time.Time { return r.At.Stream }),
		column(requests, func(r Request) int64 { return int64(r.At.Sequence) }))
	if err != nil {
		return 0, fmt.Errorf("insert requests: %w", err)
	}
	return tag.RowsAffected(), nil
}

const requestColumns = `request_id, firm_id, source, event_id, type, data, time, trace_parent, trace_state, stream,
	sequence, timed_ids`

func scanRequest(row pgx.CollectableRow) (Request, error) {
	var r Request
	err := row.Scan(&r.ID, &r.FirmID, &r.Source, &r.EventID, &r.Type, (*[]byte)(&r.Data), &r.Time,
		&r.TraceParent, &r.TraceState, &r.At.Stream, &r.At.Sequence, &r.TimedIDs)
	return r, err
}

// LoadRequests reads requests by id.
func (t *Tx) LoadRequests(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Request, error) {
	rows, err := t.tx.Query(ctx, `SELECT `+requestColumns+` FROM requests WHERE request_id = ANY ($1)`, ids)
	if err != nil {
		return nil, fmt.Errorf("load requests: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanRequest)
	if err != nil {
		return nil, fmt.Errorf("load requests: %w", err)
	}
	found := make(map[uuid.UUID]Request, len(list))
	for _, r := range list {
		found[r.ID] = r
	}
	return found, nil
}

// OtherRequests returns the stored requests whose id is that of a given request, by its index, and whose type or data
// differ from it. The order of a JSON object's fields makes no difference. Only type, data and position are read.
func (t *Tx) OtherRequests(ctx context.Context, requests []Request) (map[int]Request, error) {
	return otherRequests(ctx, t.tx, requests)
}

// OtherRequests is [Tx.OtherRequests] outside a transaction.
func (s *Store) OtherRequests(ctx context.Context, requests []Request) (map[int]Request, error) {
	return otherRequests(ctx, s.pool, requests)
}

func otherRequests(ctx context.Context, in queryer, requests []Request) (map[int]Request, error) {
	rows, err := in.Query(ctx, `
		SELECT g.n - 1, r.type, r.data, r.stream, r.sequence, r.content
		FROM unnest($1::uuid[], $2::text[], $3::jsonb[]) WITH ORDINALITY AS g (request_id, type, data, n)
		JOIN requests r ON r.request_id = g.request_id
		WHERE r.type <> g.type OR r.data <> g.data`,
		column(requests, func(r Request) uuid.UUID { return r.ID }),
		column(requests, func(r Request) string { return r.Type }),
		column(requests, func(r Request) []byte { return r.Data }))
	if err != nil {
		return nil, fmt.Errorf("compare requests: %w", err)
	}
	others := map[int]Request{}
	var i int
	var r Request
	columns := []any{&i, &r.Type, (*[]byte)(&r.Data), &r.At.Stream, &r.At.Sequence, &r.Content}
	_, err = pgx.ForEachRow(rows, columns, func() error {
		r.ID = requests[i].ID
		others[i] = r
		r.Data, r.Content = nil, nil // the next row has its own bytes
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("compare requests: %w", err)
	}
	return others, nil
}

// Redacted is a request from whose data an erased person was taken, with the keyed hash of the data as it was.
type Redacted struct {
	ID            uuid.UUID
	Data, Content []byte
}

// EraseRequests writes requests without erased people. The hash of the whole data stays: by it, a copy of the request
// is told from another one under the same id (ADR 171).
func (t *Tx) EraseRequests(ctx context.Context, list []Redacted) error {
	if len(list) == 0 {
		return nil
	}
	_, err := t.tx.Exec(ctx, `
		UPDATE requests SET data = r.data, content = coalesce(requests.content, r.content)
		FROM unnest($1::uuid[], $2::jsonb[], $3::bytea[]) AS r (request_id, data, content)
		WHERE requests.request_id = r.request_id`,
		column(list, func(r Redacted) uuid.UUID { return r.ID }),
		column(list, func(r Redacted) []byte { return r.Data }),
		column(list, func(r Redacted) []byte { return r.Content }))
	if err != nil {
		return fmt.Errorf("erase people from requests: %w", err)
	}
	return nil
}
