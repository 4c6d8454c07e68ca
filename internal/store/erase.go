package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// Erasing is a person who is being erased.
type Erasing struct {
	PersonKey
	Invites []uuid.UUID // theirs
	Own     []string    // the emails (normal form) that nobody else of the firm has
	Names   []string    // what they are called
	Clients []string    // that list them, or to whose portals they had access
}

// Named returns the names that are erased with the person: their contacts and their own emails.
func (e Erasing) Named() (names []Named) {
	for _, id := range e.ContactIDs {
		names = append(names, Named{FirmID: e.FirmID, Person: rules.ContactPerson(id)})
	}
	for _, email := range e.Own {
		names = append(names, Named{FirmID: e.FirmID, Person: rules.AddedPerson(email)})
	}
	return names
}

// StartErasing finds out what the tables have about a person. An email that another person of the firm has is not
// theirs alone, so what is kept of it stays.
func (t *Tx) StartErasing(ctx context.Context, key PersonKey) (e Erasing, err error) {
	e.PersonKey = key
	if e.Own, err = collect(ctx, t, "find emails of one person", pgx.RowTo[string], `
		SELECT email FROM unnest($4::text[]) AS e (email)
		WHERE NOT EXISTS (SELECT FROM contacts k
				WHERE k.firm_id = $1 AND k.email_normal = e.email AND NOT k.removed AND k.contact_id <> ALL ($3))
		  AND NOT EXISTS (SELECT FROM logins l WHERE l.firm_id = $1 AND l.email = e.email AND l.person <> ALL ($2)
				AND l.person <> 'email:' || e.email)`, e.args()...); err != nil {
		return e, err
	}
	for _, email := range e.Own { // whoever was added by the email is the person, too
		if guest := rules.AddedPerson(email); !slices.Contains(e.People, guest) {
			e.People = append(e.People, guest)
		}
	}
	if e.Invites, err = collect(ctx, t, "find invites of a person", pgx.RowTo[uuid.UUID], `
		SELECT invite_id FROM invites WHERE firm_id = $1 AND person = ANY ($2)
		  AND ($3::text[], $4::text[]) IS NOT NULL`, e.args()...); err != nil {
		return e, err
	}
	if e.Clients, err = collect(ctx, t, "find clients of a person", pgx.RowTo[string], `
		SELECT client_id FROM clients WHERE firm_id = $1 AND contact_ids && $3
		UNION SELECT client_id FROM access WHERE firm_id = $1 AND person = ANY ($2)
		UNION SELECT client_id FROM invites WHERE firm_id = $1 AND person = ANY ($2) AND $4::text[] IS NOT NULL`,
		e.args()...); err != nil {
		return e, err
	}
	e.Names, err = collect(ctx, t, "find names of a person", pgx.RowTo[string], `
		SELECT name FROM contacts WHERE firm_id = $1 AND contact_id = ANY ($3) AND name <> ''
		UNION SELECT name FROM invites WHERE firm_id = $1 AND person = ANY ($2) AND name <> ''
		UNION SELECT added_name FROM invites WHERE firm_id = $1 AND person = ANY ($2) AND added_name <> ''
			AND $4::text[] IS NOT NULL`, e.args()...)
	return e, err
}

func (e Erasing) args() []any { return []any{e.FirmID, e.People, e.ContactIDs, e.Emails} }

// NewestOf is the place of the newest fact about one of the contacts. It is zero if there is none.
func (t *Tx) NewestOf(ctx context.Context, e Erasing) (Position, error) {
	return t.newest(ctx, `
		SELECT stream, sequence FROM contacts WHERE firm_id = $1 AND contact_id = ANY ($2)
		ORDER BY stream DESC, sequence DESC LIMIT 1`, e.FirmID, e.ContactIDs)
}

// EraseRows erases a person from all tables, by the register. What code erases comes before ([Tx.EraseRequests],
// [Tx.EraseReasons], [Tx.EraseLetters]), and so does the end of their access.
func (t *Tx) EraseRows(ctx context.Context, e Erasing) error {
	key, err := t.store.key(ctx, t.tx)
	if err != nil {
		return err
	}
	args := []any{e.FirmID, e.People, e.ContactIDs, e.Own,
		column(e.Own, func(email string) string { return hashedEmail(key, e.FirmID, email) }), e.Invites}
	var batch pgx.Batch
	for _, of := range inOrderOfErasure() {
		batch.Queue(of.eraseSQL(), args...)
	}
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("erase a person: %w", err)
	}
	return nil
}

