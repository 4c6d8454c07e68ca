package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// RunKind says what a run does with each candidate.
type RunKind string

// The kinds of run.
const (
	InviteRun RunKind = "invite"
	ResendRun RunKind = "resend"
	ReplayRun RunKind = "replay"
)

// Run is a bulk request or a replay while it is worked on.
type Run struct {
	ID        uuid.UUID
	RequestID uuid.UUID
	FirmID    string
	Kind      RunKind
	Replays   uuid.NullUUID // the run that a replay decides again; none: the invites that match its request's filter
	TooOld    int           // of a replay: invites that match the filter but were requested too long ago
	Quiet     bool          // it publishes nothing until it changes an outcome (ADR 14)
	Cursor    Cursor
	Walked    bool // every candidate has been decided
	Counts
	Published   int       // how many events about it have been published
	Progressed  time.Time // when the last of these events was written
	CompletedAt time.Time // zero: not yet
	ToRevise    bool      // it has completed, and its sums have changed since the last event (ADR 110)
	Reported    bool      // its completion was recovered from the stream, so it is not reported again (ADR 107)
	Orders                // what it was told to do
	Guard                 // what keeps it from mailing others than were meant
}

// Cursor is a run's checkpoint: the last candidate that it has decided. A run over a selection goes by client and
// contact, a replay by invite.
type Cursor struct {
	ClientID, ContactID string
	InviteID            uuid.UUID
}

// Counts are a run's sums, or a change of them. Selected = Sent + Skipped + Failed + Pending; a check of the table
// enforces that.
type Counts struct {
	Selected, Sent, Skipped, Failed, Pending int
	ByReason                                 map[rules.Code]int // the skips, by their first reason
	Settled                                  map[rules.Code]int // the part of ByReason that no replay decides again
}

// IsZero says whether a change leaves every sum as it is.
func (c *Counts) IsZero() bool {
	for _, n := range c.ByReason {
		if n != 0 {
			return false
		}
	}
	return c.Selected == 0 && c.Sent == 0 && c.Skipped == 0 && c.Failed == 0 && c.Pending == 0
}

// SameSums says whether these sums are the same as others. The reasons make no difference.
func (c *Counts) SameSums(o Counts) bool {
	return c.Selected == o.Selected && c.Sent == o.Sent && c.Skipped == o.Skipped && c.Failed == o.Failed &&
		c.Pending == o.Pending
}

// Add counts n more recipients (n < 0: fewer) in the state of the invite i.
func (c *Counts) Add(i Invite, n int) {
	switch i.State {
	case Sent:
		c.Sent += n
	case Skipped:
		c.Skipped += n
		if c.ByReason == nil {
			c.ByReason, c.Settled = make(map[rules.Code]int), make(map[rules.Code]int)
		}
		c.ByReason[i.Reason] += n
		if i.Settled {
			c.Settled[i.Reason] += n
		}
	case Failed:
		c.Failed += n
	case Queued, Sending:
		c.Pending += n
	}
}

const runColumns = `run_id, request_id, firm_id, kind, replays, quiet,
	cursor_client, cursor_contact, cursor_invite, walked,
	selected, sent, skipped, failed, pending, too_old, published, progressed_at, completed_at,
	to_revise, reported, ` + guardColumns + `, ` + orderColumns

func scanRun(row pgx.CollectableRow) (Run, error) {
	var r Run
	var progressed, completed *time.Time
	var orders scannedOrders
	err := row.Scan(append([]any{&r.ID, &r.RequestID, &r.FirmID, &r.Kind, &r.Replays, &r.Quiet,
		&r.Cursor.ClientID, &r.Cursor.ContactID, &r.Cursor.InviteID, &r.Walked,
		&r.Selected, &r.Sent, &r.Skipped, &r.Failed, &r.Pending, &r.TooOld, &r.Published, &progressed, &completed,
		&r.ToRevise, &r.Reported}, append(r.scanGuard(), orders.into(&r.Orders)...)...)...)
	r.Progressed, r.CompletedAt = orZero(progressed), orZero(completed)
	orders.fill(&r.Orders)
	return r, err
}

