package store

import (
	"time"

	"portal-invites/internal/rules"
)

// Granted notes that a person has logged in to a client's portal: a contact, or whoever uses the email. Access granted
// later than it was removed counts, and the reverse; a login that another person uses actively stays with that person.
// Its key sorts behind those of contacts and clients: who people are is applied first.
func (f *Facts) Granted(firmID, clientID, contactID string, email rules.Email, grantedAt time.Time, at Position) {
	f.add("6/"+firmID+"/"+clientID+"/"+contactID+email.Normal, at, `
		WITH who AS (
			SELECT coalesce(nullif($3, ''), (
				SELECT k.contact_id FROM clients c JOIN contacts k ON k.firm_id = c.firm_id AND k.contact_id = ANY (c.contact_ids)
				WHERE c.firm_id = $1 AND c.client_id = $2 AND NOT c.removed AND NOT k.removed AND k.email_normal = $4
				ORDER BY k.contact_id LIMIT 1)) AS contact_id
		), login AS (
			SELECT CASE WHEN who.contact_id IS NULL THEN 'email:' || $4 ELSE 'contact:' || who.contact_id END AS person,
			       coalesce(nullif($4, ''), k.email_normal, '') AS email
			FROM who LEFT JOIN contacts k ON k.firm_id = $1 AND k.contact_id = who.contact_id
			WHERE (k.removed AND (k.stream, k.sequence) > ($6::timestamptz, $7::bigint)) IS NOT TRUE
			  AND NOT EXISTS (
				SELECT FROM clients c WHERE c.firm_id = $1 AND c.client_id = $2
				  AND c.removed AND (c.stream, c.sequence) > ($6::timestamptz, $7::bigint))
		), granted AS (
			INSERT INTO access AS old (firm_id, client_id, person, email, state, invited_at, active_at, version, stream, sequence)
			SELECT $1, $2, person, email, 'active', $5, $5, 1, $6, $7 FROM login
			ON CONFLICT (firm_id, client_id, person) DO UPDATE SET
				email = CASE WHEN old.state = 'invited' AND old.email <> '' THEN old.email ELSE excluded.email END,
				state = 'active', active_at = excluded.active_at, expires_at = NULL, removed_at = NULL,
				version = old.version + 1, stream = excluded.stream, sequence = excluded.sequence
			WHERE old.state <> 'active' AND (old.stream, old.sequence) < (excluded.stream, excluded.sequence)
			RETURNING firm_id, email, person
		)
		INSERT INTO logins AS old (firm_id, email, person, held_until)
		SELECT firm_id, email, person, '9999-01-01Z' FROM granted WHERE email <> ''
		ON CONFLICT (firm_id, email) DO UPDATE SET person = excluded.person, held_until = excluded.held_until
		WHERE old.person = excluded.person OR old.held_until < '9999-01-01Z'`,
		firmID, clientID, contactID, email.Normal, grantedAt)
}

// ContactRemoved leaves a tombstone, ends the contact's access everywhere and frees the logins it held. It does so once:
// the same removal delivered again finds its own tombstone and must not touch an access given since.
func (f *Facts) ContactRemoved(firmID, contactID string, at Position) {
	f.add(contactFact(firmID, contactID), at, `
		WITH gone AS (
			INSERT INTO contacts AS old (firm_id, contact_id, name, email, email_normal, locale, removed, stream, sequence)
			VALUES ($1, $2, '', '', '', '', true, $3, $4)
			ON CONFLICT (firm_id, contact_id) DO UPDATE SET
				name = '', email = '', email_normal = '', removed = true, stream = excluded.stream, sequence = excluded.sequence
			WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)
			RETURNING firm_id, 'contact:' || contact_id AS person
		), ended AS (
			UPDATE access SET state = 'removed', removed_at = now(), version = version + 1, stream = $3, sequence = $4
			FROM gone WHERE access.firm_id = gone.firm_id AND access.person = gone.person AND state IN ('invited', 'active')
		)
		DELETE FROM logins USING gone WHERE logins.firm_id = gone.firm_id AND logins.person = gone.person`,
		firmID, contactID)
}

// ClientRemoved leaves a tombstone and ends everybody's access to the client's portal. Logins that opened no other portal
// are free afterwards.
func (f *Facts) ClientRemoved(firmID, clientID string, at Position) {
	f.add(clientFact(firmID, clientID), at, `
		WITH gone AS (
			INSERT INTO clients AS old (firm_id, client_id, kind, name, active, contact_ids, primaries, removed, stream, sequence)
			VALUES ($1, $2, '', '', false, '{}', '{}', true, $3, $4)
			ON CONFLICT (firm_id, client_id) DO UPDATE SET removed = true, stream = excluded.stream, sequence = excluded.sequence
			WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)
			RETURNING firm_id, client_id
		), ended AS (
			UPDATE access SET state = 'removed', removed_at = now(), version = version + 1, stream = $3, sequence = $4
			FROM gone WHERE access.firm_id = gone.firm_id AND access.client_id = gone.client_id AND state IN ('invited', 'active')
			RETURNING access.firm_id, access.client_id, access.person, access.email
		)
		DELETE FROM logins USING ended
		WHERE logins.firm_id = ended.firm_id AND logins.email = ended.email AND logins.person = ended.person
		  AND NOT EXISTS (
			SELECT FROM access other
			WHERE other.firm_id = ended.firm_id AND other.person = ended.person AND other.email = ended.email
			  AND other.client_id <> ended.client_id AND other.state IN ('invited', 'active'))`,
		firmID, clientID)
}
