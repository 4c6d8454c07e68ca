// Package decide handles requests for named recipients: it invites them, resends to them, or removes their access.
package decide

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/consume"
	"portal-invites/internal/pipeline/ledger"
)

// Batch is how many requests are decided together. Larger batches share more round trips; smaller ones wait less for
// each other.
const Batch = 500

// Sender lets a transaction begin to send the invites that it decides. See [deliver.Senders.SendNow].
type Sender interface {
	// SendNow calls decide. wanted is how many invites each firm has. room is how many the transaction may begin to send
	// by each sender; the others must be queued. decide must commit before it returns the begun jobs. Then SendNow sends
	// their mails.
	SendNow(ctx context.Context, wanted map[string]int,
		decide func(room ledger.Room) (begun []ledger.Job, err error)) error
}

// Decider decides requests. It is safe for concurrent use.
type Decider struct {
	Ledger *ledger.Ledger
	Sender Sender
}

// Handle decides the requests of a batch whose firms' facts before them are applied, in the stream's order. It returns
// the others for later, except those whose invites are all final: these do not wait for facts (ADR 60). Each removal
// has a transaction of its own, so the requests before it are decided without it, and the requests behind it see it.
func (d Decider) Handle(
	ctx context.Context, barrier *consume.Barrier, batch []events.Delivery,
) (later []events.Delivery, err error) {
	ready, later, err := barrier.Split(ctx, batch)
	if err != nil {
		return nil, err
	}
	if later, err = d.open(ctx, later); err != nil {
		return nil, err
	}
	invites := make([]events.Event, 0, len(ready))
	for _, delivery := range ready {
		if !delivery.Type.Removes() {
			invites = append(invites, delivery.Event)
			continue
		}
		if err := d.invite(ctx, invites); err != nil {
			return nil, err
		}
		if err := d.remove(ctx, delivery.Event); err != nil {
			return nil, err
		}
		invites = invites[:0]
	}
	return later, d.invite(ctx, invites)
}

// open leaves out requests whose invites are all final. It looks at each request once.
func (d Decider) open(ctx context.Context, waiting []events.Delivery) ([]events.Delivery, error) {
	var fresh []ledger.Request
	for _, w := range waiting {
		if w.Waited || w.Type.Removes() {
			continue
		}
		request, err := ledger.NewRequest(w.Event)
		if err != nil {
			return nil, err
		}
		fresh = append(fresh, request)
	}
	if len(fresh) == 0 {
		return waiting, nil
	}
	settled := map[uint64]bool{}
	for _, r := range fresh {
		settled[r.Event.At.Sequence] = true
	}
	kept, err := d.dropFinal(ctx, fresh)
	if err != nil {
		return nil, err
	}
	for _, r := range kept {
		delete(settled, r.Event.At.Sequence)
	}
	return slices.DeleteFunc(waiting, func(w events.Delivery) bool { return settled[w.At.Sequence] }), nil
}

// invite decides requests in one transaction. If an earlier delivery of a request has queued, sent or settled an
// invite, the invite stays as it is. An invite that may have been fixed since is decided again.
func (d Decider) invite(ctx context.Context, list []events.Event) error {
	if len(list) == 0 {
		return nil
	}
	requests, recipients := make([]ledger.Request, len(list)), map[string]int{}
	for i, e := range list {
		var err error
		if requests[i], err = ledger.NewRequest(e); err != nil {
			return err
		}
		recipients[e.Firm] += len(requests[i].Candidates)
	}
	requests, err := d.dropFinal(ctx, requests)
	if err != nil || len(requests) == 0 {
		return err
	}
	return d.Sender.SendNow(ctx, recipients, func(room ledger.Room) ([]ledger.Job, error) {
		return d.decide(ctx, requests, room)
	})
}

// decide decides requests, and begins to send as many of the new invites as there is room for.
func (d Decider) decide(
	ctx context.Context, requests []ledger.Request, room ledger.Room,
) (begun []ledger.Job, err error) {
	err = d.Ledger.Commit(ctx, func(tx *ledger.Tx) error {
		candidates, allNew, err := tx.Record(ctx, requests)
		if err == nil && !allNew {
			err = refuseUsedIDs(ctx, tx, requests)
		}
		if err != nil {
			return err
		}
		// A mail takes its words from the stored request. If a request was stored before, this event may differ from it, so
		// its invites go through the queue, which reads the stored one.
		if allNew {
			tx.BeginUpTo(room)
		}
		err = tx.DecideAll(ctx, candidates)
		begun = tx.Begun()
		return err
	})
	return begun, err
}

// dropFinal leaves out the requests of which a new decision would change no invite. Their invites stay as they are.
// After a reset of the durable, these are nearly all requests (ADR 60).
//
// It computes the ids of the invites from the event. The stored invites may have other ids: a redelivered event may
// have another time, and old requests have ids without a time. Then dropFinal returns the request, and
// [ledger.Tx.Record] finds the invites later.
//
// A request is left out or returned as a whole. If it is returned, it has all its recipients, also those whose invite
// is final. Without these, the rules would miss that a person is named twice in the request.
func (d Decider) dropFinal(ctx context.Context, requests []ledger.Request) ([]ledger.Request, error) {
	var ids []uuid.UUID
	for _, r := range requests {
		for _, c := range r.Candidates {
			ids = append(ids, c.Invite.ID)
		}
	}
	settled, err := d.Ledger.Store.LeftAlone(ctx, ids)
	if err != nil || len(settled) == 0 {
		return requests, err
	}
	final := func(r ledger.Request) bool {
		return !slices.ContainsFunc(r.Candidates, func(c ledger.Candidate) bool { return !settled[c.Invite.ID] })
	}
	var dropped []ledger.Request
	for _, r := range requests {
		if final(r) {
			dropped = append(dropped, r)
		}
	}
	return slices.DeleteFunc(requests, final), refuseUsedIDs(ctx, d.Ledger.Store, dropped)
}

// refuseUsedIDs returns an error that names the requests whose source and id are on record for something else.
func refuseUsedIDs(ctx context.Context, in ledger.Requests, requests []ledger.Request) error {
	list := make([]events.Event, len(requests))
	for i, r := range requests {
		list[i] = r.Event
	}
	return ledger.RefuseUsedIDs(ctx, in, list)
}
