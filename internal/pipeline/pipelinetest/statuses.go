package pipelinetest

import (
	"fmt"

	"portal-invites/internal/testkit"
)

// wrongStatuses finds the rows of statuses that are not what the facts and the ledger say, of one firm or of all (”).
// It counts from the beginning and uses none of the functions that write the rows.
const wrongStatuses = `
	WITH newest AS (
		SELECT DISTINCT ON (firm_id, client_id, person) * FROM invites WHERE person <> ''
		ORDER BY firm_id, client_id, person, decided_at DESC, state = 'skipped', invite_id
	), people AS (
		SELECT firm_id, client_id, 'contact:' || l.id AS person, true AS listed, l.is_primary
		FROM clients CROSS JOIN LATERAL unnest(contact_ids, primaries) AS l (id, is_primary) WHERE NOT removed
	), everybody AS (
		SELECT firm_id, client_id, person FROM people UNION SELECT firm_id, client_id, person FROM newest
		UNION SELECT firm_id, client_id, person FROM access
	), want AS (
		SELECT firm_id, client_id, person, CASE
			WHEN a.state = 'active' THEN 'active'
			WHEN a.state = 'removed' THEN 'removed'
			WHEN a.state = 'invited' AND o.state IN ('queued', 'sending') THEN 'queued'
			WHEN a.state = 'invited' THEN 'invited'
			WHEN a.state = 'expired' AND EXISTS (SELECT FROM declines d
				WHERE (d.firm_id, d.email) = (a.firm_id, a.email) AND NOT d.bulk_only) THEN 'declined'
			WHEN a.state = 'expired' AND (o.state IS NULL OR o.state NOT IN ('skipped', 'failed')) THEN 'expired'
			WHEN a.state IS NULL AND n.state IS NULL THEN 'never_asked'
			ELSE 'not_sent' END AS state,
			coalesce(p.listed, false) AS listed, coalesce(p.is_primary, false) AS is_primary, a.last_login_at, n.invite_id,
			coalesce(n.reason, '') AS reason, CASE
				WHEN EXISTS (SELECT FROM mail_reports r WHERE r.invite_id = n.invite_id AND r.nonce = n.nonce
					AND r.kind = 'bounced' AND r.failed) THEN 'bounced'
				WHEN EXISTS (SELECT FROM mail_reports r WHERE r.invite_id = n.invite_id AND r.nonce = n.nonce
					AND r.kind = 'delivered') THEN 'delivered'
				ELSE '' END AS mail
		FROM everybody LEFT JOIN people p USING (firm_id, client_id, person)
		LEFT JOIN newest n USING (firm_id, client_id, person)
		LEFT JOIN access a USING (firm_id, client_id, person)
		LEFT JOIN (SELECT invite_id AS opener, state FROM invites) o ON opener = a.invite_id
	), got AS (
		SELECT firm_id, client_id, person, state, listed, is_primary, last_login_at, invite_id, reason, mail FROM statuses
	)
	SELECT coalesce(string_agg(line, chr(10)), '') FROM (
		(SELECT 'is ' || d::text AS line, firm_id FROM (SELECT * FROM got EXCEPT SELECT * FROM want) d
		UNION ALL SELECT 'not ' || d::text, firm_id FROM (SELECT * FROM want EXCEPT SELECT * FROM got) d)
	) wrong WHERE $1 IN ('', firm_id)`

// AuditStatuses checks that the rows of statuses are what the facts and the ledger say, of one firm or of all ("").
func (r *Rig) AuditStatuses(firm string) error {
	r.TB.Helper()
	if wrong := testkit.Query[string](r.Scene, wrongStatuses, firm); wrong != "" {
		return fmt.Errorf("statuses are not what the ledger says:\n%s", wrong)
	}
	return nil
}
