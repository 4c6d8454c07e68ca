package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// Cancels are the cancelled runs among some runs. A replay that names a cancelled run and is behind the cancel in the
// stream decides the run's invites again all the same (ADR 158).
type Cancels struct {
	runs   map[uuid.UUID]cancelledRun
	behind map[[2]uuid.UUID]bool // by replay and run: the replay names the run, and is behind its cancel
}

type cancelledRun struct {
	id uuid.UUID
	by rules.Cancelled
}

const (
	cancelledRuns = `SELECT run_id, cancelled_by, cancelled_at FROM runs
		WHERE cancelled_at IS NOT NULL AND run_id = ANY ($1)`
	replaysBehind = `SELECT p.run_id, c.run_id FROM runs p JOIN runs c ON c.run_id = p.names
		WHERE c.run_id = ANY ($1) AND c.cancelled_at IS NOT NULL
		  AND (p.asked_stream, p.asked_sequence) > (c.cancelled_stream, c.cancelled_sequence)`
)

// LoadCancels reads which of the runs and replays that queued invites belong to were cancelled. Most often none was,
// and that takes one short statement.
func (t *Tx) LoadCancels(ctx context.Context, invites []Invite) (Cancels, error) {
	return loadCancels(ctx, t.tx, runsOf(invites))
}

// LoadCancels is [Tx.LoadCancels] outside a transaction, for the runs themselves.
func (s *Store) LoadCancels(ctx context.Context, runs []uuid.UUID) (Cancels, error) {
	return loadCancels(ctx, s.pool, runs)
}

func runsOf(invites []Invite) []uuid.UUID {
	var ids []uuid.UUID
	seen := map[uuid.UUID]bool{}
	for i := range invites {
		for _, id := range []uuid.NullUUID{invites[i].RunID, invites[i].ReplayID} {
			if id.Valid && !seen[id.UUID] {
				seen[id.UUID] = true
				ids = append(ids, id.UUID)
			}
		}
	}
	return ids
}

func loadCancels(ctx context.Context, in querier, ids []uuid.UUID) (Cancels, error) {
	if len(ids) == 0 {
		return Cancels{}, nil
	}
	c := Cancels{runs: map[uuid.UUID]cancelledRun{}, behind: map[[2]uuid.UUID]bool{}}
	rows, err := in.Query(ctx, cancelledRuns, ids)
	if err == nil {
		var run cancelledRun
		_, err = pgx.ForEachRow(rows, []any{&run.id, &run.by.By, &run.by.At}, func() error {
			c.runs[run.id] = run
			return nil
		})
	}
	if err != nil {
		return c, fmt.Errorf("look for cancelled runs: %w", err)
	}
	if len(c.runs) == 0 {
		return c, nil
	}
	if rows, err = in.Query(ctx, replaysBehind, ids); err == nil {
		var pair [2]uuid.UUID
		_, err = pgx.ForEachRow(rows, []any{&pair[0], &pair[1]}, func() error {
			c.behind[pair] = true
			return nil
		})
	}
	if err != nil {
		return c, fmt.Errorf("look for replays of cancelled runs: %w", err)
	}
	return c, nil
}

// Of returns the cancel that stops an invite of a run and a replay; the zero value if none does.
func (c Cancels) Of(run, replay uuid.NullUUID) rules.Cancelled {
	if replay.Valid {
		if cancelled, is := c.runs[replay.UUID]; is {
			return cancelled.by
		}
	}
	if !run.Valid || c.behind[[2]uuid.UUID{replay.UUID, run.UUID}] { // no run has the id of a replay that is none
		return rules.Cancelled{}
	}
	return c.runs[run.UUID].by
}

// RunsToClear returns cancelled runs that still have invites on their way.
func (s *Store) RunsToClear(ctx context.Context) ([]Run, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT `+runColumns+` FROM runs WHERE cancelled_at IS NOT NULL AND pending > 0 ORDER BY cancelled_at`)
	if err != nil {
		return nil, fmt.Errorf("look for cancelled runs: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanRun)
	if err != nil {
		return nil, fmt.Errorf("look for cancelled runs: %w", err)
	}
	return list, nil
}

// LockQueuedOf locks up to n queued invites of a cancelled run or replay which its cancel stops. It passes over
// held invites, which wait for a ruling, and over what another transaction has locked.
func (t *Tx) LockQueuedOf(ctx context.Context, run Run, n int) ([]Invite, error) {
	own := runOfLine + ` = $2`
	if run.Kind == ReplayRun {
		own = `replay_id = $2`
	}
	return collect(ctx, t, "lock the queued invites of a cancelled run", scanInvite, `
		WITH RECURSIVE queues AS (
			(SELECT lane, sender FROM invites WHERE state = `+sqlQueued+` ORDER BY lane, sender LIMIT 1)
			UNION ALL
			SELECT next.lane, next.sender FROM queues q CROSS JOIN LATERAL (
				SELECT lane, sender FROM invites
				WHERE state = `+sqlQueued+` AND (lane, sender) > (q.lane, q.sender)
				ORDER BY lane, sender LIMIT 1) next
		), behind AS MATERIALIZED (
			SELECT p.run_id FROM runs p JOIN runs c ON c.run_id = p.names
			WHERE c.run_id = $2 AND (p.asked_stream, p.asked_sequence) > (c.cancelled_stream, c.cancelled_sequence)
			  AND p.cancelled_at IS NULL
		)
		SELECT queued.* FROM queues q CROSS JOIN LATERAL (
			SELECT `+inviteColumns+` FROM invites
			WHERE lane = q.lane AND sender = q.sender AND firm_id = $1 AND state = `+sqlQueued+` AND `+own+`
			  AND held_at IS NULL AND (replay_id IS NULL OR replay_id <> ALL (ARRAY(SELECT run_id FROM behind)))
			LIMIT $3 FOR UPDATE SKIP LOCKED) queued
		LIMIT $3`, run.FirmID, run.ID, n)
}

// Stops says which mails may not leave although a worker has claimed them: those of paused and of cancelled runs.
type Stops struct {
	paused  map[uuid.UUID]bool
	cancels Cancels
}

// LoadStops reads which runs with mails on their way were paused or cancelled.
func (s *Store) LoadStops(ctx context.Context) (Stops, error) {
	stops := Stops{paused: map[uuid.UUID]bool{}}
	rows, err := s.pool.Query(ctx, `
		SELECT run_id, paused_at IS NOT NULL FROM runs
		WHERE (paused_at IS NOT NULL OR cancelled_at IS NOT NULL) AND pending > 0`)
	if err != nil {
		return stops, fmt.Errorf("look for runs that were stopped: %w", err)
	}
	var id uuid.UUID
	var paused bool
	var cancelled []uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&id, &paused}, func() error {
		if paused {
			stops.paused[id] = true
		} else {
			cancelled = append(cancelled, id)
		}
		return nil
	})
	if err != nil {
		return stops, fmt.Errorf("look for runs that were stopped: %w", err)
	}
	stops.cancels, err = s.LoadCancels(ctx, cancelled)
	return stops, err
}

// Stopped says whether the mails of a run and a replay may not leave.
func (s Stops) Stopped(run, replay uuid.NullUUID) bool {
	return run.Valid && s.paused[run.UUID] || replay.Valid && s.paused[replay.UUID] ||
		s.cancels.Of(run, replay) != (rules.Cancelled{})
}
