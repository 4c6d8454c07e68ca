package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

const (
	pageSize     = 500 // candidates decided in one transaction
	pagesPerTurn = 4   // before another run that waits gets its turn
)

// walk leases the run that has waited longest and takes it further.
func (w *Worker) walk(ctx context.Context) (bool, error) {
	run, err := w.Store.LeaseRun(ctx, w.id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = w.turn(ctx, run)
	if errors.Is(err, store.ErrLeaseLost) {
		return true, nil // taken over while this worker was taken for dead; it goes on elsewhere
	}
	if err != nil {
		err = fmt.Errorf("walk run %s: %w", run.ID, err)
	}
	// Also where the worker is about to stop, so that nobody has to wait for its lease to run out.
	returnCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return true, errors.Join(err, w.Store.ReturnRun(returnCtx, run.ID, w.id))
}

// turn decides the next pages of a run, each while the one behind it is read: the worker and the database need not wait for each
// other. It lasts for as long as no other run waits.
func (w *Worker) turn(ctx context.Context, run store.Run) error {
	readCtx, over := context.WithCancel(ctx)
	next := w.readAhead(readCtx, run)
	defer func() { over(); _, _ = next() }() // no reading outlives its turn
	for n := 0; ; n++ {
		if n > 0 && n%pagesPerTurn == 0 {
			if others, err := w.Store.RunsWait(ctx); err != nil || others {
				return err
			}
		}
		p, err := next()
		if err != nil {
			return err
		}
		if p.run.Cursor != run.Cursor {
			return nil // the page before lost a race, was read anew and ended elsewhere: the next turn goes on from there
		}
		if !p.walked {
			next = w.readAhead(readCtx, p.after())
		}
		if run, err = w.decidePage(ctx, p); err != nil || run.Walked {
			return err
		}
	}
}

// page is the next candidates of a run, with the part of the book that they name. It is decided once: deciding changes the book.
type page struct {
	progress
	candidates []candidate
	named      *rules.Book
}

// readAhead begins to read the page behind a run's cursor; what it returns waits for that. The page may have aged by the time
// it is decided, as what any transaction has read ages until it commits. An invite that is written must still stand as it was read
// here, and one that is only counted, since nothing about it is new, is counted as it stood then. Whoever is sent a mail by older facts
// is asked about once more before it leaves.
func (w *Worker) readAhead(ctx context.Context, run store.Run) (wait func() (*page, error)) {
	var p *page
	var reading errgroup.Group
	reading.Go(func() error {
		_, err := w.safely("fanout", func() (bool, error) {
			return true, w.Store.Read(ctx, func(tx *store.Tx) (err error) {
				p, err = w.readPage(ctx, tx, run)
				return err
			})
		})
		return err
	})
	return func() (*page, error) {
		err := reading.Wait()
		return p, err
	}
}

// decidePage decides a page's candidates, and returns the run as it stands then. Their decisions and the cursor commit together, so
// whoever goes on after a crash skips nobody and decides nobody twice. What others hold is read here and not ahead: the page
// before may just have taken hold of it.
func (w *Worker) decidePage(ctx context.Context, ahead *page) (store.Run, error) {
	run, p := ahead.run, ahead
	err := w.commit(ctx, func(tx *store.Tx, l *ledger) (err error) {
		if p, ahead = ahead, nil; p == nil { // this try is not the first one: what was read ahead has lost a race
			if p, err = w.readPage(ctx, tx, run); err != nil {
				return err
			}
		}
		l.progress = &p.progress
		return l.decideNamed(ctx, tx, p.named, p.candidates)
	})
	if err != nil {
		return run, err
	}
	return p.after(), nil
}

// readPage reads the page behind a run's cursor.
func (w *Worker) readPage(ctx context.Context, tx *store.Tx, run store.Run) (*page, error) {
	read := w.selected
	if run.Kind == store.ReplayRun {
		read = w.leavings
	}
	candidates, to, err := read(ctx, tx, run)
	if err != nil {
		return nil, err
	}
	named, err := tx.LoadNamed(ctx, asksOf(candidates))
	return &page{progress{run, to, len(candidates) < pageSize}, candidates, named}, err
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
	templates, processes := map[uuid.UUID]string{}, map[uuid.UUID]rules.Process{}
	for id, request := range requests {
		if processes[id], err = events.Type(request.Type).Process(); err != nil {
			return nil, fmt.Errorf("read request %s: %w", id, err)
		}
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
				FirmID: invite.FirmID, ClientID: invite.ClientID, Process: processes[invite.RequestID], Kind: invite.Kind,
				Recipient:  rules.Recipient{ContactID: invite.ContactID, Email: address.Parse(invite.AddedEmail), Name: invite.AddedName},
				TemplateID: templates[invite.RequestID], InviteID: invite.ID.String(),
			},
			invite: invite,
		}
	}
	return candidates, nil
}
