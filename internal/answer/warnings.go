package answer

import (
	"context"
	"slices"
	"time"

	"portal-invites/internal/portal"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// FirmWarnings says what of a firm's settings could not be taken as it was told (ADR 128).
func (a *Answers) FirmWarnings(ctx context.Context, firm string) (list []rules.Warning, err error) {
	err = a.store().Read(ctx, func(tx *store.Tx) error {
		notes, err := tx.FirmNotes(ctx, firm)
		if err != nil {
			return err
		}
		refused, err := tx.Refused(ctx, firm, []rules.Thing{rules.FirmThing})
		if err != nil {
			return err
		}
		name := rules.NameOnly(notes.Name)
		if problem := refused[rules.ThingKey{FirmID: firm, Thing: rules.FirmThing}]; problem != "" {
			list = append(list, rules.Refused(rules.FirmThing, name, problem))
		}
		for _, field := range notes.LeftOut {
			list = append(list, rules.LeftOut(rules.FirmThing, name, field))
		}
		if notes.RemindAfter >= a.Ledger.Policy.InviteTTL {
			list = append(list, rules.NeverReminds(name))
		}
		for _, field := range a.Ledger.Policy.Limits.TooHigh(notes.Limits) {
			list = append(list, rules.TooHighLimit(name, field))
		}
		if notes.PortalBefore != "" && a.Ledger.Now().Sub(notes.PortalChangedAt) < portalMovedFor {
			list = append(list, rules.HostChanged(notes.PortalBefore, portal.Host(notes.PortalURL), notes.PortalChangedAt))
		}
		return nil
	})
	return list, err
}

// portalMovedFor is how long a firm is warned that its portal has another host (ADR 148). A link lives as long.
const portalMovedFor = 30 * 24 * time.Hour

// StatusWarnings says what could not be taken as it was told, about each of the people and their clients. The lists are
// in the order of the people.
func (a *Answers) StatusWarnings(
	ctx context.Context, firm string, people []store.Status,
) (lists [][]rules.Warning, err error) {
	err = a.store().Read(ctx, func(tx *store.Tx) error {
		var things []rules.Thing
		keys := make([]rules.AccessKey, len(people))
		for i, p := range people {
			keys[i] = rules.AccessKey{FirmID: firm, ClientID: p.ClientID, Person: p.Person}
			things = append(things, rules.ClientThing(p.ClientID), rules.ContactThing(p.Person.ContactID()))
		}
		refused, err := tx.Refused(ctx, firm, things)
		if err != nil {
			return err
		}
		notes, err := tx.PersonNotes(ctx, firm, keys)
		if err != nil {
			return err
		}
		for i, p := range people {
			lists = append(lists, slices.Concat(refusedOf(firm, p, refused), notedOf(p, notes[keys[i]])))
		}
		return nil
	})
	return lists, err
}

func refusedOf(firm string, p store.Status, refused map[rules.ThingKey]string) (list []rules.Warning) {
	about := func(thing rules.Thing, name string) {
		if problem := refused[rules.ThingKey{FirmID: firm, Thing: thing}]; problem != "" {
			list = append(list, rules.Refused(thing, rules.NameOnly(name), problem))
		}
	}
	about(rules.ClientThing(p.ClientID), p.ClientName)
	if id := p.Person.ContactID(); id != "" {
		about(rules.ContactThing(id), p.Name)
	}
	return list
}

func notedOf(p store.Status, notes store.PersonNotes) (list []rules.Warning) {
	name := rules.NameOnly(p.Name)
	for _, field := range notes.LeftOut {
		list = append(list, rules.LeftOut(rules.ContactThing(p.Person.ContactID()), name, field))
	}
	if !notes.LoginTold.IsZero() && p.Access != nil && p.Access.State == rules.Active {
		firm := &rules.Firm{Zone: rules.Location(p.TimeZone)}
		list = append(list, rules.AheadOfTime(name, firm.In(notes.LoginTold), firm.In(p.LastLogin)))
	}
	return list
}
