package events

import (
	"slices"
	"strings"
)

// wrong is one wrong value in an otherwise smallest body: the value, its path, and the error's text after the path.
type wrong struct {
	path, value string
	problem     string
}

const badCode = "must be a reply code, an enhanced status code, or both (example: 550 5.1.1)"

const badText = "has a line break or another control character in it"

// long returns a JSON string of n characters.
func long(n int) string { return `"` + strings.Repeat("ä", n) + `"` }

// list returns a JSON list of n equal values.
func list(n int, value string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(value+",", n), ",") + "]"
}

// identifier lists what may be wrong with a required id.
func identifier(path string) []wrong {
	return append(optionalID(path), wrong{path, ``, "missing"}, wrong{path, `null`, "missing"},
		wrong{path, `""`, "is empty"})
}

// optionalID lists what may be wrong with any id that is not missing.
func optionalID(path string) []wrong {
	return []wrong{
		{path, `7`, "must be a string, is a JSON number"},
		{path, `"a b"`, "has a space or a control character in it"},
		{path, `"a\u0000b"`, "has a space or a control character in it"},
		{path, `"a\ud800b"`, "has a space or a control character in it"},
		{path, `"a\u0085b"`, "has a space or a control character in it"},
		{path, `"a\u2028b"`, "has a space or a control character in it"},
		{path, `"a\u202eb"`, "has a space or a control character in it"},
		{path, `"a\u2068b"`, "has a space or a control character in it"},
		{path, long(129), "is longer than 128 characters"},
	}
}

// singleLine lists what may be wrong with any name or title of a request.
func singleLine(path string) []wrong {
	return append(foldedLine(path), wrong{path, `"Dana\nWu"`, badText})
}

// foldedLine lists what may be wrong with the name of a fact.
func foldedLine(path string) []wrong {
	return []wrong{
		{path, ``, "missing"},
		{path, `null`, "missing"},
		{path, `true`, "must be a string, is a JSON bool"},
		{path, `" \t "`, "is empty"},
		{path, `"Dana\u0000Wu"`, badText},
		{path, `"Dana\u007f"`, badText},
		{path, long(301), "is longer than 300 characters"},
	}
}

// enumeration lists what may be wrong with a required choice.
func enumeration(path, choices string) []wrong {
	return []wrong{
		{path, ``, "missing"},
		{path, `[]`, "must be a string, is a JSON array"},
		{path, `"other"`, "must be one of: " + choices},
		{path, `""`, "must be one of: " + choices},
	}
}

func languageTag(path string) []wrong {
	return []wrong{
		{path, `7`, "must be a string, is a JSON number"},
		{path, `"american"`, "must be a language tag (example: en-US)"},
		{path, `"en US"`, "must be a language tag (example: en-US)"},
		{path, `"es-"`, "must be a language tag (example: en-US)"},
		{path, `"x-` + strings.Repeat("abcdefgh-", 4) + `z"`, "is longer than 35 characters"},
	}
}

// message lists what may be wrong with the optional message of a request.
var message = append(optionalID("message.template_id"), []wrong{
	{"message", `"Hello"`, "must be an object, is a JSON string"},
	{"message.text", `null`, "missing (or template_id)"},
	{"message.text", `7`, "must be a string, is a JSON number"},
	{"message.text", `"a\u0000b"`, "has a control character in it"},
	{"message.text", long(5001), "is longer than 5000 characters"},
	{"message.text", `"Dear {{contact.nmae}}"`, unknownMergeField},
}...)

const unknownMergeField = "has an unknown merge field; known are {{client.name}}, {{contact.name}}, {{firm.name}}, " +
	"{{requested_by}}"

func anyRequest(and ...[]wrong) []wrong {
	return slices.Concat(append(and, identifier("client_id"), singleLine("requested_by"), message,
		optionalID("recipients[0].contact_id"), singleLine("recipients[1].name"),
		[]wrong{
			{"despite_decline", `"yes"`, "must be true or false, is a JSON string"},
			{"recipients", ``, "missing"},
			{"recipients", `"dana"`, "must be a list, is a JSON string"},
			{"recipients", `[]`, "must have 1 to 100 entries, has 0"},
			{"recipients", list(101, `{"contact_id": "dana"}`), "must have 1 to 100 entries, has 101"},
			{"recipients[1]", `"dana"`, "must be an object, is a JSON string"},
			{"recipients[0].email", `"dana@wu.example"`, "can't be combined with contact_id: one of them says who it is"},
			{"recipients[1].email", `7`, "must be a string, is a JSON number"},
			{"recipients[1].email", `" \u00a0 "`, "is empty"},
			{"recipients[1].email", `"a\u0000@b.example"`, "has a control character in it"},
			{"recipients[1].email", long(321), "is longer than 320 characters"},
		})...)
}

