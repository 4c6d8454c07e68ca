package runs

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

const (
	clearBatch = 500 // invites of a cancelled run that are skipped in one transaction
	// clearEvery is how long it may take until the invites of a cancelled run are skipped, and until a run is paused
	// whose start was missed. No claim waits for that: it looks itself.
	clearEvery = 500 * time.Millisecond
)

// instruct stores an instruction to a run, and tells the run (ADR 158). An instruction that is delivered again changes
// nothing.
func (r Runs) instruct(ctx context.Context, e events.Event, in store.Instruction) error {
	request := ledger.RequestOf(e)
	err := r.Ledger.Commit(ctx, func(tx *ledger.Tx) error {
		fresh, err := tx.InsertRequests(ctx, []store.Request{request})
		if err != nil {
			return err
		}
		if fresh == 0 {
			return ledger.RefuseUsedIDs(ctx, tx, []events.Event{e})
		}
		return tx.Instruct(ctx, in, request, notReached)
	})
	if err == nil {
		r.Started()
	}
	return err
}

// Obey does what follows from instructions. It skips the next invites of cancelled runs, and pauses a run whose start
// was missed.
func (r Runs) Obey(ctx context.Context) (bool, error) {
	missed, err := r.Ledger.Store.AnyMissed(ctx)
	if err != nil {
		return false, err
	}
	if missed {
		if err := r.Ledger.Commit(ctx, func(tx *ledger.Tx) error { return tx.PauseMissed(ctx) }); err != nil {
			return false, err
		}
	}
	cancelled, err := r.Ledger.Store.RunsToClear(ctx)
	if err != nil {
		return false, err
	}
	cleared := 0
	for _, run := range cancelled {
		err := r.Ledger.Commit(ctx, func(tx *ledger.Tx) (err error) {
			cleared, err = tx.ClearRun(ctx, run, clearBatch)
			return err
		})
		if err != nil {
			return false, err
		}
		if cleared > 0 {
			break // the run that was cancelled first is cleared first
		}
	}
	if cleared == 0 {
		loop.Wait(ctx, nil, clearEvery)
	}
	return true, nil
}

// notReached counts the recipients behind a run's checkpoint.
func notReached(ctx context.Context, tx *store.Tx, run store.Run) (int, error) {
	if run.Kind == store.ReplayRun {
		if run.Cursor.InviteID == uuid.Max {
			page, err := readRest(ctx, tx, run, math.MaxInt32)
			return len(page.candidates), err
		}
		invites, err := readInvites(ctx, tx, run, math.MaxInt32)
		return len(invites), err
	}
	var bulk events.BulkRequest
	if _, err := readRequest(ctx, tx, run, &bulk); err != nil {
		return 0, err
	}
	list, err := tx.Candidates(ctx, run.FirmID, ledger.SelectionOf(bulk, run.FirmID, run.ID), run.Cursor, math.MaxInt32)
	return len(list), err
}

// rest is a page of the recipients that a cancelled run had not reached.
type rest struct {
	request    store.Request
	bulk       events.BulkRequest
	candidates []store.Candidate
	ended      bool // there is no such run, or nobody is left of it
}

// readRest reads the next recipients that a cancelled run had not reached. The replay names that run, and walks on
// where it was cancelled.
func readRest(ctx context.Context, tx *store.Tx, replay store.Run, n int) (rest, error) {
	run, err := tx.FindRun(ctx, replay.Names.UUID)
	if errors.Is(err, store.ErrNotFound) || err == nil && !walksOn(replay, run) {
		return rest{ended: true}, nil
	}
	if err != nil {
		return rest{}, err
	}
	var page rest
	if page.request, err = readRequest(ctx, tx, run, &page.bulk); err != nil {
		return rest{}, err
	}
	var asked events.ReplayRequest
	request, err := readRequest(ctx, tx, replay, &asked)
	if err != nil {
		return rest{}, err
	}
	if !asked.WalksOn() || page.request.Time.Before(asked.Oldest(request.Time)) {
		return rest{ended: true}, nil
	}
	after := run.Cursor
	if replay.Cursor.ClientID != "" {
		after = replay.Cursor
	}
	page.candidates, err = tx.Candidates(ctx, run.FirmID, ledger.SelectionOf(page.bulk, run.FirmID, run.ID), after, n)
	page.ended = len(page.candidates) < n
	return page, err
}

// walksOn says whether a replay decides whom a cancelled run had not reached: it names the run, and is behind the
// cancel in the stream.
func walksOn(replay, run store.Run) bool {
	return replay.Names.Valid && replay.Names.UUID == run.ID && replay.FirmID == run.FirmID &&
		run.Kind != store.ReplayRun && !run.CancelledAt.IsZero() && run.CancelledPosition.Before(replay.AskedAt)
}
