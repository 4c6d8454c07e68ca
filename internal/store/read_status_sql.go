package store

import "portal-invites/internal/rules"

// There are four queries for statuses. They differ in which pairs of client and person they read, and in how they find
// the invite of each pair. The arguments are the same: $1 is the firm, $2 the client or "", $3 and $4 the client and
// the person after which the page begins, $5 the limit, and $6 the contact, the email or the invite.
var (
	statusesOfClient  = "WITH " + pairsOfClient + statusColumns + newestInvite + statusJoins
	statusesOfContact = "WITH " + personOfContact + "," + pairsOfPersons + statusColumns + newestInvite + statusJoins
	statusesOfEmail   = "WITH " + personsOfEmail + "," + pairsOfPersons + statusColumns + newestInvite + statusJoins
	statusOfInvite    = "WITH " + pairOfInvite + statusColumns + thatInvite + statusJoins
)

const (
	personOfContact = `
	persons AS (
		SELECT 'contact:' || $6::text COLLATE "C" AS person WHERE NOT EXISTS (
			SELECT FROM merged_contacts WHERE firm_id = $1 AND contact_id = $6)
		UNION ALL SELECT 'contact:' || into_id FROM merged_contacts WHERE firm_id = $1 AND contact_id = $6
	)`

	personsOfEmail = `
	persons AS (
		SELECT 'contact:' || contact_id COLLATE "C" AS person FROM contacts
		WHERE firm_id = $1 AND email_normal = $6 AND NOT removed
		UNION SELECT person FROM logins WHERE firm_id = $1 AND email = $6
		UNION SELECT 'email:' || $6
	)`

	pairsOfClient = `
	pairs AS (
		SELECT client_id, 'contact:' || unnest(contact_ids) COLLATE "C" AS person FROM clients
		WHERE firm_id = $1 AND client_id = $2 AND NOT removed
		UNION SELECT client_id, person FROM access WHERE firm_id = $1 AND client_id = $2
		UNION SELECT client_id, person FROM invites WHERE firm_id = $1 AND client_id = $2 AND ` + isUnlisted + `
		  AND (person <> '' OR NOT EXISTS (
			SELECT FROM clients WHERE firm_id = $1 AND client_id = $2 AND NOT removed AND contact_ids <> '{}'))
	)`

	// isUnlisted is the condition of the index invites_unlisted: what did not go out to those on no client's list. They
	// were added by email, or the client itself was asked for, or the client is not known.
	isUnlisted = `state IN ('skipped', 'failed') AND NOT settled
		AND (contact_id = '' OR reason IN ('firm_not_found', 'license_required', 'client_not_found'))`

	// OFFSET 0 makes Postgres look up each of the few persons by itself, whatever number of persons the planner expects.
	pairsOfPersons = `
	pairs AS (
		SELECT found.client_id, persons.person FROM persons CROSS JOIN LATERAL (
			SELECT client_id FROM clients
			WHERE firm_id = $1 AND contact_ids @> ARRAY[substr(persons.person, 9)] AND NOT removed
			  AND persons.person LIKE 'contact:%'
			UNION SELECT client_id FROM access WHERE firm_id = $1 AND person = persons.person
			UNION SELECT client_id FROM invites WHERE firm_id = $1 AND person = persons.person
			OFFSET 0) found
		WHERE $2 IN ('', found.client_id)
	)`

	pairOfInvite = `
	pairs AS (SELECT client_id, person FROM invites WHERE invite_id = $6 AND firm_id = $1 AND $2 IN ('', client_id))`
)

var suspended = suspension("p.person")

