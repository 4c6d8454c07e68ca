package store

// A status is asked for in four ways, which differ in the pairs of client and person they are about, and in how the invite of
// each pair is found. The arguments are the same: $1 firm, $2 client, or nothing, $3 and $4 the client and person behind which the
// page begins, $5 the limit; $6 is the contact, the email or the invite.
const (
	standingsOfClient  = "WITH " + pairsOfClient + standingColumns + newestInvite + standingJoins
	standingsOfContact = "WITH " + whomContact + "," + pairsOfPersons + standingColumns + newestInvite + standingJoins
	standingsOfEmail   = "WITH " + whomEmail + "," + pairsOfPersons + standingColumns + newestInvite + standingJoins
	standingOfInvite   = "WITH " + pairOfInvite + standingColumns + thatInvite + standingJoins
)

const (
	whomContact = `
	whom AS (SELECT 'contact:' || $6::text COLLATE "C" AS person)`

	whomEmail = `
	whom AS (
		SELECT 'contact:' || contact_id COLLATE "C" AS person FROM contacts WHERE firm_id = $1 AND email_normal = $6 AND NOT removed
		UNION SELECT person FROM logins WHERE firm_id = $1 AND email = $6
		UNION SELECT 'email:' || $6
	)`

	pairsOfClient = `
	pairs AS (
		SELECT client_id, 'contact:' || unnest(contact_ids) COLLATE "C" AS person FROM clients
		WHERE firm_id = $1 AND client_id = $2 AND NOT removed
		UNION SELECT client_id, person FROM access WHERE firm_id = $1 AND client_id = $2
	)`

	// Each of the few persons is looked up by itself (OFFSET 0), whatever the planner takes their number for.
	pairsOfPersons = `
	pairs AS (
		SELECT found.client_id, whom.person FROM whom CROSS JOIN LATERAL (
			SELECT client_id FROM clients
			WHERE firm_id = $1 AND contact_ids @> ARRAY[substr(whom.person, 9)] AND NOT removed AND whom.person LIKE 'contact:%'
			UNION SELECT client_id FROM access WHERE firm_id = $1 AND person = whom.person
			UNION SELECT client_id FROM invites WHERE firm_id = $1 AND person = whom.person
			OFFSET 0) found
		WHERE $2 IN ('', found.client_id)
	)`

	pairOfInvite = `
	pairs AS (SELECT client_id, person FROM invites WHERE invite_id = $6 AND firm_id = $1 AND $2 IN ('', client_id))`
)

const (
	standingColumns = `
	SELECT p.client_id, p.person, coalesce(c.name, ''), coalesce(k.name, ''), coalesce(k.email, ''), coalesce(k.email_normal, ''),
		a.state, coalesce(a.invite_id::text, ''), coalesce(a.email, ''), a.invited_at, a.mailed_at, a.expires_at, a.last_login_at, a.removed_at,
		coalesce(o.state, ''), coalesce(o.kind, ''), reminders.count, reminders.newest,
		i.invite_id, coalesce(i.contact_id, ''), coalesce(i.kind, ''), coalesce(i.lane, ''), i.run_id, i.replay_id, coalesce(i.state, ''),
		coalesce(i.revision, 0), coalesce(i.reason, ''), i.reasons, coalesce(i.name, ''), coalesce(i.email, ''), coalesce(i.email_normal, ''),
		coalesce(i.attempt, 0), i.next_attempt_at, i.held_at, i.decided_at, i.sent_at, i.expires_at,
		coalesce(r.source, ''), coalesce(r.event_id, ''), coalesce(r.type, ''), tried.attempts
	FROM (SELECT * FROM pairs WHERE (client_id, person) > ($3, $4) ORDER BY client_id, person LIMIT $5) p
	-- Each looked up by its key, whatever the planner takes the number of pairs for.
	LEFT JOIN LATERAL (SELECT name FROM clients WHERE firm_id = $1 AND client_id = p.client_id LIMIT 1) c ON true
	LEFT JOIN LATERAL (SELECT name, email, email_normal FROM contacts WHERE firm_id = $1 AND contact_id = substr(p.person, 9) LIMIT 1) k ON p.person LIKE 'contact:%'
	LEFT JOIN LATERAL (SELECT * FROM access WHERE firm_id = $1 AND client_id = p.client_id AND person = p.person LIMIT 1) a ON true
	LEFT JOIN LATERAL (SELECT state, kind FROM invites WHERE invite_id = a.invite_id LIMIT 1) o ON true
	CROSS JOIN LATERAL (
		SELECT count(*) AS count, max(sent_at) AS newest FROM invites
		WHERE firm_id = $1 AND person = p.person AND client_id = p.client_id AND kind = 'resend' AND state = ` + sqlSent + ` AND sent_at >= a.invited_at
	) reminders
	LEFT JOIN LATERAL `

	// Of several decided at the same moment (somebody named twice in one request) it is the one that went furthest.
	newestInvite = `(
		SELECT * FROM invites WHERE firm_id = $1 AND person = p.person AND client_id = p.client_id
		ORDER BY decided_at DESC, state = ` + sqlSkipped + `, invite_id LIMIT 1) i ON true`

	thatInvite = `(SELECT * FROM invites WHERE invite_id = $6 LIMIT 1) i ON true`

	// The request comes without its data: one that named thousands of clients is long.
	standingJoins = `
	LEFT JOIN LATERAL (SELECT source, event_id, type FROM requests WHERE request_id = i.request_id LIMIT 1) r ON true
	CROSS JOIN LATERAL (
		SELECT jsonb_agg(jsonb_build_object('Number', attempt, 'MessageID', message_id, 'Verdict', verdict, 'Stage', stage,
			'SMTPCode', smtp_code, 'Enhanced', enhanced, 'Said', said, 'StartedAt', started_at, 'FinishedAt', finished_at) ORDER BY attempt) AS attempts
		FROM attempts WHERE invite_id = i.invite_id
	) tried
	ORDER BY p.client_id, p.person`
)
