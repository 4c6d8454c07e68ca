package runs

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// page has the next candidates of a run, and the part of the book that they name. It is decided once, because that
// changes the book.
type page struct {
	ledger.Progress
	candidates []ledger.Candidate
	named      *rules.Book
}

// readPage reads the page behind a run's checkpoint.
func readPage(ctx context.Context, tx *store.Tx, run store.Run) (*page, error) {
	read := readSelection
	if run.Kind == store.ReplayRun {
		read = readReplay
	}
	candidates, to, err := read(ctx, tx, run)
	if err != nil {
		return nil, err
	}
	named, err := tx.LoadNamed(ctx, ledger.AsksOf(candidates))
	return &page{ledger.Progress{Run: run, To: to, Walked: len(candidates) < pageSize}, candidates, named}, err
}

// readSelection reads a page of a bulk request's selection by keyset, in (client_id, contact_id) order.
func readSelection(ctx context.Context, tx *store.Tx, run store.Run) ([]ledger.Candidate, store.Cursor, error) {
	var bulk events.BulkRequest
	request, err := readRequest(ctx, tx, run, &bulk)
	if err != nil {
		return nil, run.Cursor, err
	}
	page, err := tx.Candidates(ctx, run.FirmID, ledger.SelectionOf(bulk), run.Cursor, pageSize)
	if err != nil {
		return nil, run.Cursor, err
	}
	to := run.Cursor
	if n := len(page); n > 0 {
		to.ClientID, to.ContactID = page[n-1].ClientID, page[n-1].ContactID
	}
	candidates, err := ledger.WithStored(ctx, tx, ledger.Selected(request, bulk, page))
	return candidates, to, err
}

// readReplay reads a page of the invites that a replay decides again: those of one run, or those that match its filter.
// Each invite keeps the rules of its own request.
func readReplay(ctx context.Context, tx *store.Tx, run store.Run) ([]ledger.Candidate, store.Cursor, error) {
	page, err := readInvites(ctx, tx, run)
	if err != nil {
		return nil, run.Cursor, err
	}
	candidates, err := ledger.CandidatesOf(ctx, tx, page)
	if err != nil {
		return nil, run.Cursor, err
	}
	to := run.Cursor
	for i := range candidates {
		candidates[i].Replay = uuid.NullUUID{UUID: run.ID, Valid: true}
		candidates[i].Asked = !run.Replays.Valid
		to.InviteID = page[i].ID
	}
	return candidates, to, nil
}

func readInvites(ctx context.Context, tx *store.Tx, run store.Run) ([]store.Invite, error) {
	if run.Replays.Valid {
		return tx.ReplayableOfRun(ctx, run.Replays.UUID, run.Cursor, pageSize)
	}
	var replay events.ReplayRequest
	request, err := readRequest(ctx, tx, run, &replay)
	if err != nil {
		return nil, err
	}
	return tx.Replayable(ctx, ledger.ReplayFilterOf(run.FirmID, &replay, request.Time), run.Cursor, pageSize)
}

// readRequest reads the request that a run came from, and its data.
func readRequest(ctx context.Context, tx *store.Tx, run store.Run, data any) (store.Request, error) {
	requests, err := tx.LoadRequests(ctx, []uuid.UUID{run.RequestID})
	if err != nil {
		return store.Request{}, err
	}
	request := requests[run.RequestID]
	if err := json.Unmarshal(request.Data, data); err != nil {
		return store.Request{}, fmt.Errorf("read request %s: %w", request.ID, err)
	}
	return request, nil
}
