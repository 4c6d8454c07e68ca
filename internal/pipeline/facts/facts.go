// Package facts applies upstream's facts about firms, clients, contacts and access to the database.
package facts

import (
	"context"
	"slices"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/consume"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// Batch is how many facts are applied together. Larger batches share more round trips; smaller ones wait less for each
// other.
const Batch = 500

// Projector applies facts. It is safe for concurrent use.
type Projector struct{ Ledger *ledger.Ledger }

// Handle applies a batch. Most facts wait for nothing. Each has the full state of one thing and its position in the
// stream, so any worker may apply them, in any order and any number of times. Facts that say who has access are applied
// after them, in the stream's order within their firm, because their effect depends on who people are and on each
// other. A removal is such a fact. One transaction writes its tombstone and ends the access, so nobody sees a removed
// contact who still has access.
func (p Projector) Handle(ctx context.Context, b *consume.Barrier, batch []events.Delivery) ([]events.Delivery, error) {
	if refused := p.refused(batch); len(refused) > 0 {
		return nil, refused
	}
	inTurn, err := p.erasable(ctx, batch)
	if err != nil {
		return nil, err
	}
	var states, reports, accesses []events.Event
	var acknowledge []events.Delivery
	for _, d := range batch {
		switch {
		case d.TakesTurn() || inTurn[d.At.Sequence]:
			accesses = append(accesses, d.Event)
			continue
		case d.Type == events.MailReported:
			reports = append(reports, d.Event)
		default:
			states = append(states, d.Event)
		}
		acknowledge = append(acknowledge, d)
	}
	if len(states) > 0 { // among many reports there are none
		err := p.Ledger.Commit(ctx, func(tx *ledger.Tx) error { return applyStates(ctx, tx, states, accesses) })
		if err != nil {
			return nil, err
		}
	}
	if err := p.applyReports(ctx, reports); err != nil {
		return nil, err
	}
	events.Ack(acknowledge) // requests may wait for these facts
	alone, err := p.alone(ctx, b, batch)
	if err != nil {
		return nil, err
	}
	if alone {
		if err := p.apply(ctx, accesses, floorsOf(accesses)); err != nil {
			return nil, err
		}
		b.RaiseAll(batch[len(batch)-1].At.Sequence)
		return nil, nil
	}
	return nil, p.applyByFirm(ctx, b.Barrier, accesses)
}

// refused returns the facts of a batch that the operator does not allow.
func (p Projector) refused(batch []events.Delivery) events.RefusedError {
	refused := events.RefusedError{}
	for _, d := range batch {
		if err := p.Ledger.Refused(d.Event); err != nil {
			refused[d.At.Sequence] = err
		}
	}
	return refused
}

// alone says whether this batch has the oldest facts that are not applied, with none missing in between. Then no other
// worker holds a fact that must come before one of them.
func (p Projector) alone(ctx context.Context, b *consume.Barrier, batch []events.Delivery) (bool, error) {
	if !events.Complete(batch) {
		return false, nil
	}
	return b.AllApplied(ctx, batch[0].At.Sequence)
}

// applyByFirm applies facts about access of which other workers may hold older ones. So it reads those that are not
// applied from the stream, and applies them too.
func (p Projector) applyByFirm(ctx context.Context, b *events.Barrier, accesses []events.Event) error {
	own := map[uint64]bool{}
	for _, fact := range accesses {
		own[fact.At.Sequence] = true
	}
	if passed := passedOver(b, accesses); len(passed) > 0 {
		if err := p.apply(ctx, passed, floorsOf(passed)); err != nil {
			return err
		}
	}
	for firm, last := range floorsOf(accesses) {
		for b.Floor(firm) < last.Sequence {
			if err := p.applyNext(ctx, b, firm, last.Sequence+1, own); err != nil {
				return err
			}
		}
	}
	return p.applyBounces(ctx, accesses)
}

// passedOver returns the facts that the barrier takes for applied. The ledger is asked about them before they are
// acknowledged: the barrier may remember another database, or a fact that was left out because it can't be applied.
func passedOver(b *events.Barrier, accesses []events.Event) (facts []events.Event) {
	for _, fact := range accesses {
		if fact.Type != events.MailReported && fact.At.Sequence <= b.Floor(fact.Firm) {
			facts = append(facts, fact)
		}
	}
	return facts
}

// applyBounces applies the reports among facts that a mail came back. The facts before them are applied. They raise no
// floor, because no floor speaks of reports.
func (p Projector) applyBounces(ctx context.Context, accesses []events.Event) error {
	var bounces []events.Event
	for _, fact := range accesses {
		if fact.Type == events.MailReported {
			bounces = append(bounces, fact)
		}
	}
	if len(bounces) == 0 {
		return nil
	}
	return p.Ledger.Commit(ctx, func(tx *ledger.Tx) error { return applyAccess(ctx, tx, bounces) })
}

// ApplyFirm applies the next facts of a firm, up to firmBatch of those before the sequence, whoever has fetched them.
// It raises the firm's floor in the barrier.
func (p Projector) ApplyFirm(ctx context.Context, b *events.Barrier, firm string, before uint64) error {
	return p.applyNext(ctx, b, firm, before, nil)
}

// firmBatch is how many facts of one firm are read from the stream and applied together.
const firmBatch = 100

func (p Projector) applyNext(
	ctx context.Context, b *events.Barrier, firm string, before uint64, own map[uint64]bool,
) error {
	floor, err := p.Ledger.Store.FactFloor(ctx, firm)
	if err != nil {
		return err
	}
	b.Raise(firm, events.Position(floor))
	if b.Floor(firm)+1 >= before {
		return nil
	}
	facts, upTo, err := b.FactsOf(ctx, firm, b.Floor(firm), before, firmBatch)
	if err != nil {
		return err
	}
	if len(facts) > 0 {
		err = p.apply(ctx, facts, map[string]store.Position{firm: store.Position(upTo)})
		if consume.IsPoison(err) {
			err = p.applySingly(ctx, facts, own)
		}
		if err != nil {
			return err
		}
	}
	b.Raise(firm, upTo)
	return nil
}

// applySingly applies a firm's facts one by one, because one of them can't be applied. Whoever has fetched that one
// makes it a dead letter. Others leave it out.
func (p Projector) applySingly(ctx context.Context, facts []events.Event, own map[uint64]bool) error {
	for i, fact := range facts {
		err := p.apply(ctx, facts[i:i+1], floorsOf(facts[i:i+1]))
		if err != nil && (own[fact.At.Sequence] || !consume.IsPoison(err)) {
			return err
		}
	}
	return nil
}

// apply applies facts, those about access in the given order, which is the stream's. It leaves out what is below its
// firm's floor, and raises the floors: the facts must be all that are between the two.
//
// It is one transaction, unless a fact erases a person. No other transaction runs beside that one (ADR 171), so it has
// nothing but the erasure: between two of them, the mails and facts of all firms go on.
func (p Projector) apply(ctx context.Context, facts []events.Event, floors map[string]store.Position) error {
	for {
		n := slices.IndexFunc(facts, isErasure)
		if n < 0 {
			return p.applyTogether(ctx, facts, floors)
		}
		if err := p.applyTogether(ctx, facts[:n], floorsOf(facts[:n])); err != nil {
			return err
		}
		if err := p.erase(ctx, facts[n]); err != nil {
			return err
		}
		facts = facts[n+1:]
	}
}

// erase applies a fact that erases a person, or lifts that, unless it was applied before.
func (p Projector) erase(ctx context.Context, e events.Event) error {
	return p.Ledger.CommitAlone(ctx, func(tx *ledger.Tx) error {
		before, err := tx.RaiseFactFloors(ctx, floorsOf([]events.Event{e}))
		if err != nil || !before[e.Firm].Before(store.Position(e.At)) {
			return err
		}
		return applyErasure(ctx, tx, e)
	})
}

// applyTogether applies facts of which none erases a person, in one transaction.
func (p Projector) applyTogether(ctx context.Context, facts []events.Event, floors map[string]store.Position) error {
	if len(floors) == 0 {
		return nil
	}
	return p.Ledger.Commit(ctx, func(tx *ledger.Tx) error {
		before, err := tx.RaiseFactFloors(ctx, floors)
		if err != nil {
			return err
		}
		return applyBetween(ctx, tx, facts, before)
	})
}

// applyBetween applies facts of one transaction: first states, and then what says who has access, unless it
// was applied before.
func applyBetween(ctx context.Context, tx *ledger.Tx, facts []events.Event, before map[string]store.Position) error {
	var states, accesses []events.Event
	for _, fact := range facts {
		switch {
		case fact.Type == events.MailReported: // no floor speaks of reports, and the ledger knows those that came before
			accesses = append(accesses, fact)
		case !fact.TakesTurn():
			states = append(states, fact)
		case before[fact.Firm].Before(store.Position(fact.At)):
			accesses = append(accesses, fact)
		default: // it was applied before
		}
	}
	if err := applyStates(ctx, tx, states, accesses); err != nil {
		return err
	}
	return applyAccess(ctx, tx, accesses)
}

// applyReports applies reports that change no access. They come in any order, and any number of times.
func (p Projector) applyReports(ctx context.Context, reports []events.Event) error {
	if len(reports) == 0 {
		return nil
	}
	return p.Ledger.Commit(ctx, func(tx *ledger.Tx) error { return tx.ReportMails(ctx, reports) })
}

// floorsOf returns the position of each firm's last fact.
func floorsOf(facts []events.Event) map[string]store.Position {
	floors := map[string]store.Position{}
	for _, fact := range facts {
		floors[fact.Firm] = store.Position(fact.At)
	}
	return floors
}

// applyStates writes the states that facts carry, tombstones included. It ends the pending access that no longer agrees
// with them (ADR 120), and reports that. accesses are facts that are applied after these. A login among them keeps the
// access of the person, if the stream has it before the fact that would end it.
func applyStates(ctx context.Context, tx *ledger.Tx, states, accesses []events.Event) error {
	states, err := withoutErased(ctx, tx, states)
	if err != nil {
		return err
	}
	var facts store.Facts
	causes := map[string]store.Request{} // the newest fact of each firm about itself
	for _, fact := range states {
		if tx.Refused(fact) != nil {
			continue // whoever has fetched it makes it a dead letter
		}
		if err := Project(&facts, fact); err != nil {
			return err
		}
		if data, isFirm := fact.Data.(*events.Firm); isFirm && facts.PortalOf(fact.Firm) == data.PortalURL {
			causes[fact.Firm] = ledger.RequestOf(fact)
		}
	}
	for _, fact := range accesses {
		if grant, isGrant := fact.Data.(*events.Grant); isGrant {
			loggedIn(&facts, fact, grant)
		}
	}
	before, err := tx.PortalsBefore(ctx, &facts)
	if err != nil {
		return err
	}
	ended, err := tx.ApplyFacts(ctx, &facts)
	if err != nil {
		return err
	}
	if err := tx.ReportPortals(ctx, before, &facts, causes); err != nil || len(ended) == 0 {
		return err
	}
	return reportEnded(ctx, tx, ended, states)
}
