package answer

import (
	"context"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// selection reads the candidates of a bulk request, in (client_id, contact_id) order.
type selection struct {
	tx      *store.Tx
	request store.Request
	bulk    events.BulkRequest
}

func (s selection) selected() store.Selection {
	return ledger.SelectionOf(s.bulk, s.request.FirmID, ledger.RunID(s.request.ID))
}

func (s selection) page(ctx context.Context, after store.Cursor) ([]ledger.Candidate, store.Cursor, error) {
	page, err := s.tx.Candidates(ctx, s.request.FirmID, s.selected(), after, explainPage)
	if err != nil || len(page) == 0 {
		return nil, after, err
	}
	last := page[len(page)-1]
	return ledger.Selected(s.request, s.bulk, page), store.Cursor{ClientID: last.ClientID, ContactID: last.ContactID}, nil
}

// contested returns the emails that several contacts have. One contact on several clients is in no conflict.
func (s selection) contested(ctx context.Context, emails []string) ([]string, error) {
	return s.tx.SharedEmails(ctx, s.request.FirmID, emails)
}

func (s selection) sharing(ctx context.Context, emails []string, upTo store.Cursor) ([]ledger.Candidate, error) {
	list, err := s.tx.CandidatesSharing(ctx, s.request.FirmID, s.selected(), emails, upTo)
	return ledger.Selected(s.request, s.bulk, list), err
}

// replay reads the invites that a replay decides again, in the order of their ids.
type replay struct {
	tx     *store.Tx
	filter store.ReplayFilter
}

func (r replay) page(ctx context.Context, after store.Cursor) ([]ledger.Candidate, store.Cursor, error) {
	page, err := r.tx.Replayable(ctx, r.filter, after, explainPage)
	if err != nil || len(page) == 0 {
		return nil, after, err
	}
	candidates, err := ledger.CandidatesOf(ctx, r.tx, page)
	return candidates, store.Cursor{InviteID: page[len(page)-1].ID}, err
}

// contested returns all of the emails, because several requests may have asked for the same person on the same client.
func (r replay) contested(_ context.Context, emails []string) ([]string, error) { return emails, nil }

func (r replay) sharing(ctx context.Context, emails []string, upTo store.Cursor) ([]ledger.Candidate, error) {
	page, err := r.tx.ReplayableSharing(ctx, r.filter, emails, upTo)
	if err != nil {
		return nil, err
	}
	return ledger.CandidatesOf(ctx, r.tx, page)
}
