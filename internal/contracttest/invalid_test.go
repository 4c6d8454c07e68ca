package contracttest

import (
	"fmt"
	"slices"
	"testing"

	"portal-invites/internal/events"
)

// wrong is a value that makes an example invalid, and the field that both the schema and the workers must name. If
// field is empty, they must name path.
type wrong struct {
	path, value, field string
}

var wrongRequest = []wrong{
	{"client_id", ``, ""},
	{"client_id", `7`, ""},
	{"client_id", `""`, ""},
	{"client_id", `"a b"`, ""},
	{"client_id", `"a\ud800b"`, ""},
	{"despite_decline", `"yes"`, ""},
	{"requested_by", ``, ""},
	{"requested_by", `" \u00a0\t"`, ""},
	{"requested_by", `"Maria\nLopez"`, ""},
	{"recipients", ``, ""},
	{"recipients", `[]`, ""},
	{"recipients", `"P-2037"`, ""},
	{"recipients[0]", `"P-2037"`, ""},
	{"recipients[0]", `{}`, "recipients[0].contact_id"},
	{"recipients[0]", `{"email": "pat@lee.example"}`, "recipients[0].name"},
	{"recipients[0]", `{"email": " \ufeff ", "name": "Pat Lee"}`, "recipients[0].email"},
	{"recipients[0]", `{"email": "a\u0000@lee.example", "name": "Pat Lee"}`, "recipients[0].email"},
	{"recipients[0]", `{"email": "pat@lee.example", "name": " "}`, "recipients[0].name"},
	{"recipients[0].email", `"pat@lee.example"`, ""},
	{"message", `"Hello"`, ""},
	{"message", `{}`, "message.text"},
	{"message", `{"text": "Hello", "template_id": "season-start"}`, "message.template_id"},
	{"message", `{"text": "a\u0000b"}`, "message.text"},
	{"message", `{"template_id": "season start"}`, "message.template_id"},
}

func wrongTask(field string) []wrong {
	return append(slices.Clone(wrongRequest), []wrong{
		{field, ``, ""},
		{field, `"E-12"`, ""},
		{field + ".id", ``, ""},
		{field + ".id", `"a b"`, ""},
		{field + ".title", ``, ""},
		{field + ".title", `"\n"`, ""},
	}...)
}

var wrongErasure = []wrong{
	{"contact_id", ``, ""},
	{"contact_id", `"a\tb"`, ""},
	{"email", `"dana.wu@bluebottle.example"`, ""},
	{"requested_by", ``, ""},
	{"requested_by", `" "`, ""},
	{"reason", ``, ""},
	{"reason", `" "`, ""},
	{"reason", `"a\nb"`, ""},
	{"reason", `7`, ""},
}

var wrongSuppression = []wrong{
	{"email", ``, ""},
	{"email", `"dana.wu"`, ""},
	{"email", `"dana..wu@bluebottle.example"`, ""},
	{"email", `"dana@wu@bluebottle.example"`, ""},
	{"email", `"dana@localhost"`, ""},
	{"email", `"dänä@bluebottle.example"`, ""},
	{"email", `"dana.wu@bluebottle..example"`, ""},
	{"cause", ``, ""},
	{"cause", `"other"`, ""},
}

