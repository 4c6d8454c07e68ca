package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// startRuns puts bulk requests and replays on record as runs.
func (w *Worker) startRuns(ctx context.Context, barrier *events.Barrier, batch []events.Delivery) error {
	if err := barrier.Wait(ctx, batch[len(batch)-1].At.Sequence); err != nil {
		return err
	}
	err := w.Store.Tx(ctx, func(tx *store.Tx) error {
		for _, d := range batch {
			request := requestOf(d.Event)
			if _, err := tx.InsertRequests(ctx, []store.Request{request}); err != nil {
				return err
			}
			if err := w.startRun(ctx, tx, request, d.Data); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		w.walkBell.ring()
	}
	return err
}

func (w *Worker) startRun(ctx context.Context, tx *store.Tx, request store.Request, data events.Data) error {
	run := store.Run{ID: runID(request.ID), RequestID: request.ID, FirmID: request.FirmID}
	switch data := data.(type) {
	case *events.BulkRequest:
		run.Kind = store.RunKind(data.Mode)
		return w.startBulk(ctx, tx, run)
	case *events.ReplayRequest:
		run.Kind = store.ReplayRun
		tooOld, err := tx.CountTooOld(ctx, LeavingsOf(request.FirmID, data, request.Time))
		if err != nil {
			return err
		}
		run.TooOld = tooOld
		return tx.StartRun(ctx, run, w.Now())
	case *events.Request, *events.Firm, *events.Client, *events.RemovedClient, *events.Contact, *events.RemovedContact, *events.Grant,
		*events.Suppression, *events.Template:
		return unsupported{events.Type(request.Type)}
	}
	return nil
}

// startBulk starts the run of a bulk request. One that comes again while its run goes on changes nothing; once the run has
// completed, it is a quiet replay of the run: whoever was fixed since is invited, and nobody else hears of it.
func (w *Worker) startBulk(ctx context.Context, tx *store.Tx, run store.Run) error {
	known, err := tx.FindRun(ctx, run.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return tx.StartRun(ctx, run, w.Now())
	case err != nil:
		return err
	case known.CompletedAt.IsZero():
		return nil
	}
	going, err := tx.BeingReplayed(ctx, known.ID)
	if err != nil || going {
		return err
	}
	replay := run
	replay.ID, replay.Kind, replay.Quiet = uuid.New(), store.ReplayRun, true
	replay.Replays = uuid.NullUUID{UUID: known.ID, Valid: true}
	return tx.StartRun(ctx, replay, w.Now())
}

// LeavingsOf is what a replay evaluates again, as the store finds it.
func LeavingsOf(firmID string, r *events.ReplayRequest, askedAt time.Time) store.Leavings {
	oldest := r.Oldest(askedAt).Truncate(time.Millisecond)
	leavings := store.Leavings{
		FirmID: firmID, Reasons: r.Filter.Reasons, ClientIDs: r.Filter.ClientIDs, Oldest: oldest, OldestID: timed(uuid.Nil, oldest),
	}
	if id, err := uuid.Parse(r.Filter.RunID); err == nil {
		leavings.RunID = uuid.NullUUID{UUID: id, Valid: true}
	}
	if r.Filter.Since != nil {
		leavings.Since = *r.Filter.Since
	}
	if r.Filter.Until != nil {
		leavings.Until = *r.Filter.Until
	}
	for _, outcome := range r.Filter.Outcomes {
		leavings.States = append(leavings.States, store.State(outcome))
	}
	return leavings
}
