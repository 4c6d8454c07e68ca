package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// IDRange is a range of invites by id: those after After and before Before.
type IDRange struct{ After, Before uuid.UUID }

// PrunedPage is the result of pruning a page of invites.
type PrunedPage struct {
	Seen     int         // how many invites were looked at
	Last     uuid.UUID   // the last of them
	Invites  int         // how many of them were deleted
	Requests []uuid.UUID // the requests of the deleted invites
}

// PruneInvites looks at the first n invites of a range, and deletes those that were finished before a time (ADR 51).
// Such an invite has an outcome from before that time, no attempt since, and a link that had expired; and no access, in
// whatever state, goes back to it. Its attempts and its rulings are deleted with it. Invites that another transaction
// has locked are passed over.
func (t *Tx) PruneInvites(ctx context.Context, within IDRange, at time.Time, n int) (PrunedPage, error) {
	var p PrunedPage
	err := t.tx.QueryRow(ctx, `
		WITH page AS MATERIALIZED (
			SELECT invite_id FROM invites WHERE invite_id > $1 AND invite_id < $2 ORDER BY invite_id LIMIT $3
		), over AS MATERIALIZED (
			SELECT i.invite_id FROM page JOIN invites i USING (invite_id)
			WHERE i.state `+isOver+` AND i.decided_at < $4 AND coalesce(i.expires_at, '-infinity') < $4
			  AND NOT EXISTS (SELECT FROM attempts a WHERE a.invite_id = i.invite_id AND a.started_at >= $4)
			  AND NOT EXISTS (SELECT FROM access a
				WHERE a.firm_id = i.firm_id AND a.client_id = i.client_id AND a.person = i.person AND a.invite_id = i.invite_id)
			FOR UPDATE OF i SKIP LOCKED
		), rulings AS (
			DELETE FROM held_decisions USING over WHERE held_decisions.invite_id = over.invite_id
		), tries AS (
			DELETE FROM attempts USING over WHERE attempts.invite_id = over.invite_id
		), gone AS (
			DELETE FROM invites USING over WHERE invites.invite_id = over.invite_id RETURNING invites.request_id
		)
		SELECT (SELECT count(*) FROM page), coalesce((SELECT invite_id FROM page ORDER BY invite_id DESC LIMIT 1), $1),
			count(*), coalesce(array_agg(DISTINCT request_id), '{}') FROM gone`,
		within.After, within.Before, n, at).Scan(&p.Seen, &p.Last, &p.Invites, &p.Requests)
	if err != nil {
		return PrunedPage{}, fmt.Errorf("prune invites: %w", err)
	}
	return p, nil
}

// AccessKey names an access.
type AccessKey = rules.AccessKey

// PrunedAccess is the result of pruning a page of access.
type PrunedAccess struct {
	Seen    int             // how many accesses were looked at
	Last    rules.AccessKey // the last of them
	Deleted int             // how many of them were deleted
}

// PruneAccess looks at the next n accesses that are expired or removed, and deletes those that are over for good
// (ADR 145): removed before a time, or expired before it while the contact or the client is removed. The invite behind
// such an access can be pruned then. A later event about the access begins a new one. It leaves alone what another
// transaction has locked.
func (t *Tx) PruneAccess(ctx context.Context, after rules.AccessKey, before time.Time, n int) (PrunedAccess, error) {
	p := PrunedAccess{Last: after}
	err := t.tx.QueryRow(ctx, `
		WITH page AS MATERIALIZED (
			SELECT firm_id, client_id, person FROM access
			WHERE (firm_id, client_id, person) > ($1, $2, $3) AND state IN (`+sqlExpired+`, `+sqlRemoved+`)
			ORDER BY firm_id, client_id, person LIMIT $4
		), over AS MATERIALIZED (
			SELECT a.firm_id, a.client_id, a.person FROM page JOIN access a USING (firm_id, client_id, person)
			WHERE a.state = `+sqlRemoved+` AND a.removed_at < $5
			   OR a.state = `+sqlExpired+` AND a.expires_at < $5 AND (
				EXISTS (SELECT FROM contacts k WHERE k.firm_id = a.firm_id AND k.contact_id = substr(a.person, 9)
					AND a.person LIKE 'contact:%' AND k.removed)
				OR EXISTS (SELECT FROM clients c WHERE c.firm_id = a.firm_id AND c.client_id = a.client_id AND c.removed))
			FOR UPDATE OF a SKIP LOCKED
		), gone AS (
			DELETE FROM access a USING over o
			WHERE a.firm_id = o.firm_id AND a.client_id = o.client_id AND a.person = o.person RETURNING a.firm_id
		), last AS (SELECT * FROM page ORDER BY firm_id DESC, client_id DESC, person DESC LIMIT 1)
		SELECT (SELECT count(*) FROM page), (SELECT count(*) FROM gone), coalesce((SELECT firm_id FROM last), $1),
			coalesce((SELECT client_id FROM last), $2), coalesce((SELECT person FROM last), $3)`,
		after.FirmID, after.ClientID, string(after.Person), n, before,
	).Scan(&p.Seen, &p.Deleted, &p.Last.FirmID, &p.Last.ClientID, &p.Last.Person)
	if err != nil {
		return PrunedAccess{}, fmt.Errorf("prune access: %w", err)
	}
	return p, nil
}