// invalid lists wrong values for each type. The tests of the package events have a longer table, with the text of each
// error.
var invalid = map[events.Type][]wrong{
	events.FirmUpserted: {
		{"name", ``, ""},
		{"portal_url", ``, ""},
		{"portal_url", `"http://portal.acme.example"`, ""},
		{"portal_url", `"https://user:secret@portal.acme.example"`, ""},
		{"portal_url", `"https://user@portal.acme.example"`, ""},
		{"portal_url", `"https://portal.acme.example?a=1"`, ""},
		{"portal_url", `"https://portal.acme.example/#top"`, ""},
		{"portal_url", `"https://:443"`, ""},
		{"portal_url", `"https://portal.acme.example:65536"`, ""},
		{"portal_url", `"https://portal.acme.example:123456"`, ""},
		{"portal_url", `"https://[fe80::1%25eth0]"`, ""},
		{"portal_url", `"https://b%C3%BCcher.example"`, ""},
		{"portal_url", `"https://portal<a>.example"`, ""},
		{"portal_url", `"https://portal.acme.example/\u202egpj"`, ""},
		{"portal_url", `"https://portal\u2066.acme.example"`, ""},
		{"portal_url", `"https://portal.acme.example/\u0085"`, ""},
		{"portal_url", `"http://127.0.0.1.evil.example"`, ""},
		{"reply_to", `"office"`, ""},
		{"logo_url", `"http://acme.example/logo.png"`, ""},
		{"logo_url", `"https:///logo.png"`, ""},
		{"logo_url", `"https://:443/logo.png"`, ""},
		{"logo_url", `"https://user:secret@acme.example/logo.png"`, ""},
		{"logo_url", `"data:image/png;base64,AA"`, ""},
		{"brand_color", `"blue"`, ""},
		{"locale", `"american"`, ""},
		{"locale", `"en US"`, ""},
		{"office_locale", `"en US"`, ""},
		{"time_zone", `7`, ""},
		{"send_hours", `8`, ""},
		{"send_hours", `"8-20"`, ""},
		{"sender", `7`, ""},
		{"sender", `"portal@north.example"`, ""},
		{"reminder_after", `72`, ""},
		{"reminder_after", `"3 days"`, ""},
		{"decline", `"yes"`, ""},
		{"on_email_change", `true`, ""},
		{"on_email_change", `"remind"`, ""},
		{"recipient_mails_a_day", `0`, ""},
		{"recipient_mails_an_hour", `0`, ""},
		{"contact_invites_a_day", `0`, ""},
		{"added_people_a_day", `0`, ""},
		{"mails_an_hour", `0`, ""},
		{"licenses", `"esign"`, ""},
		{"licenses[1]", `"e sign"`, ""},
	},
	events.ClientUpserted: {
		{"client_id", ``, ""},
		{"kind", ``, ""},
		{"kind", `"charity"`, ""},
		{"name", `""`, ""},
		{"active", `"yes"`, ""},
		{"contacts", ``, ""},
		{"contacts", `{}`, ""},
		{"contacts[1].contact_id", ``, ""},
		{"contacts[1].primary", ``, ""},
		{"contacts[1].primary", `1`, ""},
	},
	events.ClientRemoved: {
		{"client_id", ``, ""}, {"client_id", `"a\tb"`, ""}, {"client_id", `"a\u0085b"`, ""},
		{"client_id", `"a\u2028b"`, ""}, {"client_id", `"a\u202eb"`, ""}, {"client_id", `"a\u2069b"`, ""},
	},
	events.ContactsMerged: {
		{"into", ``, ""}, {"into", `"a\tb"`, ""}, {"from", ``, ""}, {"from", `"omar"`, ""}, {"from", `[]`, ""},
		{"from[0]", `7`, ""}, {"from[0]", `"a\tb"`, ""},
	},
	events.ContactRemoved: {{"contact_id", ``, ""}, {"contact_id", `"a\tb"`, ""}},
	events.ContactUpserted: {
		{"contact_id", ``, ""},
		{"name", ``, ""},
		{"name", `"a\u0000b"`, ""},
		{"email", `7`, ""},
		{"email", `"a\u0000@b.example"`, ""},
		{"locale", `7`, ""},
	},
	events.PortalAccessGranted: {
		{"client_id", ``, ""},
		{"contact_id", ``, ""},
		{"email", `"dana.wu@bluebottle.example"`, ""},
		{"granted_at", ``, ""},
		{"granted_at", `"yesterday"`, ""},
		{"granted_at", `"2026-02-30T00:00:00Z"`, ""},
	},
	events.PersonErased:      wrongErasure,
	events.ErasureLifted:     wrongErasure,
	events.EmailSuppressed:   wrongSuppression,
	events.EmailUnsuppressed: wrongSuppression,
	events.MailReported: {
		{"kind", ``, ""},
		{"kind", `"opened"`, ""},
		{"message_id", ``, ""},
		{"message_id", `"a\nb"`, ""},
		{"invite_id", `"c2a7f0f4-6d1b-5a49-9b0e-7f1d2c3b4a59"`, ""},
		{"proof", `7`, ""},
		{"email", ``, ""},
		{"email", `"dana.wu"`, ""},
		{"code", `"5.1"`, ""},
		{"code", `"550  5.1.1"`, ""},
		{"code", `550`, ""},
		{"said", `"a\u0000b"`, ""},
		{"at", ``, ""},
		{"at", `"yesterday"`, ""},
		{"reporter", ``, ""},
		{"reporter", `" "`, ""},
		{"sender", `7`, ""},
		{"sender", `"portal@north.example"`, ""},
	},
	events.MessageTemplateUpserted: {
		{"template_id", ``, ""},
		{"name", ``, ""},
		{"body", ``, ""},
		{"body", `"a\u0000b"`, ""},
	},
	events.MessageTemplateRemoved: {{"template_id", ``, ""}, {"template_id", `"a\tb"`, ""}},
	events.InviteRequested:        wrongRequest,
	events.InviteResendRequested:  wrongRequest,
	events.AccessRemovalRequested: wrongRequest,
	events.FileShared: append(slices.Clone(wrongRequest), []wrong{
		{"file", ``, ""},
		{"file", `[]`, ""},
		{"file.id", ``, ""},
		{"file.name", ``, ""},
	}...),
	events.EsignRequested:    append(wrongTask("esign"), wrong{"esign.due_on", `"2026-02-30"`, ""}),
	events.ClientRequestSent: append(wrongTask("request"), wrong{"request.due_on", `"February"`, ""}),
	events.ClientSurveySent:  wrongTask("survey"),
	events.BulkInviteRequested: {
		{"mode", ``, ""},
		{"mode", `"remind"`, ""},
		{"to", `"invited"`, ""},
		{"to", `7`, ""},
		{"requested_by", ``, ""},
		{"message", `{}`, "message.text"},
		{"selection", ``, ""},
		{"selection", `"all"`, ""},
		{"selection", `{}`, "selection.client_ids"},
		{"selection", `{"all_clients": false}`, "selection.client_ids"},
		{"selection", `{"client_ids": []}`, "selection.client_ids"},
		{"selection", `{"client_ids": ["a b"]}`, "selection.client_ids[0]"},
		{"selection", `{"client_ids": ["C-1"], "kind": "business"}`, "selection.kind"},
		{"selection", `{"client_ids": ["C-1"], "all_clients": true}`, "selection.client_ids"},
		{"selection.all_clients", `"yes"`, ""},
		{"selection.kind", `"charity"`, ""},
		{"start_at", `"2026-03-08T08:00:00"`, ""}, // without an offset
		{"selection", `{"statuses": {}}`, "selection.statuses"},
		{"selection", `{"statuses": {"stat": "invited"}}`, "selection.statuses"},
		{"selection", `{"statuses": {"state": "asked"}}`, "selection.statuses.state"},
		{"selection", `{"statuses": {"state": "invited"}, "all_clients": true}`, "selection.all_clients"},
		{"selection", `{"statuses": {"state": "invited"}, "client_ids": ["C-1"]}`, "selection.client_ids"},
		{"selection", `{"statuses": {"login_before": "yesterday"}}`, "selection.statuses.login_before"},
		{"plan", `"the last one"`, ""},
		{"max_recipients", `0`, ""},
		{"max_recipients", `"10"`, ""},
	},
	events.RunPauseRequested:  wrongInstruction,
	events.RunResumeRequested: wrongInstruction,
	events.RunCancelRequested: wrongInstruction,
	events.RunScheduleRequested: append([]wrong{
		{"start_at", `"2026-03-08T08:00:00"`, ""}, // without an offset
		{"start_at", `"tomorrow"`, ""},
	}, wrongInstruction...),
	events.ReplayRequested: {
		{"requested_by", ``, ""},
		{"filter", ``, ""},
		{"filter.reasons", `"email_missing"`, ""},
		{"filter.reasons[0]", `"no_email"`, ""},
		{"filter.client_ids[0]", `""`, ""},
		{"filter.run_id", `"the last one"`, ""},
		{"filter.since", `"yesterday"`, ""},
		{"filter.until", `7`, ""},
		{"filter.outcomes[0]", `"sent"`, ""},
		{"max_age", `7`, ""},
		{"max_age", `"90 days"`, ""},
		{"max_age", `"0h"`, ""},
		{"max_age", `"-1h"`, ""},
	},
}

