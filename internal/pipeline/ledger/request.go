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

// NewRequest is a request as its event gives it.
func NewRequest(e events.Event) (Request, error) { return newRequest(RequestOf(e), e) }

// NewRequestAt is a request as its event gives it, at the place in the stream of another one: the request that caused it.
func NewRequestAt(at store.Position, e events.Event) (Request, error) {
	request := RequestOf(e)
	request.At = at
	return newRequest(request, e)
}

func newRequest(request store.Request, e events.Event) (Request, error) {
	candidates, err := Recipients(request, e)
	return Request{Event: e, Candidates: candidates, request: request}, err
}

// Record puts requests on record, and returns the candidates of all of them as they stand. Only then are the ids of their invites
// certain: where a request was on record already, they follow from its time as recorded. allNew says that none was on
// record, and so none has invites.
func (t *Tx) Record(ctx context.Context, requests []Request) (candidates []Candidate, allNew bool, err error) {
	asGiven, recipients := make([]store.Request, len(requests)), 0
	for i, r := range requests {
		asGiven[i] = r.request
		recipients += len(r.Candidates)
	}
	onRecord, allNew, err := t.RecordRequests(ctx, asGiven)
	if err != nil {
		return nil, false, err
	}
	candidates = make([]Candidate, 0, recipients)
	for i, r := range requests {
		if recorded := onRecord[i]; !recorded.Time.Equal(r.request.Time) || recorded.TimedIDs != r.request.TimedIDs {
			if r, err = newRequest(recorded, r.Event); err != nil {
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

// once removes duplicates when one batch contains the same event twice.
func withoutDuplicates(candidates []Candidate) []Candidate {
	seen := make(map[uuid.UUID]bool, len(candidates))
	return slices.DeleteFunc(candidates, func(c Candidate) bool {
		again := seen[c.Invite.ID]
		seen[c.Invite.ID] = true
		return again
	})
}
