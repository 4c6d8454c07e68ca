package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// PersonRequest asks for everything that the database has about one person of a firm. One of ContactID and Email is
// needed.
type PersonRequest struct {
	ContactID string `json:"contact_id,omitempty"`
	Email     string `json:"email,omitempty"` // in any spelling; of one contact, or of a person who was added by email
	Page
}

// PersonAnswer is a page of the rows about a person. It has full emails, as they are the person's own (ADR 164).
type PersonAnswer struct {
	ContactIDs []string    `json:"contact_ids"` // the contact, and those that were merged into it
	Emails     []string    `json:"emails"`      // in normal form, also earlier ones
	Rows       []PersonRow `json:"rows"`
	Next       string      `json:"next,omitempty"`
	Erasure    *Erasure    `json:"erasure,omitempty"` // of somebody who was erased
	Freshness
}

// Erasure says that a person was erased, and what is left of them.
type Erasure struct {
	ErasedAt      time.Time  `json:"erased_at"`
	RequestedBy   string     `json:"requested_by"`
	Reason        string     `json:"reason"`
	LeftOut       int        `json:"left_out"` // facts and requests since then
	LeftOutAt     *time.Time `json:"left_out_at,omitempty"`
	LiftedAt      *time.Time `json:"lifted_at,omitempty"` // nil while it holds
	LiftedBy      string     `json:"lifted_by,omitempty"`
	LiftedBecause string     `json:"lifted_because,omitempty"`
	Streams       []Held     `json:"streams"`
}

// Held says until when a stream has what it had about an erased person.
type Held struct {
	Stream string     `json:"stream"`
	Until  *time.Time `json:"until,omitempty"` // nil: it keeps its messages without a limit of time
}

// PersonRow is a row about a person, without what it says about other people.
type PersonRow struct {
	Table string          `json:"table"`
	Data  json.RawMessage `json:"data"` // by the names of the columns

	place int // among all rows, from 1
}

// rowKey is the position of a row.
type rowKey struct {
	Place int `json:"n"`
}

func (s *server) person(ctx context.Context, firm string, r PersonRequest) (PersonAnswer, error) {
	none := PersonAnswer{}
	email := address.Parse(r.Email).Normal
	if err := r.check(email); err != nil {
		return none, err
	}
	page, err := newPager(r.Page, PersonEndpoint, firm, r)
	if err != nil {
		return none, err
	}
	var from rowKey
	if _, err := page.after(&from); err != nil {
		return none, err
	}
	kept, err := s.kept(ctx, firm, r.ContactID, email)
	switch {
	case err != nil:
		return none, err
	case len(kept.several) > 1:
		return none, conflict("email: is that of several contacts (%s); ask by contact_id", strings.Join(kept.several, ", "))
	case len(kept.rows) == 0 && kept.erasure == nil:
		return none, notFound("%s: this firm knows nothing about such a person",
			map[bool]string{true: "email", false: "contact_id"}[r.ContactID == ""])
	}
	answer := PersonAnswer{ContactIDs: []string{}, Emails: []string{}, Rows: []PersonRow{}, Erasure: kept.erasure}
	if len(kept.rows) > 0 {
		answer.ContactIDs, answer.Emails = kept.key.ContactIDs, kept.key.Emails
	}
	for i := from.Place; i < len(kept.rows); i++ {
		answer.Rows = append(answer.Rows, PersonRow{Table: kept.rows[i].Table, Data: kept.rows[i].Data, place: i + 1})
	}
	n, next, err := cut(answer.Rows, page, func(row PersonRow) any { return rowKey{row.place} })
	answer.Rows, answer.Next = answer.Rows[:n], next
	return answer, err
}

// check refuses a request that does not say who is meant. email is that of the request in normal form.
func (r PersonRequest) check(email string) error {
	switch {
	case r.ContactID == "" && r.Email == "":
		return invalid("contact_id: missing (or email)")
	case r.ContactID != "" && r.Email != "":
		return invalid("email: can't be combined with contact_id: one of them says who it is")
	case r.Email != "" && email == "":
		return invalid("email: is not a valid address")
	}
	return nil
}

// keptOf is what is kept about a person. several are the contacts who have the email, if it does not say who is meant.
type keptOf struct {
	key     store.PersonKey
	several []string
	rows    []store.PersonalRow
	erasure *Erasure
}

func (s *server) kept(ctx context.Context, firm, contactID, email string) (k keptOf, err error) {
	name := store.Named{FirmID: firm, Person: rules.AddedPerson(email)}
	if contactID != "" {
		name.Person = rules.ContactPerson(contactID)
	}
	err = s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
		k = keptOf{}
		if k.key, k.several, err = tx.FindPerson(ctx, firm, contactID, email); err != nil || len(k.several) > 1 {
			return err
		}
		if k.rows, err = tx.Person(ctx, k.key); err != nil {
			return err
		}
		found, err := tx.Erasures(ctx, []store.Named{name})
		if e, is := found[name]; is {
			k.erasure = erasureOf(e)
		}
		return err
	})
	if err == nil && k.erasure != nil {
		k.erasure.Streams, err = s.stillHeld(ctx, k.erasure.ErasedAt)
	}
	return k, err
}

func erasureOf(e store.Erasure) *Erasure {
	return &Erasure{
		ErasedAt: e.ErasedAt.UTC(), RequestedBy: e.By, Reason: e.Why, LeftOut: e.LeftOut, LeftOutAt: ifKnown(e.LeftOutAt),
		LiftedAt: ifKnown(e.LiftedAt), LiftedBy: e.LiftedBy, LiftedBecause: e.LiftedFor,
	}
}

func ifKnown(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// stillHeld says until when the streams have what was published about somebody before their erasure. What is published
// later has its own time.
func (s *server) stillHeld(ctx context.Context, erased time.Time) (list []Held, err error) {
	for _, name := range []string{events.EventsStream, events.OutcomesStream, events.DeadLettersStream} {
		stream, err := s.Answers.JS.Stream(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("open stream %s: %w", name, err)
		}
		held := Held{Stream: name}
		if age := stream.CachedInfo().Config.MaxAge; age > 0 {
			held.Until = ifKnown(erased.Add(age))
		}
		list = append(list, held)
	}
	return list, nil
}