var (
	statusColumns = `
	SELECT p.client_id, p.person, coalesce(c.name, ''),
		coalesce(k.name, ''), coalesce(k.email, ''), coalesce(k.email_normal, ''),
		a.state, coalesce(a.version, 0), coalesce(a.invite_id::text, ''), coalesce(a.email, ''),
		a.invited_at, a.mailed_at, a.expires_at, a.last_login_at, a.removed_at, coalesce(a.removed_why, ''),
		coalesce(c.suspended, ''), coalesce(o.state, ''), reminders.count, reminders.newest,
		i.invite_id, coalesce(i.contact_id, ''), coalesce(i.kind, ''), coalesce(i.lane, ''), i.run_id, i.replay_id,
		coalesce(i.state, ''), coalesce(i.revision, 0), coalesce(i.reason, ''), i.reasons,
		coalesce(i.name, ''), coalesce(i.email, ''), coalesce(i.email_normal, ''),
		coalesce(i.attempt, 0), i.next_attempt_at, i.held_at, i.decided_at, i.sent_at, i.expires_at, coalesce(i.sender, ''),
		coalesce((SELECT time_zone FROM firms WHERE firm_id = $1), ''),
		coalesce(r.source, ''), coalesce(r.event_id, ''), coalesce(r.type, ''), history.attempts, later.reports,
		d.declined_at, coalesce(d.bulk_only, false), coalesce(d.email, ''), (
			SELECT declined_at FROM declines WHERE status_access(a) = 'declined' AND firm_id = $1 AND email = a.email),
		` + runPause + `
	FROM (SELECT * FROM pairs WHERE (client_id, person) > ($3, $4) ORDER BY client_id, person LIMIT $5) p
	-- LIMIT 1 makes Postgres look up each row by its key, whatever number of pairs the planner expects.
	LEFT JOIN LATERAL (
		SELECT name, ` + suspended + ` AS suspended FROM clients c WHERE firm_id = $1 AND client_id = p.client_id LIMIT 1
	) c ON true
	LEFT JOIN LATERAL (
		SELECT name, email, email_normal FROM contacts WHERE firm_id = $1 AND contact_id = substr(p.person, 9) LIMIT 1
	) k ON p.person LIKE 'contact:%'
	LEFT JOIN LATERAL (
		SELECT * FROM access WHERE firm_id = $1 AND client_id = p.client_id AND person = p.person LIMIT 1
	) a ON true
	LEFT JOIN LATERAL (SELECT state FROM invites WHERE invite_id = a.invite_id LIMIT 1) o ON true
	CROSS JOIN LATERAL (
		SELECT count(*) AS count, max(coalesce(sent_at, decided_at)) AS newest FROM invites
		WHERE firm_id = $1 AND person = p.person AND client_id = p.client_id AND kind = 'resend'
		  AND (state = ` + sqlSent + ` AND sent_at >= a.invited_at
		    OR reason = '` + string(rules.RemindedTogether) + `' AND decided_at >= a.invited_at)
	) reminders
	LEFT JOIN LATERAL `

	// If several invites were decided at the same moment (one request named a person twice), this is the one that got
	// furthest.
	newestInvite = `(
		SELECT * FROM invites WHERE firm_id = $1 AND person = p.person AND client_id = p.client_id
		ORDER BY decided_at DESC, state = ` + sqlSkipped + `, invite_id LIMIT 1) i ON true`

	thatInvite = `(SELECT * FROM invites WHERE invite_id = $6 LIMIT 1) i ON true`

	// The request comes without its data, which is long if it named thousands of clients.
	statusJoins = `
	LEFT JOIN LATERAL (SELECT source, event_id, type FROM requests WHERE request_id = i.request_id LIMIT 1) r ON true` +
		historyJoins + `
	LEFT JOIN LATERAL (
		SELECT email, bulk_only, declined_at FROM declines
		WHERE firm_id = $1 AND email = coalesce(nullif(k.email_normal, ''), nullif(a.email, ''), i.email_normal) LIMIT 1
	) d ON true
	ORDER BY p.client_id, p.person`

	// runPause is the pause of the run or the replay that a queued invite (i) belongs to, as a value of a row.
	runPause = `(
		SELECT jsonb_build_object('RunID', run_id, 'At', paused_at, 'By', paused_by, 'Because', paused_because) FROM runs
		WHERE run_id IN (i.run_id, i.replay_id) AND paused_at IS NOT NULL AND i.state = ` + sqlQueued + `
		ORDER BY run_id LIMIT 1)`

	// historyJoins add the attempts of an invite, and the reports about its present mail.
	historyJoins = `
	CROSS JOIN LATERAL (
		SELECT jsonb_agg(jsonb_build_object('Number', attempt, 'MessageID', message_id, 'Verdict', verdict, 'Stage', stage,
			'SMTPCode', smtp_code, 'Enhanced', enhanced, 'Said', said, 'StartedAt', started_at, 'FinishedAt', finished_at)
			ORDER BY attempt) AS attempts
		FROM attempts WHERE invite_id = i.invite_id
	) history
	CROSS JOIN LATERAL (
		SELECT jsonb_agg(jsonb_build_object('Kind', kind, 'Code', code, 'Said', said, 'Reporter', reporter, 'At', at,
			'Failed', failed) ORDER BY at, kind, code) AS reports
		FROM mail_reports WHERE invite_id = i.invite_id AND nonce = i.nonce
	) later`
)