// inOrderOfErasure returns the tables from which statements of the register erase. The triggers of the others write
// statuses, so that comes last.
func inOrderOfErasure() (list []PersonalData) {
	for _, of := range personalData {
		if of.Deleted || len(of.Erased) > 0 {
			list = append(list, of)
		}
	}
	last := func(p PersonalData) int { return map[bool]int{true: 1}[p.Table == "statuses"] }
	slices.SortStableFunc(list, func(a, b PersonalData) int { return last(a) - last(b) })
	return list
}

// eraseSQL erases a person from a table. Each parameter is named once, so that Postgres knows its type.
func (p PersonalData) eraseSQL() string {
	whose := p.EraseWhose
	if whose == "" {
		whose = strings.ReplaceAll(p.Whose, theirs, `SELECT unnest($6::uuid[])`)
	}
	whose = `(` + whose + `) AND ($1::text, $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[]) IS NOT NULL`
	if p.Deleted {
		return `DELETE FROM ` + p.Table + ` t WHERE ` + whose
	}
	var set []string
	for name, value := range p.Erased {
		set = append(set, name+` = `+value)
	}
	slices.Sort(set)
	return `UPDATE ` + p.Table + ` t SET ` + strings.Join(set, `, `) + ` WHERE ` + whose
}

// RequestsOf reads the requests that may name an erased person: those of their invites, and requests to remove access.
func (t *Tx) RequestsOf(ctx context.Context, e Erasing) (list []Request, err error) {
	return collect(ctx, t, "find requests of a person", scanRequest, `
		SELECT `+requestColumns+` FROM requests
		WHERE request_id IN (SELECT request_id FROM invites WHERE invite_id = ANY ($2))
		   OR firm_id = $1 AND type = 'AccessRemovalRequested'`, e.FirmID, e.Invites)
}

// EraseReasons takes a person's names out of the reasons why others were skipped: of those who have the same email, and
// of the clients that list the person. It does not read other invites.
func (t *Tx) EraseReasons(ctx context.Context, e Erasing) error {
	if len(e.Names) == 0 && len(e.ContactIDs) == 0 {
		return nil
	}
	found, err := collect(ctx, t, "find what others were told of a person", scanInvite, `
		WITH others AS (
			SELECT s.person, s.client_id FROM statuses s WHERE s.firm_id = $1 AND s.client_id = ANY ($2)
			UNION SELECT '', unnest($2::text[])
			UNION SELECT s.person, s.client_id FROM contacts k JOIN statuses s
				ON s.firm_id = k.firm_id AND s.person = 'contact:' || k.contact_id
				WHERE k.firm_id = $1 AND k.email_normal = ANY ($3) AND NOT k.removed
		)
		SELECT `+inviteColumns+` FROM others JOIN LATERAL (
			SELECT * FROM invites i WHERE i.firm_id = $1 AND i.person = others.person AND i.client_id = others.client_id
			  AND i.reasons <> '[]' AND i.invite_id <> ALL ($4)) i USING (person, client_id)`,
		e.FirmID, e.Clients, e.Emails, e.Invites)
	if err != nil {
		return err
	}
	var changed []Invite
	for _, invite := range found {
		if e.takeFrom(invite.Reasons) {
			changed = append(changed, invite)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	reasons, err := encodeReasons(changed)
	if err != nil {
		return err
	}
	return t.keepReasons(ctx, changed, reasons)
}

// anotherPerson stands for an erased person in what others are told.
const anotherPerson = "another person of this firm"

// takeFrom takes the person out of reasons, and says whether they were in them.
func (e Erasing) takeFrom(reasons []rules.Reason) (found bool) {
	for i := range reasons {
		r := &reasons[i]
		named := r.Conflict != nil && slices.Contains(e.ContactIDs, r.Conflict.ContactID)
		if named {
			r.Conflict.ContactID = ""
		}
		for _, name := range e.Names {
			if r.Names != nil && r.Names.Replace(rules.NameOnly(name), anotherPerson) {
				named = true
			}
			if shown := rules.NameOnly(name); shown != "" && strings.Contains(r.Explanation+r.Remedy, shown) {
				r.Explanation = strings.ReplaceAll(r.Explanation, shown, anotherPerson)
				r.Remedy = strings.ReplaceAll(r.Remedy, shown, anotherPerson)
				named = true
			}
		}
		found = found || named
	}
	return found
}
