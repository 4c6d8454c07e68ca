package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"portal-invites/internal/rules"
)

func TestEveryFieldIsChecked(t *testing.T) {
	t.Parallel()
	for _, typ := range IncomingTypes() {
		t.Run(string(typ), func(t *testing.T) {
			t.Parallel()
			if _, err := read(t, typ, smallest[typ]); err != nil {
				t.Fatalf("the smallest body: %v", err)
			}
			for _, c := range contract[typ] {
				event, err := read(t, typ, with(t, smallest[typ], c.path, c.value))
				if slices.Contains(rowOf[typ].optional, c.path) {
					if err != nil {
						t.Errorf("%s = %.60s refuses the whole fact: %v", c.path, c.value, err)
					}
					err = Strict(event, nil)
				}
				if want := c.path + ": " + c.problem; err == nil || err.Error() != want {
					t.Errorf("for %s = %.60s, the error is\n  %v\nwant\n  %s", c.path, c.value, err, want)
				}
			}
		})
	}
}

// For every wrong value above, there is a similar valid one.
func TestValidValues(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		typ         Type
		path, value string
	}{
		{FirmUpserted, "portal_url", `"http://127.0.0.1:8080"`},
		{FirmUpserted, "portal_url", `"http://localhost/portal"`},
		{FirmUpserted, "portal_url", `"http://[::1]:8080"`},
		{FirmUpserted, "locale", `"pt-BR"`},
		{ContactUpserted, "locale", `"es-419"`},
		{ContactUpserted, "locale", `"zz"`}, // well-formed: a language we don't know of yet must not make the person unknown
		{ContactUpserted, "locale", `"x-klingon"`},
		{FirmUpserted, "brand_color", `"#1A73e8"`},
		{FirmUpserted, "reply_to", `"Office@Bücher.example"`},
		{FirmUpserted, "logo_url", `"https://acme.example/logo.png?v=2"`},
		{FirmUpserted, "licenses", `[]`},
		{FirmUpserted, "name", long(300)},
		{ClientUpserted, "contacts", `[]`},
		{ClientUpserted, "active", `false`},
		{ClientUpserted, "client_id", long(128)},
		{ContactUpserted, "email", `"dana.wu at home"`}, // the rules report it at each invite; the fact is valid
		{ContactUpserted, "email", long(320)},
		{ContactUpserted, "email", `null`}, // it was deleted upstream, and the invite must not go to the old one
		{ContactUpserted, "email", ``},
		{ContactUpserted, "name", `"Dana Wu\n"`},
		{ClientUpserted, "name", `"\tBlue  Bottle\r\nLLC\u00a0"`},
		{PortalAccessGranted, "granted_at", `"2026-03-02T09:30:00.123+05:30"`},
		{
			MessageTemplateUpserted, "body",
			`"Dear {{ contact.name }},\r\n\tplease see {{client.name}} at {{firm.name}}. {{requested_by}}"`,
		},
		{InviteRequested, "message.text", long(5000)},
		{InviteRequested, "message.template_id", `"spring"`},
		{InviteRequested, "message", `null`},
		{InviteRequested, "recipients", list(100, `{"contact_id": "dana"}`)},
		{InviteRequested, "recipients[1].email", `"not an address"`}, // an outcome reports it, which a dead letter could not
		{EsignRequested, "esign.due_on", `"2028-02-29"`},
		{BulkInviteRequested, "selection", `{"all_clients": true}`},
		{BulkInviteRequested, "selection", `{"all_clients": true, "kind": "individual"}`},
		{BulkInviteRequested, "selection.client_ids", list(20_000, `"k1"`)},
		{BulkInviteRequested, "mode", `"resend"`},
		{ReplayRequested, "filter", `{"reasons": ["email_missing"], "client_ids": ["k1"],
			"run_id": "0192f3a1-7c55-7d11-9b2e-4f6a5c1d2e3f", "outcomes": ["skipped", "failed"],
			"since": "2026-03-01T00:00:00Z", "until": "2026-03-02T00:00:00Z"}`},
	} {
		t.Run(fmt.Sprint(i, " ", c.typ, " ", c.path), func(t *testing.T) {
			t.Parallel()
			if _, err := read(t, c.typ, with(t, smallest[c.typ], c.path, c.value)); err != nil {
				t.Errorf("%.60s: %v", c.value, err)
			}
		})
	}
}

