package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// PersonKey is how the tables name one person of a firm.
type PersonKey struct {
	FirmID     string
	People     []rules.Person // in access and logins: contacts, and a guest with the email
	ContactIDs []string       // the contact, and those that were merged into it
	Emails     []string       // in normal form: those of the contact, also earlier ones, and those they log in with
}

// FindPerson finds out how the tables name the person behind a contact, or behind an email (normal form) that no
// contact has. contacts are those who have the email, if several do: then nobody is found.
func (t *Tx) FindPerson(
	ctx context.Context, firmID, contactID, email string,
) (key PersonKey, contacts []string, err error) {
	key = PersonKey{FirmID: firmID}
	if contactID == "" {
		contacts, err = collect(ctx, t, "find contacts by email", pgx.RowTo[string], `SELECT contact_id FROM contacts
			WHERE firm_id = $1 AND email_normal = $2 AND NOT removed ORDER BY contact_id`, firmID, email)
		switch {
		case err != nil || len(contacts) > 1:
			return key, contacts, err
		case len(contacts) == 1:
			contactID = contacts[0]
		default:
			key.People, key.ContactIDs, key.Emails = []rules.Person{rules.AddedPerson(email)}, []string{}, []string{email}
			return key, nil, nil
		}
	}
	if key.ContactIDs, err = collect(ctx, t, "find merged contacts", pgx.RowTo[string], `
		WITH now AS (SELECT `+contactNow("$1", "$2::text")+` AS id)
		SELECT id FROM now UNION SELECT contact_id FROM merged_contacts m JOIN now ON m.into_id = now.id
		WHERE firm_id = $1`, firmID, contactID); err != nil {
		return key, nil, err
	}
	for _, id := range key.ContactIDs {
		key.People = append(key.People, rules.ContactPerson(id))
	}
	if key.Emails, err = collect(ctx, t, "read emails of a contact", pgx.RowTo[string], `
		SELECT email_normal FROM contacts WHERE firm_id = $1 AND contact_id = ANY ($2) AND email_normal <> ''
		UNION SELECT b ->> 'was' FROM contacts, jsonb_array_elements(emails_before) b
		WHERE firm_id = $1 AND contact_id = ANY ($2) AND b ->> 'was' <> ''
		UNION SELECT email FROM logins WHERE firm_id = $1 AND person = ANY ($3)
		UNION SELECT email FROM access WHERE firm_id = $1 AND person = ANY ($3) AND email <> ''
		UNION SELECT email_normal FROM invites WHERE firm_id = $1 AND person = ANY ($3) AND email_normal <> ''`,
		firmID, key.ContactIDs, key.People); err != nil {
		return key, nil, err
	}
	guests, err := collect(ctx, t, "find guests by email", pgx.RowTo[rules.Person], `
		SELECT DISTINCT 'email:' || email_normal FROM contacts k WHERE firm_id = $1 AND contact_id = ANY ($2)
		  AND email_normal <> '' AND NOT EXISTS ( -- the guest may be the other contact
			SELECT FROM contacts o WHERE o.firm_id = $1 AND o.email_normal = k.email_normal AND o.contact_id <> ALL ($2))`,
		firmID, key.ContactIDs)
	key.People = append(key.People, guests...)
	return key, nil, err
}

// PersonalRow is a row about a person, as JSON, without what it says about other people.
type PersonalRow struct {
	Table string
	Data  json.RawMessage
}

// Person reads all rows about a person, by the register. It does not read other firms, nor other people.
func (t *Tx) Person(ctx context.Context, key PersonKey) (list []PersonalRow, err error) {
	exists, err := collect(ctx, t, "list the tables", pgx.RowTo[string],
		`SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()`)
	if err != nil {
		return nil, err
	}
	for _, of := range personalData {
		if of.Whose == "" || !slices.Contains(exists, of.Table) {
			continue
		}
		rows, err := collect(ctx, t, "export "+of.Table, pgx.RowTo[json.RawMessage], of.sql(), key.FirmID, key.People,
			key.ContactIDs, key.Emails)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			list = append(list, PersonalRow{of.Table, row})
		}
	}
	return list, nil
}

// sql reads the rows of a table about a person. Each parameter is named once, so that Postgres knows its type.
func (p PersonalData) sql() string {
	var shown []string
	for column := range strings.FieldsSeq(p.Person + " " + p.None + " " + p.Others) {
		value := p.Shown[column]
		if value == "" && slices.Contains(strings.Fields(p.Others), column) {
			continue
		}
		if value == "" {
			value = "t." + column
		}
		shown = append(shown, fmt.Sprintf("'%s', %s", column, value))
	}
	return `SELECT data FROM (
		SELECT jsonb_strip_nulls(jsonb_build_object(` + strings.Join(shown, ", ") + `)) AS data FROM ` + p.Table + ` t
		WHERE ` + p.Whose + ` AND ($1::text, $2::text[], $3::text[], $4::text[]) IS NOT NULL) found
		ORDER BY data::text`
}
