package pipeline

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// candidate is one recipient about to be decided, with the request that names them and the invite as it stands; an invite
// that was never decided has no state yet.
type candidate struct {
	request store.Request
	ask     rules.Ask
	invite  store.Invite
	replay  uuid.NullUUID // the replay that decides it again
}

// decide settles a batch of requests for named recipients. Removals have a transaction of their own, in their place among the
// others: what stands before one does not see it, what stands behind it does. What is left alone does not wait for facts.
func (w *Worker) decide(ctx context.Context, barrier *events.Barrier, batch []events.Delivery) error {
	wait := sync.OnceValue(func() error { return barrier.Wait(ctx, batch[len(batch)-1].At.Sequence) })
	invites := make([]events.Event, 0, len(batch))
	for _, d := range batch {
		if !d.Type.Removes() {
			invites = append(invites, d.Event)
			continue
		}
		if err := w.invite(ctx, wait, invites); err != nil {
			return err
		}
		if err := wait(); err != nil {
			return err
		}
		if err := w.remove(ctx, d.Event); err != nil {
			return err
		}
		invites = invites[:0]
	}
	return w.invite(ctx, wait, invites)
}

// invite decides requests in one transaction, once the facts before them are applied. What an earlier delivery of a request has
// queued, sent or settled is left alone; what can have been fixed since is decided again.
func (w *Worker) invite(ctx context.Context, wait func() error, list []events.Event) error {
	if len(list) == 0 {
		return nil
	}
	requests, recipients := make([]naming, len(list)), 0
	for i, e := range list {
		var err error
		if requests[i], err = nameIn(requestOf(e), e); err != nil {
			return err
		}
		recipients += len(requests[i].candidates)
	}
	requests, err := w.open(ctx, requests)
	if err != nil || len(requests) == 0 {
		return err
	}
	if err := wait(); err != nil {
		return err
	}
	return w.atOnce(ctx, recipients, func(room int) ([]job, error) { return w.inviteNow(ctx, requests, room) })
}

// inviteNow decides requests, and begins to send as many as room of the invites that are new.
func (w *Worker) inviteNow(ctx context.Context, requests []naming, room int) (begun []job, err error) {
	err = w.commit(ctx, func(tx *store.Tx, l *ledger) error {
		candidates, allNew, err := putOnRecord(ctx, tx, requests)
		if err != nil {
			return err
		}
		if allNew { // a mail says what is on record of its request, which of an old one need not be what the event in hand says
			l.room = room
		}
		err = l.decideAll(ctx, tx, candidates)
		begun = l.atOnce
		return err
	})
	return begun, err
}

// naming is a request with a candidate for each recipient that it names.
type naming struct {
	request    store.Request
	event      events.Event
	candidates []candidate
}

func nameIn(request store.Request, e events.Event) (naming, error) {
	candidates, err := namedCandidates(request, e)
	return naming{request, e, candidates}, err
}

// open leaves out requests of which nothing may change, and so nothing need be known or written: a stream that is delivered again
// is made of them. They are found by the ids that an event gives its invites. Where those on record have others, the transaction
// finds that out. The rest stay whole, since they may name somebody twice.
func (w *Worker) open(ctx context.Context, requests []naming) ([]naming, error) {
	var ids []uuid.UUID
	for _, r := range requests {
		for _, c := range r.candidates {
			ids = append(ids, c.invite.ID)
		}
	}
	settled, err := w.Store.LeftAlone(ctx, ids)
	if err != nil || len(settled) == 0 {
		return requests, err
	}
	return slices.DeleteFunc(requests, func(r naming) bool {
		return !slices.ContainsFunc(r.candidates, func(c candidate) bool { return !settled[c.invite.ID] })
	}), nil
}

// putOnRecord puts requests on record, and returns the candidates of all of them as they stand. Only then are the invites' ids
// certain: those of a request that was there already go by what the record says of it.
func putOnRecord(ctx context.Context, tx *store.Tx, requests []naming) (candidates []candidate, allNew bool, err error) {
	asGiven, recipients := make([]store.Request, len(requests)), 0
	for i, r := range requests {
		asGiven[i] = r.request
		recipients += len(r.candidates)
	}
	onRecord, allNew, err := tx.RecordRequests(ctx, asGiven)
	if err != nil {
		return nil, false, err
	}
	candidates = make([]candidate, 0, recipients)
	for i, r := range requests {
		if stands := onRecord[i]; !stands.Time.Equal(r.request.Time) || stands.TimedIDs != r.request.TimedIDs {
			if r, err = nameIn(stands, r.event); err != nil {
				return nil, false, err
			}
		}
		candidates = append(candidates, r.candidates...)
	}
	if allNew {
		return candidates, true, nil
	}
	candidates, err = asTheyStand(ctx, tx, once(candidates))
	return candidates, false, err
}

