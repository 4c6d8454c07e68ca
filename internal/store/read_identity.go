package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// Identity is a person of a firm as they log in.
type Identity struct {
	Person rules.Person
	Name   string // of a contact; "" if it is not known
	Email  rules.Email
}

// Identify finds out who a contact is, or whoever logs in with an email. The id of a merged contact means the contact
// that it was merged into. An email that nobody logs in with means the person who was added by it (ADR 122).
func (t *Tx) Identify(ctx context.Context, firmID, contactID string, email rules.Email) (Identity, error) {
	if contactID == "" {
		return t.identifyEmail(ctx, firmID, email)
	}
	found, err := collect(ctx, t, "find a contact", scanIdentity, `
		SELECT 'contact:' || asked.id, coalesce(k.name, ''), coalesce(k.email, ''), coalesce(k.email_normal, '')
		FROM (SELECT coalesce((SELECT into_id FROM merged_contacts WHERE firm_id = $1 AND contact_id = $2), $2) AS id) asked
		LEFT JOIN contacts k ON k.firm_id = $1 AND k.contact_id = asked.id AND NOT k.removed`, firmID, contactID)
	if err != nil || len(found) == 0 {
		return Identity{}, err
	}
	return found[0], nil
}

func (t *Tx) identifyEmail(ctx context.Context, firmID string, email rules.Email) (Identity, error) {
	found, err := collect(ctx, t, "find who logs in with an email", scanIdentity, `
		SELECT l.person, coalesce(k.name, ''), $3, $2
		FROM logins l LEFT JOIN contacts k ON k.firm_id = $1 AND k.contact_id = substr(l.person, 9) AND NOT k.removed
			AND l.person LIKE 'contact:%'
		WHERE l.firm_id = $1 AND l.email = $2`, firmID, email.Normal, email.Written)
	if err != nil {
		return Identity{}, err
	}
	if len(found) == 0 {
		return Identity{Person: rules.AddedPerson(email.Normal), Email: email}, nil
	}
	return found[0], nil
}

func scanIdentity(row pgx.CollectableRow) (Identity, error) {
	var who Identity
	err := row.Scan(&who.Person, &who.Name, &who.Email.Written, &who.Email.Normal)
	return who, err
}
