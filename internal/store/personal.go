package store

import (
	"fmt"
	"slices"
	"strings"
)

// PersonalData is the register of what the tables hold about people (ADR 164): one entry for each table, with every
// column. [Tx.Person] exports by it, and [Tx.EraseRows] erases by it. A column that no entry names fails
// TestEveryColumnIsRegistered, and so does one that can hold a person if no entry says how it is erased.
//
// The columns are names with blanks between them:
//   - Person can hold the person that the row is about: an id, a name, an email, or words about them.
//   - Others can hold other people of the firm besides. Shown is the part (SQL) of a row t that the export has. A
//     column without one is left out.
//   - Staff can hold who works at the firm or operates the pipeline. The export leaves them out.
//   - None holds no person: times, states, numbers, ids of things. Hidden holds none either, and the export leaves it
//     out, because it opens something or says something only to workers.
type PersonalData struct {
	Table                               string
	Whose                               string // says (SQL) that a row t is about the person; "": no row is about one
	Kept                                string // how long, for docs/privacy.md
	Person, Others, Staff, None, Hidden string
	Shown                               map[string]string

	// How a person is erased: the rows are deleted, or columns get another value (SQL), or code or a trigger does it, or
	// a column stays for a reason. EraseWhose (SQL) takes the place of Whose if that is not enough.
	Deleted    bool
	Erased     map[string]string
	ByCode     map[string]string
	Stays      map[string]string
	EraseWhose string
}

// The parameters of [PersonalData.Whose]: $1 is the firm, $2 has the names of the person in access and logins, $3 the
// ids of their contact, $4 their emails in normal form. For [PersonalData.Erased], $4 are the emails that nobody else
// of the firm has, $5 what stands in their place, and $6 are the invites.
const (
	ofPerson  = `t.firm_id = $1 AND t.person = ANY ($2)`
	ofEmail   = `t.firm_id = $1 AND t.email = ANY ($4)`
	theirs    = `SELECT invite_id FROM invites WHERE firm_id = $1 AND (person = ANY ($2) OR contact_id = ANY ($3))`
	ofInvites = `t.invite_id IN (` + theirs + `)`

	hashed = `coalesce((SELECT h FROM unnest($4::text[], $5::text[]) AS e (email, h) WHERE e.email = t.email), t.email)`
	// What is not published yet leaves without the person. The stream would keep it for months.
	nobodysData = `t.data::jsonb - 'warnings' || jsonb_build_object('recipient', jsonb_strip_nulls(jsonb_build_object(
			'contact_id', t.data::jsonb -> 'recipient' -> 'contact_id')))
		|| CASE WHEN t.data::jsonb ? 'explanation'
			THEN '{"explanation": "The person was erased.", "remedy": ""}' ELSE '{}' END::jsonb
		|| CASE WHEN t.data::jsonb ? 'reasons' THEN jsonb_build_object('reasons', (
			SELECT jsonb_agg(r - 'conflict' || '{"explanation": "The person was erased.", "remedy": ""}'::jsonb)
			FROM jsonb_array_elements(t.data::jsonb -> 'reasons') r)) ELSE '{}' END::jsonb`
	// What an erasure takes from a list of contacts and from the list beside it.
	othersIn = `ARRAY(SELECT %s FROM unnest(t.contact_ids, t.primaries) WITH ORDINALITY AS l (id, is_primary, n)
		WHERE id <> ALL ($3) ORDER BY n)`
)

// How long rows are kept.
const (
	keptLedger  = "`LEDGER_KEEP` after the last change of the invite"
	keptFacts   = "until a newer fact replaces it"
	keptContact = "until a newer fact replaces it; a removal leaves the id alone"
	keptClient  = "until a newer fact replaces it; a removal leaves it as it was, as removed"
	keptAccess  = "as long as the access is in force, and `LEDGER_KEEP` after its end"
	keptLetters = "`DEAD_LETTERS_KEEP`, and `LEDGER_KEEP` once it was requeued or discarded"
	keptBlocks  = "for good: without it, the next import would have the address mailed again"
	keptSeconds = "seconds, until the outcome stream has it"
	keptGood    = "for good"

	keptErasures = "for good: without it, older facts would bring the person back"
)

