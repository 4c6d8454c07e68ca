// Package runs turns bulk requests and replays into runs, and decides them page by page.
package runs

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/consume"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// Batch is how many requests become runs together.
const Batch = 20

// Runs starts and walks runs. It is safe for concurrent use.
type Runs struct {
	loop.Runner
	Ledger  *ledger.Ledger
	Started func() // called when there may be a run to walk; must not block
}

// Handle stores bulk requests and replays as runs, after their firms' facts before them are applied. It returns the
// others for later. Instructions to runs wait for no facts.
func (r Runs) Handle(
	ctx context.Context, barrier *consume.Barrier, batch []events.Delivery,
) (later []events.Delivery, err error) {
	var asked []events.Delivery
	for _, d := range batch {
		if in, is := ledger.InstructionFrom(d.Event); is {
			if err := r.instruct(ctx, d.Event, in); err != nil {
				return nil, err
			}
		} else {
			asked = append(asked, d)
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	batch, later, err = barrier.Split(ctx, asked)
	if err != nil || len(batch) == 0 {
		return later, err
	}
	err = r.Ledger.Commit(ctx, func(tx *ledger.Tx) error {
		for _, d := range batch {
			request := ledger.RequestOf(d.Event)
			fresh, err := tx.InsertRequests(ctx, []store.Request{request})
			if err == nil && fresh == 0 {
				err = ledger.RefuseUsedIDs(ctx, tx, []events.Event{d.Event})
			}
			if err != nil {
				return err
			}
			recorded, err := isRecorded(ctx, tx.Tx, request, fresh)
			if err != nil {
				return err
			}
			if err := r.start(ctx, tx, request, d.Data, recorded); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		r.Started()
	}
	return later, err
}

// isRecorded says whether a delivery is of the very message on the stream that is on record, and not published again.
func isRecorded(ctx context.Context, tx *store.Tx, request store.Request, fresh int64) (bool, error) {
	if fresh > 0 {
		return true, nil
	}
	stored, err := tx.LoadRequests(ctx, []uuid.UUID{request.ID})
	return stored[request.ID].At.Sequence == request.At.Sequence, err
}

func (r Runs) start(
	ctx context.Context, tx *ledger.Tx, request store.Request, data events.Data, recorded bool,
) error {
	run := store.Run{ID: ledger.RunID(request.ID), RequestID: request.ID, FirmID: request.FirmID}
	switch data := data.(type) {
	case *events.BulkRequest:
		run.Kind = store.RunKind(data.Mode)
		if data.StartAt != nil {
			run.StartAt = *data.StartAt
		}
		return r.startBulk(ctx, tx, run, bulkRequest{request, *data, recorded})
	case *events.ReplayRequest:
		run.Kind = store.ReplayRun
		filter := ledger.ReplayFilterOf(request.FirmID, data, request.Time, request.At)
		tooOld, err := tx.CountTooOld(ctx, filter)
		if err != nil {
			return err
		}
		run.TooOld = tooOld
		if filter.RunID.Valid {
			run.Names, run.AskedAt = filter.RunID, request.At
		}
		return r.begin(ctx, tx, run)
	case *events.Request, *events.Firm, *events.Client, *events.RemovedClient, *events.Contact, *events.RemovedContact,
		*events.Merge, *events.Grant, *events.Suppression, *events.MailReport, *events.Template, *events.RemovedTemplate,
		*events.Instruction, *events.Schedule, *events.Erasure:
		return consume.UnsupportedError{Type: events.Type(request.Type)}
	}
	return nil
}

// bulkRequest is a bulk request that was delivered.
type bulkRequest struct {
	store.Request
	data     events.BulkRequest
	recorded bool // it is the very message that is on record: see [isRecorded]
}

// startBulk starts the run of a bulk request. If the request is delivered again while its run is walked or sent,
// nothing changes. Once the run has completed, a redelivery starts a quiet replay of it (ADR 14): people whose data was
// fixed since are invited, and nothing is published about anybody else. A run that was cancelled stays so (ADR 158),
// and so does one that was to mail only those who were meant (ADR 169).
func (r Runs) startBulk(ctx context.Context, tx *ledger.Tx, run store.Run, asked bulkRequest) error {
	known, err := tx.FindRun(ctx, run.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if err := guard(ctx, tx, &run, asked); err != nil {
			return err
		}
		return r.begin(ctx, tx, run)
	case err != nil:
		return err
	case known.CompletedAt.IsZero(), !known.CancelledAt.IsZero(), asked.data.Guarded():
		return nil
	case known.Reported && asked.recorded:
		return nil // a recovery has had it delivered again (ADR 107)
	}
	going, err := tx.BeingReplayed(ctx, known.ID)
	if err != nil || going {
		return err
	}
	replay := run
	replay.ID, replay.Kind, replay.Quiet = uuid.New(), store.ReplayRun, true
	replay.Replays = uuid.NullUUID{UUID: known.ID, Valid: true}
	return tx.StartRun(ctx, replay, tx.Now)
}

// guard lets a run that has a plan, or a greatest number of recipients, hold its mails until its walk has ended. A run
// that has begun before, as recovered outcomes tell, does not need its plan: without one, it pauses before it mails
// anybody else.
func guard(ctx context.Context, tx *ledger.Tx, run *store.Run, asked bulkRequest) error {
	run.MaxRecipients, run.Holds = asked.data.MaxRecipients, asked.data.Guarded()
	if asked.data.Plan == "" {
		return nil
	}
	id, err := uuid.Parse(asked.data.Plan)
	if err != nil {
		return err // it was checked
	}
	run.PlanID = uuid.NullUUID{UUID: id, Valid: true}
	began, err := tx.ToldBefore(ctx, run.ID)
	if err != nil || began {
		return err
	}
	return tx.CheckPlan(ctx, asked.Request, asked.data)
}

// begin stores a run, and tells it what was asked of it before it was known.
func (r Runs) begin(ctx context.Context, tx *ledger.Tx, run store.Run) error {
	if err := tx.LockRunID(ctx, run.ID); err != nil {
		return err
	}
	if err := tx.StartRun(ctx, run, tx.Now); err != nil {
		return err
	}
	return tx.ObeyWaiting(ctx, run.FirmID, run.ID, notReached)
}
