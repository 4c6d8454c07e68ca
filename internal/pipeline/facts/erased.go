package facts

import (
	"context"
	"fmt"
	"slices"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// isErasure says whether a fact erases a person, or lifts that.
func isErasure(e events.Event) bool {
	return e.Type == events.PersonErased || e.Type == events.ErasureLifted
}

// applyErasure erases a person, or lifts an erasure (ADR 171).
func applyErasure(ctx context.Context, tx *ledger.Tx, e events.Event) error {
	data, ok := e.Data.(*events.Erasure)
	if !ok {
		return fmt.Errorf("no erasure in %s", e.Type)
	}
	if e.Type == events.PersonErased {
		return tx.Erase(ctx, e, data)
	}
	name := store.Named{FirmID: e.Firm, Person: data.Who()}
	_, err := tx.LiftErasure(ctx, name, store.Position(e.Place()), tx.Now, data.RequestedBy, data.Reason)
	return err
}

// erasable returns those facts of a batch, by their sequences, that an erasure may leave out. They take their turn: a
// fact behind an [events.ErasureLifted] counts, and must not come before it.
func (p Projector) erasable(ctx context.Context, batch []events.Delivery) (map[uint64]bool, error) {
	erasing, named := map[string]bool{}, map[store.Named][]uint64{}
	var names []store.Named
	for _, d := range batch {
		erasing[d.Firm] = erasing[d.Firm] || isErasure(d.Event)
		for _, name := range namesIn(d.Event) {
			names = append(names, name)
			named[name] = append(named[name], d.At.Sequence)
		}
	}
	known, err := p.Ledger.Store.KnownErasures(ctx, names)
	if err != nil {
		return nil, err
	}
	inTurn := map[uint64]bool{}
	for name, sequences := range named {
		if _, is := known[name]; !is && !erasing[name.FirmID] {
			continue
		}
		for _, sequence := range sequences {
			inTurn[sequence] = true
		}
	}
	return inTurn, nil
}

// withoutErased leaves out what facts say about people who were erased. Older facts never bring them back. Newer ones
// are counted, until somebody lifts the erasure.
func withoutErased(ctx context.Context, tx *ledger.Tx, facts []events.Event) ([]events.Event, error) {
	var firms []string
	for _, fact := range facts {
		if !slices.Contains(firms, fact.Firm) {
			firms = append(firms, fact.Firm)
		}
	}
	if len(firms) == 0 {
		return facts, nil
	}
	erasing, err := tx.FirmsThatErased(ctx, firms)
	if err != nil || len(erasing) == 0 {
		return facts, err
	}
	var names []store.Named
	for _, fact := range facts {
		if erasing[fact.Firm] {
			names = append(names, namesIn(fact)...)
		}
	}
	found, err := tx.Erasures(ctx, names)
	if err != nil || len(found) == 0 {
		return facts, err
	}
	left := make([]events.Event, 0, len(facts))
	for _, fact := range facts {
		kept, out := without(fact, found)
		if kept != nil {
			left = append(left, *kept)
		}
		for _, name := range out {
			if err := tx.NoteLeftOut(ctx, name, store.Position(fact.Place()), tx.Now); err != nil {
				return nil, err
			}
		}
	}
	return left, nil
}

// namesIn returns whom a fact about people names.
func namesIn(e events.Event) (list []store.Named) {
	add := func(people ...rules.Person) {
		for _, p := range people {
			list = append(list, store.Named{FirmID: e.Firm, Person: p})
		}
	}
	switch data := e.Data.(type) {
	case *events.Contact:
		add(rules.ContactPerson(data.ContactID))
		if email := address.Parse(data.Email).Normal; email != "" {
			add(rules.AddedPerson(email))
		}
	case *events.RemovedContact:
		add(rules.ContactPerson(data.ContactID))
	case *events.Client:
		for _, c := range data.Contacts {
			add(rules.ContactPerson(c.ContactID))
		}
	case *events.Merge:
		for _, id := range append(slices.Clone(data.From), data.Into) {
			add(rules.ContactPerson(id))
		}
	case *events.Grant:
		if data.ContactID != "" {
			add(rules.ContactPerson(data.ContactID))
		} else {
			add(rules.AddedPerson(address.Parse(data.Email).Normal))
		}
	case *events.Firm, *events.RemovedClient, *events.Suppression, *events.MailReport, *events.Template,
		*events.RemovedTemplate, *events.Erasure, *events.Request, *events.BulkRequest, *events.ReplayRequest,
		*events.Instruction, *events.Schedule: // they name no person, or only an email that may get no mail
	}
	return list
}

// without returns a fact without the erased people that it names, or nil if it is about them. out are those who are
// left out.
func without(e events.Event, erased map[store.Named]store.Erasure) (kept *events.Event, out []store.Named) {
	at := store.Position(e.Place())
	for _, name := range namesIn(e) {
		if erasure, is := erased[name]; is && erasure.LeavesOut(at) {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return &e, nil
	}
	isOut := func(contactID string) bool {
		return slices.Contains(out, store.Named{FirmID: e.Firm, Person: rules.ContactPerson(contactID)})
	}
	switch data := e.Data.(type) {
	case *events.Client:
		others := *data
		others.Contacts = slices.DeleteFunc(slices.Clone(data.Contacts), func(c events.ClientContact) bool {
			return isOut(c.ContactID)
		})
		if len(others.Contacts) == 0 && others.Kind == string(rules.Individual) {
			others.Name = others.ClientID // it has the name of the person
		}
		e.Data = &others
		return &e, out
	case *events.Merge:
		others := *data
		others.From = slices.DeleteFunc(slices.Clone(data.From), isOut)
		if isOut(data.Into) || len(others.From) == 0 {
			return nil, out
		}
		e.Data = &others
		return &e, out
	case *events.Firm, *events.RemovedClient, *events.Suppression, *events.MailReport, *events.Template,
		*events.RemovedTemplate, *events.Erasure, *events.Request, *events.BulkRequest, *events.ReplayRequest,
		*events.Instruction, *events.Schedule, *events.Contact, *events.RemovedContact, *events.Grant:
	}
	return nil, out
}