var wrongInstruction = []wrong{
	{"run_id", ``, ""},
	{"run_id", `"the last one"`, ""},
	{"requested_by", ``, ""},
	{"requested_by", `" "`, ""},
	{"reason", `7`, ""},
	{"reason", `"two\nlines"`, ""},
}

func TestSchemaAndWorkersRefuseTheSame(t *testing.T) {
	t.Parallel()
	for _, typ := range events.IncomingTypes() {
		t.Run(string(typ), func(t *testing.T) {
			t.Parallel()
			schema := schemaOf(t, string(typ))
			if len(invalid[typ]) == 0 {
				t.Fatalf("%s has no row in invalid, internal/contracttest/invalid_test.go", typ)
			}
			for path := range properties(schema) {
				tried := slices.ContainsFunc(invalid[typ], func(c wrong) bool { return steps(c.path)[0] == path })
				if !tried && len(steps(path)) == 1 {
					t.Errorf("%s: invalid in internal/contracttest/invalid_test.go has no wrong value for %s", typ, path)
				}
			}
			for i, c := range invalid[typ] {
				field := c.field
				if field == "" {
					field = c.path
				}
				document := with(t, example(t, typ), c.path, c.value)
				what := fmt.Sprintf("case %d, %s = %s", i, c.path, c.value)
				if fields := refused(typ, document); !slices.Contains(fields, field) {
					t.Errorf("%s: the workers refuse %q, want %s", what, fields, field)
				}
				if fields := faults(t, schema, document); !slices.Contains(fields, field) {
					t.Errorf("%s: the schema refuses %q, want %s", what, fields, field)
				}
			}
		})
	}
}