func task(name string, dueOn bool) []wrong {
	all := slices.Concat(identifier(name+".id"), singleLine(name+".title"), []wrong{
		{name, ``, "missing"}, {name, `null`, "missing"},
		{name, `"e1"`, "must be an object, is a JSON string"},
	})
	if dueOn {
		all = append(all, wrong{name + ".due_on", `20260415`, "must be a string, is a JSON number"},
			wrong{name + ".due_on", `"April 15"`, "must be a date (example: 2026-04-15)"},
			wrong{name + ".due_on", `"2026-02-30"`, "must be a date (example: 2026-04-15)"})
	}
	return all
}

const (
	badURL = "must be an https address without query or fragment, or http on loopback " +
		"(example: https://portal.example.com)"
	badLogo   = "must be an https address (example: https://assets.example.com/logo.png)"
	badHours  = "must be two times of a day (example: 08:00-20:00)"
	badLimit  = "must be 1 to 1000000 (example: 5)"
	badZone   = "must be a name of the IANA time zone database (example: America/Los_Angeles)"
	badSender = "must be the name of a sender: " +
		"up to 64 letters, digits, dots, hyphens or underscores (example: north)"
	badTime = "must be a time as in RFC 3339 (example: 2026-11-22T10:30:00Z)"
)

var suppression = slices.Concat(enumeration("cause", "bounce, complaint, manual"), []wrong{
	{"email", ``, "missing"},
	{"email", `["a"]`, "must be a string, is a JSON array"},
	{"email", `""`, "is empty"},
	{"email", `"dana"`, "must have exactly one @"},
	{"email", `"dana\u0000@wu.example"`, "has a character before the @ that mail addresses do not use"},
})

var erasure = slices.Concat(optionalID("contact_id"), singleLine("requested_by"), []wrong{
	{"contact_id", ``, "missing (or email)"},
	{"email", `"dana@wu.example"`, "can't be combined with contact_id: one of them says who it is"},
	{"email", `7`, "must be a string, is a JSON number"},
	{"reason", ``, "missing"},
	{"reason", `" "`, "is empty"},
	{"reason", `"a\nb"`, "has a line break or another control character in it"},
	{"reason", long(1001), "is longer than 1000 characters"},
	{"reason", `7`, "must be a string, is a JSON number"},
})

