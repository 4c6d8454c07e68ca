package api

import (
	"context"
	"encoding/json"
	"strings"

	"portal-invites/internal/address"
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
	Freshness
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
	switch {
	case r.ContactID == "" && r.Email == "":
		return none, invalid("contact_id: missing (or email)")
	case r.ContactID != "" && r.Email != "":
		return none, invalid("email: can't be combined with contact_id: one of them says who it is")
	case r.Email != "" && email == "":
		return none, invalid("email: is not a valid address")
	}
	page, err := newPager(r.Page, PersonEndpoint, firm, r)
	if err != nil {
		return none, err
	}
	var from rowKey
	if _, err := page.after(&from); err != nil {
		return none, err
	}
	var key store.PersonKey
	var several []string
	var rows []store.PersonalRow
	err = s.Reads.Read(ctx, func(tx *store.Tx) error {
		if key, several, err = tx.FindPerson(ctx, firm, r.ContactID, email); err != nil || len(several) > 1 {
			return err
		}
		rows, err = tx.Person(ctx, key)
		return err
	})
	switch {
	case err != nil:
		return none, err
	case len(several) > 1:
		return none, conflict("email: is that of several contacts (%s); ask by contact_id", strings.Join(several, ", "))
	case len(rows) == 0:
		return none, notFound("%s: this firm knows nothing about such a person",
			map[bool]string{true: "email", false: "contact_id"}[r.ContactID == ""])
	}
	answer := PersonAnswer{ContactIDs: key.ContactIDs, Emails: key.Emails, Rows: []PersonRow{}}
	for i := from.Place; i < len(rows); i++ {
		answer.Rows = append(answer.Rows, PersonRow{Table: rows[i].Table, Data: rows[i].Data, place: i + 1})
	}
	n, next, err := cut(answer.Rows, page, func(row PersonRow) any { return rowKey{row.place} })
	answer.Rows, answer.Next = answer.Rows[:n], next
	return answer, err
}
