package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

const (
	pageSize     = 500 // candidates decided in one transaction
	pagesPerTurn = 4   // before another run gets its turn
)

// walk leases the run that has waited longest and takes it a few pages further.
func (w *Worker) walk(ctx context.Context) (bool, error) {
	run, err := w.Store.LeaseRun(ctx, w.id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for range pagesPerTurn {
		if run.Walked || err != nil {
			break
		}
		err = w.page(ctx, &run)
	}
	if errors.Is(err, store.ErrLeaseLost) {
		return true, nil // taken over while this worker was taken for dead; it goes on elsewhere
	}
	// Also where the worker is about to stop, so that nobody has to wait for its lease to run out.
	returnCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return true, errors.Join(err, w.Store.ReturnRun(returnCtx, run.ID, w.id))
}

// page decides the next candidates of a run. Their decisions and the cursor commit together, so whoever goes on after a crash
// skips nobody and decides nobody twice.
func (w *Worker) page(ctx context.Context, run *store.Run) error {
	var after progress
	err := w.commit(ctx, func(tx *store.Tx, l *ledger) error {
		candidates, to, err := w.nextPage(ctx, tx, *run)
		if err != nil {
			return err
		}
		after = progress{run: *run, to: to, walked: len(candidates) < pageSize}
		l.progress = &after
		return l.decideAll(ctx, tx, candidates)
	})
	if err != nil {
		return fmt.Errorf("walk run %s: %w", run.ID, err)
	}
	run.Cursor, run.Walked = after.to, after.walked
	return nil
}

func (w *Worker) nextPage(ctx context.Context, tx *store.Tx, run store.Run) ([]candidate, store.Cursor, error) {
	if run.Kind == store.ReplayRun {
		return w.leavings(ctx, tx, run)
	}
	return w.selected(ctx, tx, run)
}

// selected is a page of a bulk request's selection, in (client_id, contact_id) order.
func (w *Worker) selected(ctx context.Context, tx *store.Tx, run store.Run) ([]candidate, store.Cursor, error) {
	requests, err := tx.LoadRequests(ctx, []uuid.UUID{run.RequestID})
	if err != nil {
		return nil, run.Cursor, err
	}
	request := requests[run.RequestID]
	var bulk events.BulkRequest
	if err := json.Unmarshal(request.Data, &bulk); err != nil {
		return nil, run.Cursor, fmt.Errorf("read request %s: %w", request.ID, err)
	}
	page, err := tx.Candidates(ctx, run.FirmID, store.Selection{
		All: bulk.Selection.AllClients, Kind: bulk.Selection.Kind, ClientIDs: bulk.Selection.ClientIDs,
	}, run.Cursor, pageSize)
	if err != nil {
		return nil, run.Cursor, err
	}
	candidates := make([]candidate, len(page))
	to := run.Cursor
	for i, p := range page {
		candidates[i] = bulkCandidate(request, run, bulk, p)
		to.ClientID, to.ContactID = p.ClientID, p.ContactID
	}
	candidates, err = asTheyStand(ctx, tx, candidates)
	return candidates, to, err
}

func bulkCandidate(request store.Request, run store.Run, bulk events.BulkRequest, p store.Candidate) candidate {
	recipient := rules.Recipient{ContactID: p.ContactID}
	id := inviteID(request, p.ClientID, recipient, 1)
	return candidate{
		request: request,
		ask: rules.Ask{
			FirmID: run.FirmID, ClientID: p.ClientID, Recipient: recipient, Process: rules.Bulk, Kind: rules.Kind(bulk.Mode),
			TemplateID: bulk.Message.Template(), InviteID: id.String(),
		},
		invite: store.Invite{
			ID: id, RequestID: request.ID, FirmID: run.FirmID, ClientID: p.ClientID, ContactID: p.ContactID,
			Kind: rules.Kind(bulk.Mode), Lane: store.BulkLane, RunID: uuid.NullUUID{UUID: run.ID, Valid: true},
		},
	}
}

// leavings is a page of what a replay decides again: what one run left undone, or whatever its filter finds. Each invite keeps
// the rules of the request it came from.
func (w *Worker) leavings(ctx context.Context, tx *store.Tx, run store.Run) ([]candidate, store.Cursor, error) {
	page, err := w.pageOfLeavings(ctx, tx, run)
	if err != nil {
		return nil, run.Cursor, err
	}
	candidates, err := w.asked(ctx, tx, page)
	if err != nil {
		return nil, run.Cursor, err
	}
	to := run.Cursor
	for i := range candidates {
		candidates[i].replay = uuid.NullUUID{UUID: run.ID, Valid: true}
		to.InviteID = page[i].ID
	}
	return candidates, to, nil
}

func (w *Worker) pageOfLeavings(ctx context.Context, tx *store.Tx, run store.Run) ([]store.Invite, error) {
	if run.Replays.Valid {
		return tx.LeavingsOfRun(ctx, run.Replays.UUID, run.Cursor, pageSize)
	}
	requests, err := tx.LoadRequests(ctx, []uuid.UUID{run.RequestID})
	if err != nil {
		return nil, err
	}
	request := requests[run.RequestID]
	var replay events.ReplayRequest
	if err := json.Unmarshal(request.Data, &replay); err != nil {
		return nil, fmt.Errorf("read request %s: %w", request.ID, err)
	}
	return tx.Leavings(ctx, LeavingsOf(run.FirmID, &replay, request.Time), run.Cursor, pageSize)
}

// asked puts the questions again that invites on record were decided by.
func (w *Worker) asked(ctx context.Context, tx *store.Tx, invites []store.Invite) ([]candidate, error) {
	ids := make([]uuid.UUID, len(invites))
	for i, invite := range invites {
		ids[i] = invite.RequestID
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	requests, err := tx.LoadRequests(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	templates := map[uuid.UUID]string{}
	for id, request := range requests {
		message, err := events.MessageOf(request.Data)
		if err != nil {
			return nil, fmt.Errorf("read request %s: %w", id, err)
		}
		templates[id] = message.Template()
	}
	candidates := make([]candidate, len(invites))
	for i, invite := range invites {
		request := requests[invite.RequestID]
		candidates[i] = candidate{
			request: request,
			ask: rules.Ask{
				FirmID: invite.FirmID, ClientID: invite.ClientID, Process: processOf(events.Type(request.Type)), Kind: invite.Kind,
				Recipient:  rules.Recipient{ContactID: invite.ContactID, Email: address.Parse(invite.AddedEmail), Name: invite.AddedName},
				TemplateID: templates[invite.RequestID], InviteID: invite.ID.String(),
			},
			invite: invite,
		}
	}
	return candidates, nil
}
