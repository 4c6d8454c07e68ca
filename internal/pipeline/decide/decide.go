// Package decide answers requests for named recipients: it invites them, resends to them, or removes their access.
package decide

import (
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
)

// Batch is how many requests are decided together. Larger batches share more round trips; smaller ones wait less for each other.
const Batch = 500

// Sender may begin to send invites in the very transaction that decides them. See [deliver.Delivery.SendNow].
type Sender interface {
	// SendNow has decide called once, with how many invites the transaction may begin to send: at most most, and 0 where they have
	// to wait in the queue. It sends those that decide returns, which are on record by then.
	SendNow(ctx context.Context, most int, decide func(room int) (begun []ledger.Job, err error)) error
}

// Decider decides requests. It is safe for concurrent use.
type Decider struct {
	Ledger *ledger.Ledger
	Sender Sender
}

// Handle settles a batch. Each removal has a transaction of its own, in its place among the others: what stands before it does
// not see it, what stands behind it does. Requests whose invites are all final do not wait for facts.
func (d Decider) Handle(ctx context.Context, barrier *events.Barrier, batch []events.Delivery) error {
	wait := sync.OnceValue(func() error { return barrier.Wait(ctx, batch[len(batch)-1].At.Sequence) })
	invites := make([]events.Event, 0, len(batch))
	for _, delivery := range batch {
		if !delivery.Type.Removes() {
			invites = append(invites, delivery.Event)
			continue
		}
		if err := d.invite(ctx, wait, invites); err != nil {
			return err
		}
		if err := wait(); err != nil {
			return err
		}
		if err := d.remove(ctx, delivery.Event); err != nil {
			return err
		}
		invites = invites[:0]
	}
	return d.invite(ctx, wait, invites)
}

// invite decides requests in one transaction, once the facts before them are applied. What an earlier delivery of a request has
// queued, sent or settled is left alone; what can have been fixed since is decided again.
func (d Decider) invite(ctx context.Context, wait func() error, list []events.Event) error {
	if len(list) == 0 {
		return nil
	}
	requests, recipients := make([]ledger.Request, len(list)), 0
	for i, e := range list {
		var err error
		if requests[i], err = ledger.NewRequest(e); err != nil {
			return err
		}
		recipients += len(requests[i].Candidates)
	}
	requests, err := d.dropFinal(ctx, requests)
	if err != nil || len(requests) == 0 {
		return err
	}
	if err := wait(); err != nil {
		return err
	}
	return d.Sender.SendNow(ctx, recipients, func(room int) ([]ledger.Job, error) { return d.decide(ctx, requests, room) })
}

// decide decides requests, and begins to send up to room of the invites that are new.
func (d Decider) decide(ctx context.Context, requests []ledger.Request, room int) (begun []ledger.Job, err error) {
	err = d.Ledger.Commit(ctx, func(tx *ledger.Tx) error {
		candidates, allNew, err := tx.Record(ctx, requests)
		if err != nil {
			return err
		}
		// A mail says what is on record of its request. For a request that was on record, the event in hand may say something else.
		if allNew {
			tx.BeginUpTo(room)
		}
		err = tx.DecideAll(ctx, candidates)
		begun = tx.Begun()
		return err
	})
	return begun, err
}

// open drops requests whose invites are all final; after a stream replay that is nearly all of them. It looks invites up by the
// ids that this event would give them. If the ids on record differ, the transaction notices. The rest stay whole, since they may
// name somebody twice.
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
	return slices.DeleteFunc(requests, func(r ledger.Request) bool {
		return !slices.ContainsFunc(r.Candidates, func(c ledger.Candidate) bool { return !settled[c.Invite.ID] })
	}), nil
}
