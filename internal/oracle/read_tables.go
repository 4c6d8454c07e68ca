package oracle

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	selectInvites = `
		SELECT i.invite_id::text, i.firm_id, r.source, r.event_id, i.client_id, i.contact_id, i.added_email, i.kind,
			i.lane, coalesce(i.run_id::text, ''), coalesce(i.replay_id::text, ''), i.state, i.reason, i.person,
			ARRAY(SELECT e->>'code' FROM jsonb_array_elements(i.reasons) WITH ORDINALITY AS x (e, n)
				WHERE i.state = 'skipped' ORDER BY n),
			i.revision, i.attempt, i.decided_at, i.sent_at, i.expires_at
		FROM invites i JOIN requests r USING (request_id) ORDER BY i.invite_id`
	selectAttempts = `
		SELECT invite_id::text, attempt, message_id, verdict, started_at FROM attempts ORDER BY invite_id, attempt`
	selectRuns = `
		SELECT run_id::text, n.firm_id, r.source, r.event_id, selected, sent, skipped, failed, pending, quiet,
			completed_at IS NOT NULL
		FROM runs n JOIN requests r USING (request_id) ORDER BY run_id`
	selectLetters   = `SELECT sequence FROM dead_letters ORDER BY sequence`
	selectOutbox    = `SELECT count(*) FROM outbox`
	selectDeadlocks = `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`
)

// ReadLedger reads what the tables say about invites and runs.
func ReadLedger(ctx context.Context, db *pgxpool.Pool) (Ledger, error) {
	var l Ledger
	var err error
	if l.Invites, err = rowsOf[Invite](ctx, db, selectInvites); err != nil {
		return l, err
	}
	if l.Attempts, err = rowsOf[Attempt](ctx, db, selectAttempts); err != nil {
		return l, err
	}
	if l.Runs, err = rowsOf[Run](ctx, db, selectRuns); err != nil {
		return l, err
	}
	rows, err := db.Query(ctx, selectLetters)
	if err != nil {
		return l, fmt.Errorf("dead letters: %w", err)
	}
	if l.Letters, err = pgx.CollectRows(rows, pgx.RowTo[uint64]); err != nil {
		return l, fmt.Errorf("dead letters: %w", err)
	}
	if err := db.QueryRow(ctx, selectOutbox).Scan(&l.Outbox); err != nil {
		return l, fmt.Errorf("outbox: %w", err)
	}
	if err := db.QueryRow(ctx, selectDeadlocks).Scan(&l.Deadlocks); err != nil {
		return l, fmt.Errorf("deadlocks: %w", err)
	}
	return l, nil
}

func rowsOf[T any](ctx context.Context, db *pgxpool.Pool, sql string) ([]T, error) {
	rows, err := db.Query(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[T])
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return found, nil
}

// factTables are the tables of the projection.
var factTables = []string{"firms", "clients", "contacts", "suppressions", "templates"}

// placesAndTimes are the columns that are others in a replay: places in the stream, the times at which facts were
// applied, and what was before a fact, which has places and depends on which facts were applied together.
const placesAndTimes = `'{stream,sequence,lifted_at,emails_before,contacts_before}'::text[]`

// ReadFacts reads the projection: by table, each row as text, sorted. It leaves out [placesAndTimes].
func ReadFacts(ctx context.Context, db *pgxpool.Pool) (map[string][]string, error) {
	found := map[string][]string{}
	for _, table := range factTables {
		rows, err := db.Query(ctx, `
			SELECT row::text
			FROM (SELECT to_jsonb(t) - `+placesAndTimes+` AS row FROM `+pgx.Identifier{table}.Sanitize()+` t) r
			ORDER BY row::text COLLATE "C"`)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", table, err)
		}
		if found[table], err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return nil, fmt.Errorf("%s: %w", table, err)
		}
	}
	return found, nil
}
