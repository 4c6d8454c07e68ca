package pipeline

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// startRuns puts bulk requests on record as runs. One that comes again while its run goes on changes nothing; once the run
// has completed, it is a quiet replay of the run: whoever was fixed since is invited, and nobody else hears of it.
func (w *Worker) startRuns(ctx context.Context, barrier *events.Barrier, batch []events.Delivery) error {
	if err := barrier.Wait(ctx, batch[len(batch)-1].At.Sequence); err != nil {
		return err
	}
	err := w.Store.Tx(ctx, func(tx *store.Tx) error {
		for _, d := range batch {
			bulk, ok := d.Data.(*events.BulkRequest)
			if !ok {
				return unsupported{d.Type}
			}
			request := requestOf(d.Event)
			if _, err := tx.InsertRequests(ctx, []store.Request{request}); err != nil {
				return err
			}
			if err := w.startRun(ctx, tx, request, store.RunKind(bulk.Mode)); err != nil {
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

func (w *Worker) startRun(ctx context.Context, tx *store.Tx, request store.Request, kind store.RunKind) error {
	run := store.Run{ID: runID(request.ID), RequestID: request.ID, FirmID: request.FirmID, Kind: kind}
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