// contract lists every field of every type, and what may be wrong with it.
var contract = map[Type][]wrong{
	FirmUpserted: slices.Concat(foldedLine("name"), languageTag("locale"), []wrong{
		{"portal_url", ``, "missing"},
		{"portal_url", `7`, "must be a string, is a JSON number"},
		{"portal_url", `"http://portal.acme.example"`, badURL},
		{"portal_url", `"portal.acme.example"`, badURL},
		{"portal_url", `"javascript:alert(1)"`, badURL},
		{"portal_url", `"data:text/html,hi"`, badURL},
		{"portal_url", `"mailto:office@acme.example"`, badURL},
		{"portal_url", `"https://user:secret@portal.acme.example"`, badURL},
		{"portal_url", `"https://portal.acme.example?"`, badURL},
		{"portal_url", `"https://portal.acme.example/#"`, badURL},
		{"portal_url", `"https://:443"`, badURL},
		{"portal_url", `"https://portal.acme.example:65536"`, "has a port above 65535"},
		{"portal_url", `"https://[fe80::1%25eth0]"`, "has a zone or an escaped character in its host"},
		{"portal_url", `"https://portal.acme.example/\u202egpj"`,
			"has a character that nobody sees, or that turns the direction of the text"},
		{"portal_url", `"https://acme.example/` + strings.Repeat("p", 2048) + `"`, "is longer than 2048 characters"},
		{"reply_to", `7`, "must be a string, is a JSON number"},
		{"reply_to", `"office"`, "must have exactly one @"},
		{"reply_to", `"Office <office>"`, "must have exactly one @"},
		{"reply_to", `"Office <a@b.example>, <c@d.example>"`, "must have exactly one @"},
		{"reply_to", `"a@b.example\r\nBcc: c"`, "has a domain that is not a valid host name"},
		{"logo_url", `7`, "must be a string, is a JSON number"},
		{"logo_url", `"http://acme.example/logo.png"`, badLogo},
		{"logo_url", `"javascript:alert(1)"`, badLogo},
		{"logo_url", `"data:image/png;base64,AA"`, badLogo},
		{"logo_url", `"//acme.example/logo.png"`, badLogo},
		{"logo_url", `"https://:443/logo.png"`, badLogo},
		{"logo_url", `"https://user:secret@acme.example/logo.png"`, badLogo},
		{"logo_url", `"https://acme.example/` + strings.Repeat("p", 2048) + `"`, "is longer than 2048 characters"},
		{"office_locale", `7`, "must be a string, is a JSON number"},
		{"office_locale", `"Spanish!"`, "must be a language tag (example: en-US)"},
		{"time_zone", `7`, "must be a string, is a JSON number"},
		{"time_zone", `"California"`, badZone},
		{"time_zone", `"Local"`, badZone},
		{"send_hours", `8`, "must be a string, is a JSON number"},
		{"send_hours", `"8-20"`, badHours},
		{"send_hours", `"24:00-24:00"`, badHours},
		{"send_hours", `"20:00-08:00"`, "must be at least four hours of one day (example: 08:00-20:00)"},
		{"send_hours", `"00:00-24:00"`, "must leave out some hours of the day (example: 08:00-20:00)"},
		{"send_hours", `"08:00-20:00"`, "needs a time_zone, which says when these hours are"},
		{"sender", `7`, "must be a string, is a JSON number"},
		{"sender", `"North Tax"`, badSender},
		{"sender", `"portal@north.example"`, badSender},
		{"sender", `"` + strings.Repeat("n", 65) + `"`, badSender},
		{"reminder_after", `72`, "must be a string, is a JSON number"},
		{"reminder_after", `"3 days"`, "must be a duration of 1h to 2160h (example: 72h)"},
		{"reminder_after", `"59m"`, "must be a duration of 1h to 2160h (example: 72h)"},
		{"reminder_after", `"2161h"`, "must be a duration of 1h to 2160h (example: 72h)"},
		{"decline", `"yes"`, "must be true or false, is a JSON string"},
		{"on_email_change", `true`, "must be a string, is a JSON bool"},
		{"on_email_change", `"remind"`, "must be end or invite_again"},
		{"recipient_mails_a_day", `"five"`, "must be an integer, is a JSON string"},
		{"recipient_mails_a_day", `0`, badLimit},
		{"recipient_mails_a_day", `1000001`, badLimit},
		{"recipient_mails_an_hour", `"five"`, "must be an integer, is a JSON string"},
		{"recipient_mails_an_hour", `0`, badLimit},
		{"recipient_mails_an_hour", `1000001`, badLimit},
		{"contact_invites_a_day", `"five"`, "must be an integer, is a JSON string"},
		{"contact_invites_a_day", `0`, badLimit},
		{"contact_invites_a_day", `1000001`, badLimit},
		{"added_people_a_day", `"five"`, "must be an integer, is a JSON string"},
		{"added_people_a_day", `0`, badLimit},
		{"added_people_a_day", `1000001`, badLimit},
		{"mails_an_hour", `"five"`, "must be an integer, is a JSON string"},
		{"mails_an_hour", `0`, badLimit},
		{"mails_an_hour", `1000001`, badLimit},
		{"brand_color", `7`, "must be a string, is a JSON number"},
		{"brand_color", `"red"`, "must be # and six hexadecimal digits (example: #1a73e8)"},
		{"brand_color", `"#ff"`, "must be # and six hexadecimal digits (example: #1a73e8)"},
		{"brand_color", `"#1a73e8;x"`, "must be # and six hexadecimal digits (example: #1a73e8)"},
		{"licenses", `"esign"`, "must be a list, is a JSON string"},
		{"licenses[0]", `"e sign"`, "has a space or a control character in it"},
		{"licenses[0]", `7`, "must be a string, is a JSON number"},
		{"licenses", list(101, `"esign"`), "has more than 100 entries"},
	}),
	ClientUpserted: slices.Concat(identifier("client_id"), foldedLine("name"), enumeration("kind", "individual, business"),
		identifier("contacts[1].contact_id"), []wrong{
			{"active", `"yes"`, "must be true or false, is a JSON string"},
			{"contacts", ``, "missing"},
			{"contacts", `{}`, "must be a list, is a JSON object"},
			{"contacts", list(2001, `{"contact_id": "a", "primary": true}`), "has more than 2000 entries"},
			{"contacts[1]", `"omar"`, "must be an object, is a JSON string"},
			{"contacts[1].contact_id", `"dana"`, "is named twice"},
			{"contacts[1].primary", ``, "missing"},
			{"contacts[1].primary", `1`, "must be true or false, is a JSON number"},
		}),
	ClientRemoved: identifier("client_id"),
	ContactUpserted: slices.Concat(identifier("contact_id"), foldedLine("name"), languageTag("locale"), []wrong{
		{"email", `7`, "must be a string, is a JSON number"},
		{"email", `"a\u0000@b.example"`, "has a control character in it"},
		{"email", long(321), "is longer than 320 characters"},
	}),
	ContactRemoved: identifier("contact_id"),
	ContactsMerged: slices.Concat(identifier("into"), []wrong{
		{"from", ``, "missing"},
		{"from", `"omar"`, "must be a list, is a JSON string"},
		{"from", `[]`, "must have 1 to 100 entries"},
		{"from[0]", `""`, "is empty"},
		{"from[0]", `7`, "must be a string, is a JSON number"},
		{"from[1]", `"dana"`, "is the contact in into; name only the contacts that are given up"},
		{"from[1]", `"omar"`, "is named twice"},
	}),
	PortalAccessGranted: slices.Concat(identifier("client_id"), optionalID("contact_id"), []wrong{
		{"contact_id", ``, "missing (or email)"},
		{"email", `"dana@wu.example"`, "can't be combined with contact_id: one of them says who it is"},
		{"email", `7`, "must be a string, is a JSON number"},
		{"granted_at", ``, "missing"},
		{"granted_at", `1772443800`, badTime},
		{"granted_at", `"yesterday"`, badTime},
	}),
	PersonErased:      erasure,
	ErasureLifted:     erasure,
	EmailSuppressed:   suppression,
	EmailUnsuppressed: suppression,
	MailReported: slices.Concat(enumeration("kind", "delivered, bounced, complained, delayed"), singleLine("reporter"),
		[]wrong{
			{"message_id", ``, "missing (or invite_id)"},
			{"message_id", `"<>"`, "missing (or invite_id)"},
			{"message_id", `7`, "must be a string, is a JSON number"},
			{"message_id", `"a\u0000b"`, badText},
			{"message_id", long(999), "is longer than 998 characters"},
			{"invite_id", `"0192f3a1-7c55-7d11-9b2e-4f6a5c1d2e3f"`,
				"can't be combined with message_id: one of them says which mail it is"},
			{"proof", `7`, "must be a string, is a JSON number"},
			{"proof", long(65), "is longer than 64 characters"},
			{"email", ``, "missing"},
			{"email", `"dana"`, "must have exactly one @"},
			{"code", `550`, "must be a string, is a JSON number"},
			{"code", `"5.1"`, badCode},
			{"code", `"550 5.1.1 User unknown"`, badCode},
			{"code", `"550 "`, badCode},
			{"code", `"650"`, badCode},
			{"said", `"a\u0000b"`, "has a control character in it"},
			{"said", long(2001), "is longer than 2000 characters"},
			{"sender", `7`, "must be a string, is a JSON number"},
			{"sender", `"portal@north.example"`, badSender},
			{"at", ``, "missing"},
			{"at", `1772443800`, badTime},
			{"at", `"yesterday"`, badTime},
		}),
	MessageTemplateUpserted: slices.Concat(identifier("template_id"), foldedLine("name"), []wrong{
		{"body", ``, "missing"},
		{"body", `7`, "must be a string, is a JSON number"},
		{"body", `"a\u0000b"`, "has a control character in it"},
		{"body", long(5001), "is longer than 5000 characters"},
		{"body", `"Dear {{ contact.nmae }}"`, unknownMergeField},
	}),
	MessageTemplateRemoved: identifier("template_id"),

	InviteRequested:        anyRequest(),
	InviteResendRequested:  anyRequest(),
	AccessRemovalRequested: anyRequest(),
	FileShared: anyRequest(identifier("file.id"), singleLine("file.name"), []wrong{
		{"file", ``, "missing"},
		{"file", `[]`, "must be an object, is a JSON array"},
	}),
	EsignRequested:    anyRequest(task("esign", true)),
	ClientRequestSent: anyRequest(task("request", true)),
	ClientSurveySent:  anyRequest(task("survey", false)),

	BulkInviteRequested: slices.Concat(singleLine("requested_by"), message, enumeration("mode", "invite, resend"), []wrong{
		{"selection", ``, "missing"},
		{"to", `"invited"`, "needs mode resend"},
		{"to", `7`, "must be a string, is a JSON number"},
		{"selection", `"all"`, "must be an object, is a JSON string"},
		{"selection.client_ids", ``, "missing (or all_clients: true, or statuses)"},
		{"selection.client_ids", `"k1"`, "must be a list, is a JSON string"},
		{"selection.client_ids", `[]`, "must have 1 to 20000 entries, has 0"},
		{"selection.client_ids", list(20_001, `"k"`), "must have 1 to 20000 entries, has 20001"},
		{"selection.client_ids[1]", `""`, "is empty"},
		{"selection.client_ids[1]", `7`, "must be a string, is a JSON number"},
		{"selection.kind", `"business"`, "needs all_clients"},
		{"selection.all_clients", `"yes"`, "must be true or false, is a JSON string"},
		{"start_at", `"2026-03-08T08:00:00"`, badTime},
		{"selection.statuses", `"all"`, "must be an object, is a JSON string"},
		{"selection.statuses.client_id", `7`, "must be a string, is a JSON number"},
		{"selection.statuses.state", `7`, "must be a string, is a JSON number"},
		{"selection.statuses.reason", `7`, "must be a string, is a JSON number"},
		{"selection.statuses.mail", `7`, "must be a string, is a JSON number"},
		{"selection.statuses.no_portal", `"yes"`, "must be true or false, is a JSON string"},
		{"selection.statuses.kind", `7`, "must be a string, is a JSON number"},
		{"selection.statuses.primary", `"yes"`, "must be true or false, is a JSON string"},
		{"selection.statuses.login_after", `"yesterday"`, badTime},
		{"selection.statuses.login_before", `"yesterday"`, badTime},
		{"selection.statuses.text", `7`, "must be a string, is a JSON number"},
		{"selection.statuses.email", `7`, "must be a string, is a JSON number"},
		{"plan", `"the last one"`, "must be a UUID, as in the plan of an answer of explain"},
		{"plan", `""`, "must be a UUID, as in the plan of an answer of explain"},
		{"plan", `7`, "must be a string, is a JSON number"},
		{"max_recipients", `0`, "must be 1 or more"},
		{"max_recipients", `-1`, "must be 1 or more"},
		{"max_recipients", `1.5`, "must be an integer, is a JSON number"},
		{"max_recipients", `"10"`, "must be an integer, is a JSON string"},
	}),
	RunPauseRequested:    wrongInstruction,
	RunResumeRequested:   wrongInstruction,
	RunCancelRequested:   wrongInstruction,
	RunScheduleRequested: append([]wrong{{"start_at", `"2026-03-08T08:00:00"`, badTime}}, wrongInstruction...),
	ReplayRequested: slices.Concat(singleLine("requested_by"), []wrong{
		{"max_age", `7`, "must be a string, is a JSON number"},
		{"max_age", `"90 days"`, "must be a duration above zero (example: 2160h)"},
		{"max_age", `"0h"`, "must be a duration above zero (example: 2160h)"},
		{"filter", ``, "missing"},
		{"filter", `"all"`, "must be an object, is a JSON string"},
		{"filter.reasons", `"email_missing"`, "must be a list, is a JSON string"},
		{"filter.reasons[0]", `"no_email"`, "is not a reason code"},
		{"filter.client_ids", list(20_001, `"k"`), "must have 0 to 20000 entries, has 20001"},
		{"filter.client_ids[0]", `"a b"`, "has a space or a control character in it"},
		{"filter.run_id", `"the last one"`, "must be a UUID, as in an outcome's run_id"},
		{"filter.run_id", `7`, "must be a string, is a JSON number"},
		{"filter.since", `"yesterday"`, badTime},
		{"filter.until", `7`, badTime},
		{"filter.outcomes[0]", `"sent"`, "must be one of: skipped, failed"},
	}),
}

var wrongInstruction = slices.Concat(singleLine("requested_by"), []wrong{
	{"run_id", ``, "missing"},
	{"run_id", `"the last one"`, "must be a UUID, as in an outcome's run_id or replay_id"},
	{"reason", `7`, "must be a string, is a JSON number"},
	{"reason", `"two\nlines"`, "has a line break or another control character in it"},
})