// FindRun reads a run. It returns [ErrNotFound] if there is none.
func (t *Tx) FindRun(ctx context.Context, id uuid.UUID) (Run, error) {
	rows, err := t.tx.Query(ctx, `SELECT `+runColumns+` FROM runs WHERE run_id = $1`, id)
	if err != nil {
		return Run{}, fmt.Errorf("find run %s: %w", id, err)
	}
	run, err := pgx.CollectExactlyOneRow(rows, scanRun)
	if errors.Is(err, pgx.ErrNoRows) {
		return Run{}, ErrNotFound
	}
	if err != nil {
		return Run{}, fmt.Errorf("find run %s: %w", id, err)
	}
	return run, nil
}

// BeingReplayed says whether a replay of the run has not completed yet.
func (t *Tx) BeingReplayed(ctx context.Context, run uuid.UUID) (bool, error) {
	var replayed bool
	err := t.tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM runs WHERE replays = $1 AND completed_at IS NULL)`, run).
		Scan(&replayed)
	if err != nil {
		return false, fmt.Errorf("look for a replay of run %s: %w", run, err)
	}
	return replayed, nil
}

// StartRun stores a run. A run that is already stored is left alone. If events about it were recovered, it goes on with
// their numbers. A replay whose completion was recovered is complete.
func (t *Tx) StartRun(ctx context.Context, r Run, now time.Time) error {
	var reported bool
	err := t.tx.QueryRow(ctx, `
		INSERT INTO runs (run_id, request_id, firm_id, kind, replays, too_old, quiet, turn_at, created_at, published,
			reported, start_at, names, asked_stream, asked_sequence, plan_id, max_recipients, holds)
		SELECT $1::uuid, $2::uuid, $3::text, $4::text, $5::uuid, $6::int, $7::bool, '-infinity', $8::timestamptz,
			coalesce(max(number), 0), coalesce(bool_or(type = 'RunCompleted'), false), $9::timestamptz, $10::uuid,
			$11::timestamptz, $12::bigint, $13::uuid, $14::int, $15::bool
		FROM recovered_outcomes WHERE about = $1
		ON CONFLICT (run_id) DO NOTHING RETURNING reported`,
		r.ID, r.RequestID, r.FirmID, r.Kind, r.Replays, r.TooOld, r.Quiet, now, orNull(r.StartAt), r.Names,
		orNull(r.AskedAt.Stream), int64(r.AskedAt.Sequence), r.PlanID, r.MaxRecipients, r.Holds).Scan(&reported)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("start run %s: %w", r.ID, err)
	case reported && r.Kind == ReplayRun:
		return t.completeReplay(ctx, r.ID, now)
	default:
		return nil
	}
}

// completeReplay completes a replay with the sums that were reported. What it has decided was recovered as well, so it
// would find nobody.
func (t *Tx) completeReplay(ctx context.Context, run uuid.UUID, now time.Time) error {
	var batch pgx.Batch
	batch.Queue(`
		UPDATE runs SET walked = true, completed_at = $2, progressed_at = $2, selected = (data->>'selected')::int,
			sent = (data->>'sent')::int, skipped = (data->>'skipped')::int, failed = (data->>'failed')::int
		FROM recovered_outcomes WHERE run_id = $1 AND about = $1 AND type = 'RunCompleted'`, run, now)
	batch.Queue(`
		INSERT INTO run_reasons (run_id, reason, count)
		SELECT $1, key, value::int FROM recovered_outcomes, jsonb_each_text(data->'by_reason')
		WHERE about = $1 AND type = 'RunCompleted'`, run)
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("complete the recovered replay %s: %w", run, err)
	}
	return nil
}

// RecoverRuns lets the numbers of each run's events go on above those that were recovered, and notes whose completion
// was reported.
func (t *Tx) RecoverRuns(ctx context.Context) error {
	_, err := t.tx.Exec(ctx, `
		UPDATE runs SET published = greatest(published, number), reported = completed
		FROM (`+reportedRuns+` GROUP BY about) AS recovered
		WHERE run_id = about`)
	if err != nil {
		return fmt.Errorf("recover the numbers of runs: %w", err)
	}
	return nil
}

// reportedRuns finds what the recovered outcomes say about runs.
const reportedRuns = `
	SELECT about, max(number) AS number, bool_or(type IN ('RunCompleted', 'RunRevised')) AS completed
	FROM recovered_outcomes WHERE type LIKE 'Run%'`

const (
	// mayWalk is the condition on a run that its candidates may be decided now. A run whose start was missed by more
	// than a day is paused instead (ADR 159).
	mayWalk = `NOT walked AND paused_at IS NULL AND coalesce(start_at <= ledger_now(), true) AND NOT ` + hasMissed
	// hasMissed says of a run that does not walk yet that it has missed its start.
	hasMissed = `(coalesce(start_at < ledger_now() - interval '1 day', false) AND selected = 0 AND cursor_client = '')`
)

// LeaseRun gives a worker the run that has waited longest for its turn. It returns [ErrNotFound] if none waits. The
// worker keeps the run until it returns it, or until the worker's own lease ends. A worker works on one run at a time.
// So if a run is already leased to this worker, the answer to a lease or to a return was lost, and the worker gets that
// run.
func (s *Store) LeaseRun(ctx context.Context, worker uuid.UUID) (Run, error) {
	rows, err := s.pool.Query(ctx, `
		UPDATE runs SET worker_id = $1, turn_at = ledger_now()
		WHERE run_id = (
			SELECT run_id FROM runs WHERE `+mayWalk+` AND (worker_id IS NULL OR worker_id = $1)
			ORDER BY turn_at LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING `+runColumns, worker)
	if err != nil {
		return Run{}, fmt.Errorf("lease a run: %w", err)
	}
	run, err := pgx.CollectExactlyOneRow(rows, scanRun)
	if errors.Is(err, pgx.ErrNoRows) {
		return Run{}, ErrNotFound
	}
	if err != nil {
		return Run{}, fmt.Errorf("lease a run: %w", err)
	}
	return run, nil
}

// RunsWait says whether a run waits for its turn.
func (s *Store) RunsWait(ctx context.Context) (bool, error) {
	var wait bool
	const waits = `SELECT EXISTS (SELECT FROM runs WHERE ` + mayWalk + ` AND worker_id IS NULL)`
	err := s.pool.QueryRow(ctx, waits).Scan(&wait)
	if err != nil {
		return false, fmt.Errorf("look for runs that wait: %w", err)
	}
	return wait, nil
}

// ReturnRun gives a leased run back, for any worker to lease.
func (s *Store) ReturnRun(ctx context.Context, run, worker uuid.UUID) error {
	_, err := s.pool.Exec(ctx, `UPDATE runs SET worker_id = NULL WHERE run_id = $1 AND worker_id = $2`, run, worker)
	if err != nil {
		return fmt.Errorf("return run %s: %w", run, err)
	}
	return nil
}

// ErrLeaseLost says that another worker has taken the run over, because this worker's lease had ended.
var ErrLeaseLost = errors.New("the run's lease was lost")

// Advance moves a run's cursor, in the transaction that writes the decisions up to it. It returns [ErrLeaseLost] if the
// worker no longer has the run, or if the cursor is not where it was read. The update keeps the run from being deleted
// until the transaction ends, as a foreign key of its invites would (ADR 48).
func (t *Tx) Advance(ctx context.Context, run Run, worker uuid.UUID, to Cursor, walked bool) error {
	tag, err := t.tx.Exec(ctx, `
		UPDATE runs SET cursor_client = $3, cursor_contact = $4, cursor_invite = $5, walked = $6
		WHERE run_id = $1 AND worker_id = $2 AND NOT walked
		  AND (cursor_client, cursor_contact, cursor_invite) = ($7, $8, $9)`,
		run.ID, worker, to.ClientID, to.ContactID, to.InviteID, walked,
		run.Cursor.ClientID, run.Cursor.ContactID, run.Cursor.InviteID)
	switch {
	case err != nil:
		return fmt.Errorf("advance run %s: %w", run.ID, err)
	case tag.RowsAffected() == 0:
		return fmt.Errorf("advance run %s: %w", run.ID, ErrLeaseLost)
	default:
		return nil
	}
}

// LockRuns reads runs and locks them until the transaction ends, in the order of their ids. So two workers that count
// into the same runs wait for each other and do not deadlock.
func (t *Tx) LockRuns(ctx context.Context, ids []uuid.UUID) ([]Run, error) {
	rows, err := t.tx.Query(ctx, `SELECT `+runColumns+` FROM runs WHERE run_id = ANY ($1) ORDER BY run_id FOR UPDATE`, ids)
	if err != nil {
		return nil, fmt.Errorf("lock runs: %w", err)
	}
	runs, err := pgx.CollectRows(rows, scanRun)
	if err != nil {
		return nil, fmt.Errorf("lock runs: %w", err)
	}
	return runs, nil
}

// LockRunsToRevise locks up to n completed runs whose sums have changed since the last event about them, if that event
// is from before a time. It passes over runs that other transactions have locked.
func (t *Tx) LockRunsToRevise(ctx context.Context, before time.Time, n int) ([]Run, error) {
	return collect(ctx, t, "lock runs to revise", scanRun, `
		SELECT `+runColumns+` FROM runs WHERE to_revise AND progressed_at <= $1
		ORDER BY progressed_at LIMIT $2 FOR UPDATE SKIP LOCKED`, before, n)
}

// SaveCounts writes a locked run's sums and how much about it has been published. It adds change to the counts by
// reason.
func (t *Tx) SaveCounts(ctx context.Context, r Run, change Counts) error {
	var batch pgx.Batch
	batch.Queue(`
		UPDATE runs SET selected = $2, sent = $3, skipped = $4, failed = $5, pending = $6, quiet = $7, published = $8,
			progressed_at = $9, completed_at = $10, to_revise = $11, not_reached = $12, holds = $13
		WHERE run_id = $1`,
		r.ID, r.Selected, r.Sent, r.Skipped, r.Failed, r.Pending, r.Quiet, r.Published,
		orNull(r.Progressed), orNull(r.CompletedAt), r.ToRevise, r.NotReached, r.Holds)
	for _, reason := range slices.Sorted(maps.Keys(change.ByReason)) {
		// This takes two statements. ON CONFLICT DO UPDATE would check the row to insert before it looks for a row to
		// update. A replay's change is negative, and the table's check refuses a count below zero.
		batch.Queue(`INSERT INTO run_reasons (run_id, reason, count) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING`,
			r.ID, string(reason))
		batch.Queue(`UPDATE run_reasons SET count = count + $3, settled = settled + $4 WHERE run_id = $1 AND reason = $2`,
			r.ID, string(reason), change.ByReason[reason], change.Settled[reason])
	}
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("save the counts of run %s: %w", r.ID, err)
	}
	return nil
}

// mostNotPlanned is how many recipients that are not in a run's plan are kept to be listed.
const mostNotPlanned = 100

// AddNotPlanned counts recipients of a locked run who are not in its plan, and keeps the first of them.
func (t *Tx) AddNotPlanned(ctx context.Context, r Run, invites []uuid.UUID) error {
	if len(invites) == 0 {
		return nil
	}
	_, err := t.tx.Exec(ctx, `
		UPDATE runs SET not_planned = not_planned + $2, not_planned_invites = (not_planned_invites || $3::uuid[])[:$4]
		WHERE run_id = $1`,
		r.ID, len(invites), invites[:min(len(invites), mostNotPlanned)], mostNotPlanned)
	if err != nil {
		return fmt.Errorf("count who is not in the plan of run %s: %w", r.ID, err)
	}
	return nil
}

// SaveOrders writes what a locked run was told to do, and lets no worker walk it on under the old orders.
func (t *Tx) SaveOrders(ctx context.Context, r Run) error {
	_, err := t.tx.Exec(ctx, `
		UPDATE runs SET start_at = $2, paused_at = $3, paused_by = $4, paused_because = $5, resumed_at = $6, resumed_by = $7,
			cancelled_at = $8, cancelled_by = $9, cancelled_because = $10, cancelled_stream = $11, cancelled_sequence = $12,
			not_reached = $13, instructed_stream = $14, instructed_sequence = $15, walked = $16, quiet = $17, published = $18,
			progressed_at = $19, completed_at = $20, holds = $21,
			worker_id = CASE WHEN $3::timestamptz IS NULL AND $8::timestamptz IS NULL THEN worker_id END
		WHERE run_id = $1`,
		r.ID, orNull(r.StartAt), orNull(r.PausedAt), validText(r.PausedBy), validText(r.PausedBecause), orNull(r.ResumedAt),
		validText(r.ResumedBy), orNull(r.CancelledAt), validText(r.CancelledBy), validText(r.CancelledBecause),
		orNull(r.CancelledPosition.Stream), int64(r.CancelledPosition.Sequence), r.NotReached,
		orNull(r.InstructedPosition.Stream), int64(r.InstructedPosition.Sequence), r.Walked, r.Quiet, r.Published,
		orNull(r.Progressed), orNull(r.CompletedAt), r.Holds)
	if err != nil {
		return fmt.Errorf("save the orders of run %s: %w", r.ID, err)
	}
	return nil
}

// SaveRevised writes that an event has reported a locked run's sums.
func (t *Tx) SaveRevised(ctx context.Context, r Run) error {
	_, err := t.tx.Exec(ctx, `
		UPDATE runs SET published = $2, progressed_at = $3, to_revise = false, reported = false WHERE run_id = $1`,
		r.ID, r.Published, r.Progressed)
	if err != nil {
		return fmt.Errorf("revise run %s: %w", r.ID, err)
	}
	return nil
}

// RunReasons counts a run's skips by reason.
func (t *Tx) RunReasons(ctx context.Context, id uuid.UUID) (map[rules.Code]int, error) {
	rows, err := t.tx.Query(ctx, `SELECT reason, count FROM run_reasons WHERE run_id = $1 AND count > 0`, id)
	if err != nil {
		return nil, fmt.Errorf("count the reasons of run %s: %w", id, err)
	}
	byReason := make(map[rules.Code]int)
	var reason rules.Code
	var count int
	_, err = pgx.ForEachRow(rows, []any{&reason, &count}, func() error {
		byReason[reason] = count
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count the reasons of run %s: %w", id, err)
	}
	return byReason, nil
}

// takeOverRuns frees the runs of dead workers ($1). Whoever changes sums locks runs in the order of their ids, too.
const takeOverRuns = `
	WITH theirs AS MATERIALIZED (SELECT run_id FROM runs WHERE worker_id = ANY ($1) ORDER BY run_id FOR UPDATE)
	UPDATE runs SET worker_id = NULL FROM theirs WHERE runs.run_id = theirs.run_id`

// orphanRuns gives every leased run to a worker ($1): see [Tx.Orphan].
const orphanRuns = `UPDATE runs SET worker_id = $1 WHERE worker_id IS NOT NULL`
