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
	candidates, progress, err := read(ctx, tx, run)
	if err != nil {
		return nil, err
	}
	named, err := tx.LoadNamed(ctx, ledger.AsksOf(candidates))
	return &page{progress, candidates, named}, err
}

// readSelection reads a page of a bulk request's selection by keyset, in (client_id, contact_id) order.
func readSelection(
	ctx context.Context, tx *store.Tx, run store.Run,
) (candidates []ledger.Candidate, p ledger.Progress, err error) {
	var bulk events.BulkRequest
	request, err := readRequest(ctx, tx, run, &bulk)
	if err != nil {
		return nil, p, err
	}
	page, err := tx.Candidates(ctx, run.FirmID, ledger.SelectionOf(bulk, run.FirmID, run.ID), run.Cursor, pageSize)
	if err != nil {
		return nil, p, err
	}
	candidates, err = ledger.WithStored(ctx, tx, ledger.Selected(request, bulk, page))
	return candidates, ledger.Progress{Run: run, To: behind(run.Cursor, page), Walked: len(page) < pageSize}, err
}

// behind is the cursor behind a page of a selection.
func behind(cursor store.Cursor, page []store.Candidate) store.Cursor {
	if n := len(page); n > 0 {
		cursor.ClientID, cursor.ContactID = page[n-1].ClientID, page[n-1].ContactID
	}
	return cursor
}

// readReplay reads a page of the invites that a replay decides again: those of one run, or those that match its filter.
// Each invite keeps the rules of its own request. If the replay names a cancelled run, it walks that run on behind the
// last of these invites: its cursor then stands at the largest id.
func readReplay(
	ctx context.Context, tx *store.Tx, run store.Run,
) (candidates []ledger.Candidate, p ledger.Progress, err error) {
	if run.Cursor.InviteID == uuid.Max {
		return readReplayOfRest(ctx, tx, run)
	}
	page, err := readInvites(ctx, tx, run, pageSize)
	if err != nil {
		return nil, p, err
	}
	if candidates, err = ledger.CandidatesOf(ctx, tx, page); err != nil {
		return nil, p, err
	}
	p = ledger.Progress{Run: run, To: run.Cursor, Walked: len(page) < pageSize}
	for i := range candidates {
		candidates[i].Replay = uuid.NullUUID{UUID: run.ID, Valid: true}
		candidates[i].Asked = !run.Replays.Valid
		p.To.InviteID = page[i].ID
	}
	if p.Walked && run.Names.Valid {
		rest, err := readRest(ctx, tx, run, 1)
		if err != nil {
			return nil, p, err
		}
		if len(rest.candidates) > 0 {
			p.To.InviteID, p.Walked = uuid.Max, false
		}
	}
	return candidates, p, nil
}

// readReplayOfRest reads a page of the recipients that a cancelled run had not reached. The replay names that run.
func readReplayOfRest(
	ctx context.Context, tx *store.Tx, run store.Run,
) (candidates []ledger.Candidate, p ledger.Progress, err error) {
	rest, err := readRest(ctx, tx, run, pageSize)
	if err != nil {
		return nil, p, err
	}
	p = ledger.Progress{Run: run, To: behind(run.Cursor, rest.candidates), Walked: rest.ended, WalksOn: run.Names}
	candidates, err = ledger.WithStored(ctx, tx, ledger.Selected(rest.request, rest.bulk, rest.candidates))
	for i := range candidates {
		candidates[i].Replay, candidates[i].Asked = uuid.NullUUID{UUID: run.ID, Valid: true}, true
	}
	return candidates, p, err
}

func readInvites(ctx context.Context, tx *store.Tx, run store.Run, n int) ([]store.Invite, error) {
	if run.Replays.Valid {
		return tx.ReplayableOfRun(ctx, run.Replays.UUID, run.Cursor, n)
	}
	var replay events.ReplayRequest
	request, err := readRequest(ctx, tx, run, &replay)
	if err != nil {
		return nil, err
	}
	return tx.Replayable(ctx, ledger.ReplayFilterOf(run.FirmID, &replay, request.Time, request.At), run.Cursor, n)
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