// Aged is a request that may be finished, and when it happened.
type Aged struct {
	ID   uuid.UUID
	Time time.Time
}

// LockAged locks, until the transaction ends, those of the requests that are from before a time and that have no run.
// It passes over a request whose invite is being written. It also passes over requests without timed ids: their invites
// can only be found by reading all invites.
func (t *Tx) LockAged(ctx context.Context, requests []uuid.UUID, before time.Time) ([]Aged, error) {
	if len(requests) == 0 {
		return nil, nil
	}
	return collect(ctx, t, "lock requests to prune", pgx.RowToStructByPos[Aged], `
		SELECT request_id, time FROM requests r WHERE request_id = ANY ($1) AND time < $2 AND timed_ids
		  AND NOT EXISTS (SELECT FROM runs WHERE runs.request_id = r.request_id)
		ORDER BY request_id FOR UPDATE SKIP LOCKED`, requests, before)
}

// PruneRequests deletes locked requests that have no invites left. within[i] is the range in which the invites of
// requests[i] would be.
func (t *Tx) PruneRequests(ctx context.Context, requests []Aged, within []IDRange) (int, error) {
	if len(requests) == 0 {
		return 0, nil
	}
	tag, err := t.tx.Exec(ctx, `
		DELETE FROM requests USING unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS aged (request_id, after, before)
		WHERE requests.request_id = aged.request_id AND NOT EXISTS (
			SELECT FROM invites i
			WHERE i.invite_id > aged.after AND i.invite_id < aged.before AND i.request_id = aged.request_id)`,
		column(requests, func(r Aged) uuid.UUID { return r.ID }),
		column(within, func(r IDRange) uuid.UUID { return r.After }),
		column(within, func(r IDRange) uuid.UUID { return r.Before }))
	if err != nil {
		return 0, fmt.Errorf("prune requests: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// PruneRemovals deletes up to n requests for the removal of access that came before a time, whatever time their events
// have. They have no invites. They are kept until then so that each removal is applied once.
func (t *Tx) PruneRemovals(ctx context.Context, before time.Time, n int) (int, error) {
	return t.prune(ctx, "removals", `
		DELETE FROM requests WHERE request_id IN (
			SELECT request_id FROM requests WHERE type = 'AccessRemovalRequested' AND recorded_at < $1
			ORDER BY recorded_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		before, n)
}

// PruneInstructions deletes up to n requests that told a run something before a time, if there is no such run any more.
func (t *Tx) PruneInstructions(ctx context.Context, before time.Time, n int) (int, error) {
	return t.prune(ctx, "instructions", `
		DELETE FROM requests WHERE request_id IN (
			SELECT q.request_id FROM run_instructions i JOIN requests q USING (request_id)
			WHERE i.recorded_at < $1 AND NOT EXISTS (SELECT FROM runs r WHERE r.run_id = i.run_id)
			LIMIT $2 FOR UPDATE OF q SKIP LOCKED)`,
		before, n)
}

// AgedRun is a run that may be finished.
type AgedRun struct {
	ID      uuid.UUID
	Request Aged
	Own     bool // it is the request's own run, so the request's invites are its own; a replay has none of its own
}

// LockAgedRuns locks up to n runs until the transaction ends, in the order of their ids, starting after one. These runs
// completed before a time, and no other run replays them. Like [Tx.LockAged], it passes over runs whose requests have
// no timed ids.
func (t *Tx) LockAgedRuns(ctx context.Context, after uuid.UUID, before time.Time, n int) ([]AgedRun, error) {
	return collect(ctx, t, "lock runs to prune", func(row pgx.CollectableRow) (AgedRun, error) {
		var r AgedRun
		err := row.Scan(&r.ID, &r.Own, &r.Request.ID, &r.Request.Time)
		return r, err
	}, `
		SELECT r.run_id, r.kind <> 'replay', q.request_id, q.time FROM runs r JOIN requests q USING (request_id)
		WHERE r.run_id > $1 AND r.completed_at < $2 AND q.timed_ids
		  AND NOT EXISTS (SELECT FROM runs other WHERE other.replays = r.run_id)
		ORDER BY r.run_id LIMIT $3 FOR UPDATE OF r SKIP LOCKED`, after, before, n)
}

// PruneRuns deletes locked runs that have no invites left. within[i] is the range in which the invites of runs[i] would
// be.
func (t *Tx) PruneRuns(ctx context.Context, runs []AgedRun, within []IDRange) (int, error) {
	if len(runs) == 0 {
		return 0, nil
	}
	tag, err := t.tx.Exec(ctx, `
		DELETE FROM runs USING unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bool[])
			AS aged (run_id, request_id, after, before, own)
		WHERE runs.run_id = aged.run_id AND NOT (aged.own AND EXISTS (
			SELECT FROM invites i
			WHERE i.invite_id > aged.after AND i.invite_id < aged.before AND i.request_id = aged.request_id))`,
		column(runs, func(r AgedRun) uuid.UUID { return r.ID }),
		column(runs, func(r AgedRun) uuid.UUID { return r.Request.ID }),
		column(within, func(r IDRange) uuid.UUID { return r.After }),
		column(within, func(r IDRange) uuid.UUID { return r.Before }),
		column(runs, func(r AgedRun) bool { return r.Own }))
	if err != nil {
		return 0, fmt.Errorf("prune runs: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// PruneDeadLetters deletes up to n dead letters that were requeued or discarded before a time.
func (t *Tx) PruneDeadLetters(ctx context.Context, before time.Time, n int) (int, error) {
	return t.prune(ctx, "dead letters", `
		DELETE FROM dead_letters WHERE letter_id IN (
			SELECT letter_id FROM dead_letters WHERE state <> 'open' AND marked_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		before, n)
}

// PruneOldLetters deletes up to n open dead letters that were set aside before a time.
func (t *Tx) PruneOldLetters(ctx context.Context, before time.Time, n int) (int, error) {
	return t.prune(ctx, "old dead letters", `
		DELETE FROM dead_letters WHERE letter_id IN (
			SELECT letter_id FROM dead_letters WHERE state = 'open' AND buried_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		before, n)
}

// PruneManyLetters deletes up to n open dead letters of one firm that has more than keep of them, the oldest first. It
// returns 0 if there is no such firm.
func (t *Tx) PruneManyLetters(ctx context.Context, keep, n int) (int, error) {
	return t.prune(ctx, "dead letters of a firm", `
		WITH crowded AS MATERIALIZED (
			SELECT firm_id, count(*) - $1 AS over FROM dead_letters WHERE state = 'open'
			GROUP BY firm_id HAVING count(*) > $1 LIMIT 1
		)
		DELETE FROM dead_letters WHERE letter_id IN (
			SELECT letter_id FROM dead_letters d WHERE firm_id = (SELECT firm_id FROM crowded) AND state = 'open'
			ORDER BY buried_at, letter_id LIMIT least($2, (SELECT over FROM crowded)) FOR UPDATE SKIP LOCKED)`,
		keep, n)
}

func (t *Tx) prune(ctx context.Context, what, sql string, args ...any) (int, error) {
	tag, err := t.tx.Exec(ctx, sql, args...)
	if err != nil {
		return 0, fmt.Errorf("prune %s: %w", what, err)
	}
	return int(tag.RowsAffected()), nil
}