// Each of these fields is valid alone, but not with the other.
func TestFieldsThatExcludeEachOther(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ               Type
		path, value, want string
	}{
		{
			InviteRequested, "message", `{"text": "Hello", "template_id": "spring"}`,
			"message.template_id: can't be combined with text: one of them is the message",
		},
		{
			BulkInviteRequested, "selection", `{"all_clients": true, "client_ids": ["k1"]}`,
			"selection.client_ids: can't be combined with all_clients: one of them is the selection",
		},
		{
			BulkInviteRequested, "selection", `{"all_clients": true, "kind": "charity"}`,
			"selection.kind: must be one of: individual, business",
		},
		{
			BulkInviteRequested, "selection", `{"all_clients": false}`,
			"selection.client_ids: missing (or all_clients: true, or statuses)",
		},
		{
			ReplayRequested, "filter", `{"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}`,
			"filter.until: is before since",
		},
	} {
		if _, err := read(t, c.typ, with(t, smallest[c.typ], c.path, c.value)); err == nil || err.Error() != c.want {
			t.Errorf("for %s, the error is\n  %v\nwant\n  %s", c.value, err, c.want)
		}
	}
	both := `{"client_id": "k1", "email": "dana@wu", "granted_at": "2026-03-02T09:30:00Z"}`
	if _, err := read(t, PortalAccessGranted, both); err == nil || err.Error() != "email: has a domain without a dot" {
		t.Errorf("for a grant to a mistyped email, the error is %v", err)
	}
}

func TestAllProblemsAreReported(t *testing.T) {
	t.Parallel()
	_, err := read(t, FileShared,
		`{"recipients": [{"contact_id": "a b"}, {"email": "pat@lee.example"}, {}], "file": {"id": "f1"}, "message": {}}`)
	want := []string{
		"client_id: missing", "requested_by: missing", "recipients[0].contact_id: has a space or a control character in it",
		"recipients[1].name: missing", "recipients[2].contact_id: missing (or email)", "recipients[2].name: missing",
		"message.text: missing (or template_id)", "file.name: missing",
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("the error is\n%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
	var field FieldError
	if !errors.As(err, &field) || field != (FieldError{"client_id", "missing"}) {
		t.Errorf("the first problem is %+v", field)
	}

	_, err = read(t, BulkInviteRequested,
		with(t, smallest[BulkInviteRequested], "selection.client_ids", list(20_000, `"a b"`)))
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != 21 || lines[20] != "and 19980 more" {
		t.Errorf("20,000 problems take %d lines, the last: %s", len(lines), lines[len(lines)-1])
	}
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	t.Parallel()
	for _, typ := range IncomingTypes() {
		for path, value := range map[string]string{
			"since_v2": `{"deep": [1, null]}`, "firm_id": `"another-firm"`, "firm": `7`,
		} {
			event, err := read(t, typ, with(t, smallest[typ], path, value))
			if err != nil {
				t.Errorf("%s with %s: %v", typ, path, err)
			}
			if event.Firm != "acme" {
				t.Errorf("%s with %s belongs to %q: only the subject may say so", typ, path, event.Firm)
			}
		}
	}
	if _, err := read(t, InviteRequested, with(t, smallest[InviteRequested], "recipients[0].nickname", `7`)); err != nil {
		t.Errorf("inside a recipient: %v", err)
	}
}

// In JSON, names in different case are different, but the decoder takes them for the same field. The checked value must
// be the used one.
func TestFieldNamesInOtherCase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ         Type
		path, value string
		want        string
	}{
		{ClientUpserted, "Contacts", `[]`, "contacts: occurs twice, in different case"},
		{ClientUpserted, "contact\u017f", `[]`, "contacts: occurs twice, in different case"},
		{InviteRequested, "RECIPIENTS", `[]`, "recipients: occurs twice, in different case"},
		{InviteRequested, "recipients[1].Email", `"a@b.example"`, "recipients[1].email: occurs twice, in different case"},
		{FileShared, "File", `null`, "file: occurs twice, in different case"},
		{FileShared, "file.Name", `""`, "file.name: occurs twice, in different case"},
		{EsignRequested, "eSign", `null`, "esign: occurs twice, in different case"},
		{InviteRequested, "Message", `{"text": "Hello"}`, "message: must be written in lower case"},
	} {
		if _, err := read(t, c.typ, with(t, smallest[c.typ], c.path, c.value)); err == nil || err.Error() != c.want {
			t.Errorf("for %s with %s, the error is\n  %v\nwant\n  %s", c.typ, c.path, err, c.want)
		}
	}
	if _, err := read(t, ClientRemoved, `{"Client_Id": "k1"}`); err == nil || err.Error() != "client_id: missing" {
		t.Errorf("for a name in another case, the error is %v", err)
	}
}

