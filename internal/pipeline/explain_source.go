package pipeline

import (
	"context"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// selected is the candidates of a selection, in (client_id, contact_id) order.
type selected struct {
	tx      *store.Tx
	request store.Request
	bulk    events.BulkRequest
}

func (s selected) selection() store.Selection {
	return store.Selection{All: s.bulk.Selection.AllClients, Kind: s.bulk.Selection.Kind, ClientIDs: s.bulk.Selection.ClientIDs}
}

func (s selected) candidates(list []store.Candidate) []candidate {
	run := store.Run{ID: runID(s.request.ID), FirmID: s.request.FirmID}
	candidates := make([]candidate, len(list))
	for i, one := range list {
		candidates[i] = bulkCandidate(s.request, run, s.bulk, one)
	}
	return candidates
}

func (s selected) page(ctx context.Context, after store.Cursor) ([]candidate, store.Cursor, error) {
	page, err := s.tx.Candidates(ctx, s.request.FirmID, s.selection(), after, explainPage)
	if err != nil || len(page) == 0 {
		return nil, after, err
	}
	last := page[len(page)-1]
	return s.candidates(page), store.Cursor{ClientID: last.ClientID, ContactID: last.ContactID}, nil
}

// contested are the emails that several contacts have. One contact on several clients stands in nobody's way, their own neither.
func (s selected) contested(ctx context.Context, emails []string) ([]string, error) {
	return s.tx.SharedEmails(ctx, s.request.FirmID, emails)
}

func (s selected) sharing(ctx context.Context, emails []string, upTo store.Cursor) ([]candidate, error) {
	list, err := s.tx.CandidatesSharing(ctx, s.request.FirmID, s.selection(), emails, upTo)
	return s.candidates(list), err
}

// left is what a replay evaluates again, in the order of the invites.
type left struct {
	w        *Worker
	tx       *store.Tx
	leavings store.Leavings
}

func (l left) page(ctx context.Context, after store.Cursor) ([]candidate, store.Cursor, error) {
	page, err := l.tx.Leavings(ctx, l.leavings, after, explainPage)
	if err != nil || len(page) == 0 {
		return nil, after, err
	}
	candidates, err := l.w.asked(ctx, l.tx, page)
	return candidates, store.Cursor{InviteID: page[len(page)-1].ID}, err
}

// contested are all of them: several requests may have asked for the same person on the same client.
func (l left) contested(_ context.Context, emails []string) ([]string, error) { return emails, nil }

func (l left) sharing(ctx context.Context, emails []string, upTo store.Cursor) ([]candidate, error) {
	page, err := l.tx.LeavingsSharing(ctx, l.leavings, emails, upTo)
	if err != nil {
		return nil, err
	}
	return l.w.asked(ctx, l.tx, page)
}