// once leaves out what an event says again that stands twice in a batch: its invites are the same.
func once(candidates []candidate) []candidate {
	seen := make(map[uuid.UUID]bool, len(candidates))
	return slices.DeleteFunc(candidates, func(c candidate) bool {
		again := seen[c.invite.ID]
		seen[c.invite.ID] = true
		return again
	})
}

// asTheyStand gives candidates that were decided before their invites as they are on record.
func asTheyStand(ctx context.Context, tx *store.Tx, candidates []candidate) ([]candidate, error) {
	ids := make([]uuid.UUID, len(candidates))
	for i, c := range candidates {
		ids[i] = c.invite.ID
	}
	standing, err := tx.LoadInvites(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if invite, decided := standing[id]; decided {
			candidates[i].invite = invite
		}
	}
	return candidates, nil
}

// commit has a ledger filled and saved in one transaction, from the start if it loses a race, and rings for those who go on
// from there.
func (w *Worker) commit(ctx context.Context, fill func(*store.Tx, *ledger) error) error {
	var l *ledger
	err := w.transact(ctx, w.Store, func(tx *store.Tx) error {
		l = newLedger(w)
		if err := fill(tx, l); err != nil {
			return err
		}
		return l.save(ctx, tx)
	})
	if err != nil {
		return err
	}
	l.observe()
	// Only where there is something to do: a stage that rings for itself without need would never rest.
	if l.hasDue() {
		w.deliverBell.ring()
	}
	if len(l.outbox) > 0 {
		w.announceBell.ring()
	}
	return nil
}

// transact runs a transaction that may write to the outbox.
func (w *Worker) transact(ctx context.Context, db *store.Store, fn func(*store.Tx) error) error {
	defer w.lowWater.begin()()
	return db.Tx(ctx, fn)
}

// decideAll decides candidates as they stand, of whom some may have been decided before.
func (l *ledger) decideAll(ctx context.Context, tx *store.Tx, candidates []candidate) error {
	named, err := tx.LoadNamed(ctx, asksOf(candidates))
	if err != nil {
		return err
	}
	return l.decideNamed(ctx, tx, named, candidates)
}

// decideNamed decides candidates when the part of the book that they name is there already.
func (l *ledger) decideNamed(ctx context.Context, tx *store.Tx, named *rules.Book, candidates []candidate) error {
	l.book = named
	if err := tx.LoadClaims(ctx, l.book, asksOf(candidates)); err != nil {
		return err
	}
	mentions{}.mark(l.book, candidates)
	for _, c := range candidates {
		if decided := c.invite.State != ""; decided && !mayChange(c.invite) {
			continue
		}
		if err := l.decide(c); err != nil {
			return err
		}
	}
	return nil
}

func asksOf(candidates []candidate) []rules.Ask {
	asks := make([]rules.Ask, len(candidates))
	for i, c := range candidates {
		asks[i] = c.ask
	}
	return asks
}

// mayChange says whether an invite is decided again: it has failed, or was skipped for reasons that can be fixed.
func mayChange(i store.Invite) bool {
	return i.State == store.Failed || i.State == store.Skipped && !i.Settled
}

func requestOf(e events.Event) store.Request {
	return store.Request{
		ID:     requestID(e.Firm, e.Source, e.ID),
		FirmID: e.Firm, Source: e.Source, EventID: e.ID, Type: string(e.Type), Data: e.Raw, Time: e.Time,
		TraceParent: e.Trace.Parent, TraceState: e.Trace.State,
		At: position(e), TimedIDs: true,
	}
}

// namedCandidates is one candidate for each recipient of a request, in the request's order.
func namedCandidates(request store.Request, e events.Event) ([]candidate, error) {
	data, ok := e.Data.(*events.Request)
	if !ok {
		return nil, fmt.Errorf("no decision for %s", e.Type)
	}
	process, err := e.Type.Process()
	if err != nil {
		return nil, err
	}
	kind, err := e.Type.Kind()
	if err != nil {
		return nil, err
	}
	candidates := make([]candidate, len(data.Recipients))
	times := map[string]int{}
	for i, r := range data.Recipients {
		recipient := r.Asked()
		times[recipient.Key()]++
		id := inviteID(request, data.ClientID, recipient, times[recipient.Key()])
		candidates[i] = candidate{
			request: request,
			ask: rules.Ask{
				FirmID: e.Firm, ClientID: data.ClientID, Recipient: recipient, Process: process, Kind: kind,
				TemplateID: data.Message.Template(), InviteID: id.String(),
			},
			invite: store.Invite{
				ID: id, RequestID: request.ID, FirmID: e.Firm, ClientID: data.ClientID,
				ContactID: r.ContactID, AddedEmail: recipient.Email.Written, AddedName: recipient.Name,
				Kind: kind, Lane: store.IndividualLane,
			},
		}
	}
	return candidates, nil
}
