package store

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// contactsOf is the rest of a statement that reads the contacts of a client list among statuses (s).
const (
	contactsOf      = `SELECT s.client_id, substr(s.person, 9) FROM statuses s WHERE s.firm_id = $1`
	inOrderOfPeople = ` ORDER BY s.client_id, s.person`
)

// toAsk are the conditions on who may be a candidate: the contacts that clients list.
func (f PeopleFilter) toAsk() *conditions {
	c := f.all()
	c.add(`s.listed AND s.person LIKE 'contact:%'`)
	return c
}

// peopleToAsk reads the next contacts whose status a filter finds, by keyset. All that an earlier page has changed is
// before the cursor, or does not count: see [PeopleFilter.Run].
func (t *Tx) peopleToAsk(ctx context.Context, f PeopleFilter, after Cursor, limit int) ([]Candidate, error) {
	c := f.toAsk()
	c.add(`(s.client_id, s.person) > (?, ?)`, after.ClientID, "contact:"+after.ContactID)
	c.args = append(c.args, limit)
	return collect(ctx, t, "read candidates by their statuses", pgx.RowToStructByPos[Candidate],
		contactsOf+c.sql.String()+inOrderOfPeople+` LIMIT $`+strconv.Itoa(len(c.args)), c.args...)
}

// peopleSharing is [Tx.CandidatesSharing] of contacts that a filter finds.
func (t *Tx) peopleSharing(ctx context.Context, f PeopleFilter, emails []string, upTo Cursor) ([]Candidate, error) {
	c := f.toAsk()
	c.add(`s.person IN (SELECT 'contact:' || contact_id FROM contacts
		WHERE firm_id = $1 AND NOT removed AND email_normal = ANY (?))`, emails)
	c.add(`(s.client_id, s.person) <= (?, ?)`, upTo.ClientID, "contact:"+upTo.ContactID)
	return collect(ctx, t, "read candidates by status and email", pgx.RowToStructByPos[Candidate],
		contactsOf+c.sql.String()+inOrderOfPeople, c.args...)
}