// Who erases where no statement of the register does, and why a column stays.
const (
	byLetters     = "EraseLetters"
	byRequests    = "EraseRequests"
	notLookedInto = "what a firm writes into a template goes to many people"
)

// PersonalTables returns the register, in the order of its tables.
func PersonalTables() []PersonalData { return slices.Clone(personalData) }

// Columns returns the columns of one part of an entry, such as Person.
func Columns(part string) []string { return strings.Fields(part) }

var personalData = []PersonalData{
	{
		Table: "access", Whose: ofPerson, Kept: keptAccess, Person: "person email", Deleted: true,
		None: `firm_id client_id state invite_id invited_at mailed_at expires_at last_login_at removed_at reminders
			reminded_at removed_why login_told`,
		Hidden: "version stream sequence ended_stream ended_sequence again",
	},
	{Table: "added_people_counts", Kept: "a day", None: "firm_id version added until"},
	{
		Table: "attempts", Whose: ofInvites, Kept: keptLedger, Person: "said mailed_to",
		Erased: map[string]string{"said": `''`, "mailed_to": `''`},
		None: `invite_id attempt message_id started_at finished_at verdict stage smtp_code enhanced server server_name pause
			mailed_by`,
		Hidden: "worker_id",
	},
	{
		Table: "clients", Whose: `t.firm_id = $1 AND t.contact_ids && $3`, Kept: keptClient, Person: "name",
		Others: "contact_ids primaries contacts_before",
		Shown: map[string]string{
			"contact_ids": `ARRAY(SELECT id FROM unnest(t.contact_ids) AS id WHERE id = ANY ($3))`,
			"primaries": `ARRAY(SELECT is_primary FROM unnest(t.contact_ids, t.primaries) AS c (id, is_primary)
				WHERE id = ANY ($3))`,
		},
		None: "firm_id client_id kind active removed", Hidden: "stream sequence",
		EraseWhose: `t.firm_id = $1 AND (t.contact_ids && $3 OR t.contacts_before IS NOT NULL AND EXISTS (
			SELECT FROM jsonb_array_elements(t.contacts_before) b WHERE b ->> 'was' = ANY ($3)))`,
		Erased: map[string]string{
			// The record of somebody who is alone on it has their name.
			"name": `CASE WHEN t.kind = 'individual' AND t.contact_ids && $3 AND t.contact_ids <@ $3
				THEN t.client_id ELSE t.name END`,
			"contact_ids": fmt.Sprintf(othersIn, "id"),
			"primaries":   fmt.Sprintf(othersIn, "is_primary"),
			"contacts_before": `(SELECT jsonb_agg(b) FROM jsonb_array_elements(t.contacts_before) b
				WHERE b ->> 'was' <> ALL ($3))`,
		},
	},
	{
		Table: "contacts", Whose: `t.firm_id = $1 AND t.contact_id = ANY ($3)`, Kept: keptContact,
		Person: "contact_id name email email_normal locale left_out emails_before", None: "firm_id removed",
		Hidden: "stream sequence", Deleted: true,
	},
	{
		Table: "dead_letters", Whose: `t.firm_id = $1 AND t.about = ANY ($2)`, Kept: keptLetters, Person: "about body",
		Others: "headers", Staff: "marked_by note",
		Shown:  map[string]string{"body": `encode(t.body, 'escape')`},
		None:   "letter_id firm_id type source event_id subject reason durable buried_at state marked_at",
		ByCode: map[string]string{"about": byLetters, "body": byLetters, "headers": byLetters},
		// The position of a letter is where the stream has it.
		Hidden: "stream sequence",
	},
	{
		Table: "declines", Whose: ofEmail, Kept: keptBlocks, Person: "email", None: "firm_id invite_id bulk_only declined_at",
		Erased: map[string]string{"email": hashed},
	},
	{Table: "domain_rates", Kept: "a day", None: "domain first next_free sender"},
	{Table: "durable_floors", Kept: keptGood, None: "created durable sequence place place_at"},
	{
		Table: "event_gaps", Kept: keptGood, Staff: "acknowledged_by",
		None: "created durable first_sequence last_sequence handled_at kept_from noticed_at acknowledged_at",
	},
	{
		Table: "erasures", Kept: keptErasures, Staff: "erased_by reason lifted_by lifted_because",
		None:   "firm_id erased_at lifted_at left_out left_out_at",
		Hidden: "hash stream sequence left_out_stream left_out_sequence",
	},
	{Table: "erasure_key", Kept: keptGood, None: "only_row", Hidden: "key"},
	{Table: "event_streams", Kept: keptGood, None: "created last_sequence last_time newest_time firsts begins"},
	{Table: "fact_floors", Kept: keptGood, None: "firm_id stream sequence"},
	{Table: "firm_mails", Kept: "a day", None: "firm_id hour sender mails"},
	{
		Table: "firm_pauses", Kept: "until the next pause of the firm",
		Staff: "paused_by reason resumed_by resumed_because", None: "firm_id lane paused cause paused_at resumed_at",
	},
	{Table: "firm_rates", Kept: "a day", None: "firm_id version rate individual_at bulk_at until"},
	{
		Table: "firms", Kept: keptFacts, Staff: "name reply_to",
		None: `firm_id portal_url logo_url color locale licenses remind_after stream sequence time_zone left_out sender
			invite_again send_hours opens_at closes_at office_locale portal_host_before portal_host_changed_at decline
			limits`,
	},
	{
		Table: "held_decisions", Whose: ofInvites, Kept: keptLedger, Staff: "decided_by",
		None: "invite_id attempt firm_id decision decided_at",
	},
	{
		Table: "invites", Whose: `t.invite_id IN (` + theirs + `)`, Kept: keptLedger,
		Person: "contact_id added_email added_name person name email email_normal", Others: "reasons",
		Shown: map[string]string{
			"reasons": `(SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('code', r -> 'code', 'conflict',
				CASE WHEN r ? 'conflict' THEN 'another person of this firm' END))) FROM jsonb_array_elements(t.reasons) r)`,
		},
		None: `invite_id request_id firm_id client_id kind lane run_id replay_id state revision reason settled attempt
			next_attempt_at decided_at sent_at expires_at held_at returned sender erased`,
		Hidden: "nonce worker_id slot_at",
		// They are settled for ever, and their links open nothing.
		Erased: map[string]string{
			"contact_id": `''`, "added_email": `''`, "added_name": `''`, "person": `''`, "name": `''`, "email": `''`,
			"email_normal": `''`, "reasons": `'[]'`, "nonce": "0", "settled": "true", "erased": "true",
		},
	},
	{Table: "lane_rates", Kept: keptGood, None: "lane tokens granted refilled_at sender"},
	{Table: "ledger", Kept: keptGood, None: "only_row id judged_from"},
	{
		Table: "logins", Whose: ofPerson, Kept: keptAccess, Person: "email person", None: "firm_id held_until", Deleted: true,
	},
	{
		Table: "mail_failures", Whose: ofInvites, Kept: "30 days", None: "firm_id invite_id kind sender mailed_at",
		Hidden: "nonce",
	},
	{
		Table: "mail_reports", Whose: ofInvites, Kept: keptLedger, Person: "email said",
		None: "invite_id kind code at reporter failed recorded_at", Hidden: "nonce", Deleted: true,
	},
	// A mailbox has a keyed hash for a name, and the counts are those of all firms.
	{Table: "mailbox_counts", Kept: "a day", Others: "mailbox mails", None: "version until",
		Stays: map[string]string{
			"mailbox": "it is a keyed hash, for a day", "mails": "they are the mails of all firms, without people",
		}},
	{
		Table: "merged_contacts", Whose: `t.firm_id = $1 AND (t.contact_id = ANY ($3) OR t.into_id = ANY ($3))`,
		Kept: keptGood, Person: "contact_id into_id", None: "firm_id merged_at", Hidden: "stream sequence", Deleted: true,
	},
	{Table: "migrations", Kept: keptGood, None: "migration least_worker"},
	{
		Table: "outbox", Kept: keptSeconds, Others: "data",
		None:       "outbox_id worker_id subject type event_id time about trace_parent trace_state unclear",
		EraseWhose: `t.data ->> 'firm_id' = $1 AND t.data ->> 'invite_id' = ANY ($6::uuid[]::text[])`,
		Erased:     map[string]string{"data": `(` + nobodysData + `)::json`},
	},
	{Table: "outcome_streams", Kept: keptGood, None: "created last_sequence reached_at recovered_to entered_to"},
	// The recipients are keyed hashes.
	{
		Table: "plans", Kept: "a day, and the newest 20 of a firm; longer while a run has yet to be compared with it",
		Others: "recipients", None: "plan_id firm_id selection created_at expires_at",
		Stays: map[string]string{"recipients": "keyed hashes, which nobody can read back; they go with the plan"},
	},
	{
		Table: "recovered_outcomes", Kept: "until the database is recovered, and `LEDGER_KEEP` after that",
		Whose:  `t.firm_id = $1 AND (t.contact_id = ANY ($3) OR t.about IN (` + theirs + `))`,
		Person: "contact_id name email", Others: "data",
		None: "event_id sequence type about firm_id client_id number recovered_at",
		Erased: map[string]string{
			"contact_id": `''`, "name": `''`, "email": `''`, "data": nobodysData + ` || '{"recipient": {}}'::jsonb`,
		},
	},
	{
		Table: "removals", Whose: `t.firm_id = $1 AND t.thing = 'contact' AND t.id = ANY ($3)`, Kept: keptGood, Person: "id",
		None: "firm_id thing", Hidden: "stream sequence", Deleted: true,
	},
	{
		Table: "requests", Kept: keptLedger,
		Whose:  `t.request_id IN (SELECT request_id FROM invites WHERE invite_id IN (` + theirs + `))`,
		Others: "data",
		Shown: map[string]string{
			"data": `t.data - 'requested_by' - 'selection' - 'filter' || CASE WHEN t.data ? 'recipients' THEN
				jsonb_build_object('recipients', (SELECT jsonb_agg(r) FROM jsonb_array_elements(t.data -> 'recipients') r
					WHERE r ->> 'contact_id' = ANY ($3) OR lower(btrim(r ->> 'email')) = ANY ($4))) ELSE '{}' END`,
		},
		None:   "request_id firm_id source event_id type time recorded_at",
		Hidden: "trace_parent trace_state stream sequence timed_ids content",
		ByCode: map[string]string{"data": byRequests},
	},
	{
		Table: "run_instructions", Kept: keptLedger, Staff: "requested_by reason answer",
		None: "request_id run_id firm_id action start_at result recorded_at",
	},
	{Table: "run_reasons", Kept: keptLedger, None: "run_id reason count settled"},
	{
		Table: "runs", Kept: keptLedger, Others: "cursor_contact",
		EraseWhose: `t.firm_id = $1 AND t.cursor_contact = ANY ($3) AND t.walked`,
		Erased:     map[string]string{"cursor_contact": `''`}, // of a run that is walked, it stays until that is over
		Staff:      "paused_by paused_because resumed_by cancelled_by cancelled_because",
		None: `run_id request_id firm_id kind replays quiet cursor_client cursor_invite walked selected sent skipped failed
			pending too_old published worker_id turn_at created_at progressed_at completed_at reported to_revise start_at
			paused_at resumed_at cancelled_at cancelled_stream cancelled_sequence not_reached instructed_stream
			instructed_sequence names asked_stream asked_sequence plan_id max_recipients holds not_planned
			not_planned_invites`,
	},
	{
		Table: "statuses", Whose: ofPerson, Kept: keptAccess, Person: "person guest_name", Deleted: true,
		None: `firm_id client_id state listed is_primary access opener_id opener_state last_login_at invite_id decided_at
			invite_state reason mail`,
	},
	{
		Table: "suppressions", Whose: ofEmail, Kept: keptBlocks, Person: "email", Staff: "lifted_by",
		Erased: map[string]string{"email": hashed},
		None:   "firm_id cause lifted suppressed_at lifted_at", Hidden: "stream sequence",
	},
	// A template goes to many people. What a firm writes into it is not looked into.
	{Table: "templates", Kept: keptFacts, Others: "name body", None: "firm_id template_id stream sequence removed",
		Stays: map[string]string{"name": notLookedInto, "body": notLookedInto}},
	{Table: "workers", Kept: "as long as the worker", None: "worker_id name started_at lease_until"},
}
