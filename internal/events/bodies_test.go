package events

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// smallest has the smallest valid body of every type. The requests name two recipients: a contact and an email.
var smallest = map[Type]string{
	FirmUpserted: `{"name": "Acme Tax", "portal_url": "https://portal.acme.example"}`,
	ClientUpserted: `{"client_id": "k1", "kind": "business", "name": "Blue Bottle LLC",
		"contacts": [{"contact_id": "dana", "primary": true}, {"contact_id": "omar", "primary": false}]}`,
	ClientRemoved:       `{"client_id": "k1"}`,
	ContactUpserted:     `{"contact_id": "dana", "name": "Dana Wu", "email": ""}`,
	ContactRemoved:      `{"contact_id": "dana"}`,
	ContactsMerged:      `{"from": ["omar", "dana-2"], "into": "dana"}`,
	PortalAccessGranted: `{"client_id": "k1", "contact_id": "dana", "granted_at": "2026-03-02T09:30:00Z"}`,
	EmailSuppressed:     `{"email": "dana@wu.example", "cause": "bounce"}`,
	EmailUnsuppressed:   `{"email": "dana@wu.example", "cause": "manual"}`,
	MailReported: `{"kind": "bounced", "message_id": "a.1@mail.example", "email": "dana@wu.example",
		"at": "2026-03-02T09:30:00Z", "reporter": "ses"}`,
	MessageTemplateUpserted: `{"template_id": "spring", "name": "Spring", "body": ""}`,
	MessageTemplateRemoved:  `{"template_id": "spring"}`,
	PersonErased:            `{"contact_id": "dana", "requested_by": "Kim", "reason": "Case 17."}`,
	ErasureLifted:           `{"contact_id": "dana", "requested_by": "Kim", "reason": "Case 17."}`,

	InviteRequested:        request(``),
	FileShared:             request(`, "file": {"id": "f1", "name": "2025 return.pdf"}`),
	EsignRequested:         request(`, "esign": {"id": "e1", "title": "Engagement letter"}`),
	ClientRequestSent:      request(`, "request": {"id": "r1", "title": "W-2 forms"}`),
	ClientSurveySent:       request(`, "survey": {"id": "s1", "title": "Tax organizer"}`),
	InviteResendRequested:  request(``),
	AccessRemovalRequested: request(``),

	BulkInviteRequested: `{"mode": "invite", "requested_by": "Kim", "selection": {"client_ids": ["k1", "k2"]}}`,
	ReplayRequested:     `{"requested_by": "Kim", "filter": {}}`,

	RunPauseRequested:    toRun,
	RunResumeRequested:   toRun,
	RunCancelRequested:   toRun,
	RunScheduleRequested: toRun,
}

const toRun = `{"run_id": "5b3f0c1e-9a52-5c0d-8b1f-3f6f2d7a9e10", "requested_by": "Kim"}`

func request(and string) string {
	return `{"client_id": "k1", "requested_by": "Kim",
		"recipients": [{"contact_id": "dana"}, {"email": "pat@lee.example", "name": "Pat Lee"}]` + and + `}`
}

// with sets a JSON value in a body, at a path like recipients[1].name. The value "" removes the field.
func with(t *testing.T, body, path, value string) string {
	t.Helper()
	var root any
	if err := json.Unmarshal([]byte(body), &root); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	steps := strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune(".[]", r) })
	changed, err := json.Marshal(put(root, steps, json.RawMessage(value)))
	if err != nil {
		t.Fatalf("%s = %s: %v", path, value, err)
	}
	return string(changed)
}

// put sets the value at the end of the steps, and creates the objects and lists on the way.
func put(at any, steps []string, value json.RawMessage) any {
	if len(steps) == 0 {
		return value
	}
	if i, err := strconv.Atoi(steps[0]); err == nil {
		list, _ := at.([]any)
		for len(list) <= i {
			list = append(list, nil)
		}
		list[i] = put(list[i], steps[1:], value)
		return list
	}
	object, _ := at.(map[string]any)
	if object == nil {
		object = map[string]any{}
	}
	if len(steps) == 1 && len(value) == 0 {
		delete(object, steps[0])
	} else {
		object[steps[0]] = put(object[steps[0]], steps[1:], value)
	}
	return object
}

// binary returns the smallest valid header of an event.
func binary(t Type) nats.Header {
	return nats.Header{
		"ce-specversion": {"1.0"}, "ce-id": {"42"}, "ce-source": {"/crm"}, "ce-type": {t.CE()},
		"ce-time": {"2026-03-02T09:30:00Z"},
	}
}

// but returns the header with one value added or replaced. The value "" removes it.
func but(header nats.Header, name, value string) nats.Header {
	header = maps.Clone(header)
	if value == "" {
		delete(header, name)
	} else {
		header[name] = []string{value}
	}
	return header
}

// subject returns the subject of an event of the firm acme.
func subject(t *testing.T, typ Type) string {
	t.Helper()
	s, err := Subject("acme", typ)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// read decodes a body as a message of that type.
func read(t *testing.T, typ Type, body string) (Event, error) {
	t.Helper()
	return Decode(subject(t, typ), binary(typ), []byte(body))
}
