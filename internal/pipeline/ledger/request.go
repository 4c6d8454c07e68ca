package ledger

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// Request is a request for named recipients, with a candidate for each of them.
type Request struct {
	Event      events.Event
	Candidates []Candidate
	request    store.Request
}

// NewRequest makes a request of its event.
func NewRequest(e events.Event) (Request, error) { return newRequest(RequestOf(e), e) }

// NewRequestAt makes a request of an event that is not on the stream. at is the position of the request that caused it.
func NewRequestAt(at store.Position, e events.Event) (Request, error) {
	request := RequestOf(e)
	request.At = at
	return newRequest(request, e)
}

func newRequest(request store.Request, e events.Event) (Request, error) {
	candidates, err := Recipients(request, e)
	return Request{Event: e, Candidates: candidates, request: request}, err
}

// Record stores requests, and returns the candidates of all of them with their stored invites. Only then are the ids of
// the invites known for certain: if a request was stored before, they follow from its stored time. allNew means that no
// request was stored before, so none has invites.
func (t *Tx) Record(ctx context.Context, requests []Request) (candidates []Candidate, allNew bool, err error) {
	given, recipients := make([]store.Request, len(requests)), 0
	for i, r := range requests {
		given[i] = r.request
		recipients += len(r.Candidates)
	}
	stored, allNew, err := t.RecordRequests(ctx, given)
	if err != nil {
		return nil, false, err
	}
	candidates = make([]Candidate, 0, recipients)
	for i, r := range requests {
		if s := stored[i]; !s.Time.Equal(r.request.Time) || s.TimedIDs != r.request.TimedIDs {
			if r, err = newRequest(s, r.Event); err != nil {
				return nil, false, err
			}
		}
		candidates = append(candidates, r.Candidates...)
	}
	if allNew {
		return candidates, true, nil
	}
	candidates, err = WithStored(ctx, t.Tx, withoutDuplicates(candidates))
	return candidates, false, err
}

// withoutDuplicates keeps the first of several candidates with the same invite id. If one batch contains the same event
// twice, each of its recipients is a candidate twice.
func withoutDuplicates(candidates []Candidate) []Candidate {
	seen := make(map[uuid.UUID]bool, len(candidates))
	return slices.DeleteFunc(candidates, func(c Candidate) bool {
		again := seen[c.Invite.ID]
		seen[c.Invite.ID] = true
		return again
	})
}