func TestDataThatIsNotAnObject(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		``:                                  "data: missing",
		" \n":                               "data: missing",
		`null`:                              "data: must be a JSON object",
		`[]`:                                "data: must be a JSON object",
		`"{}"`:                              "data: must be a JSON object",
		`{"client_id": "k1"`:                "data: is not valid JSON (at byte 18)",
		`{"client_id": "k1"} {}`:            "data: is not valid JSON (at byte 21)",
		"{\"client_id\": \"\xff\"}":         "data: is not valid UTF-8",
		`{"client_id": "a` + "\x00" + `b"}`: "data: is not valid JSON (at byte 17)",
	} {
		if _, err := read(t, ClientRemoved, body); err == nil || err.Error() != want {
			t.Errorf("for %q, the error is\n  %v\nwant\n  %s", body, err, want)
		}
	}
}

// Errors get into logs, headers and dead letters. More people may read those than may read the data.
func TestErrorsDoNotHaveValues(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-value"
	values := []string{
		`"` + secret + `"`, `"` + secret + ` \u0000"`, `{"` + secret + `": "` + secret + `"}`, `["` + secret + `"]`,
		`31415926`,
	}
	for _, typ := range IncomingTypes() {
		for _, c := range contract[typ] {
			for _, value := range values {
				_, err := read(t, typ, with(t, smallest[typ], c.path, value))
				if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "31415926")) {
					t.Errorf("for %s with %s = %s, the error has the value: %v", typ, c.path, value, err)
				}
			}
		}
	}
}

func TestWhiteSpaceInNamesOfFactsIsFolded(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"Dana Wu": "Dana Wu", "Dana Wu\n": "Dana Wu", "Ann\tBo": "Ann Bo", " Ann \r\n Bo ": "Ann Bo", "Ann  Bo": "Ann Bo",
		"Ann\u00a0Bo": "Ann Bo", "Ann\u2028Bo": "Ann Bo", "José": "José", "Ann ": "Ann", " Ann": "Ann",
	} {
		body, err := json.Marshal(map[string]any{"contact_id": "dana", "name": written})
		if err != nil {
			t.Fatal(err)
		}
		event, err := read(t, ContactUpserted, string(body))
		if err != nil {
			t.Errorf("%q: %v", written, err)
			continue
		}
		if contact, is := event.Data.(*Contact); !is || contact.Name != want {
			t.Errorf("%q is read as %+v, want %q", written, event.Data, want)
		}
	}
}

// A firm's fact has the address of its portal, so it is not refused for how its color or its address is written.
func TestTheLooksOfAFirmMayBeWrittenInSeveralWays(t *testing.T) {
	t.Parallel()
	body := `{"name": "Acme", "portal_url": "https://portal.acme.example", "brand_color": "#fA0",
		"reply_to": "\"Acme, Office\" <office@acme.example>"}`
	event, err := read(t, FirmUpserted, body)
	if err != nil {
		t.Fatal(err)
	}
	firm, is := event.Data.(*Firm)
	if !is || firm.BrandColor != "#ffAA00" || firm.ReplyTo != "office@acme.example" {
		t.Errorf("it is read as %+v", event.Data)
	}
}

func TestTheAudienceOfABulkResend(t *testing.T) {
	t.Parallel()
	resend := with(t, smallest[BulkInviteRequested], "mode", `"resend"`)
	for to, want := range map[string]string{
		`"invited"`: "", `"active"`: "", `"all"`: "", `""`: "", `"nobody"`: "to: must be one of: invited, active, all",
	} {
		_, err := read(t, BulkInviteRequested, with(t, resend, "to", to))
		if got := fmt.Sprint(err); (want == "") != (err == nil) || !strings.Contains(got, want) {
			t.Errorf("to %s: %v, want %q", to, err, want)
		}
	}
	for data, want := range map[string]rules.Audience{
		`{"mode": "invite"}`: "", `{"mode": "resend"}`: rules.ToInvited, `{"mode": "resend", "to": "all"}`: rules.ToAll,
	} {
		if got, err := AudienceOf(BulkInviteRequested, []byte(data)); err != nil || got != want {
			t.Errorf("%s is for %q (%v), want %q", data, got, err, want)
		}
	}
	if got, err := AudienceOf(InviteResendRequested, []byte(`{"to": 7}`)); err != nil || got != "" {
		t.Errorf("another type is for %q (%v)", got, err)
	}
}
