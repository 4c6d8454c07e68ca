package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

// Pat shares an email with Quinn, was skipped because of Quinn, and is named in a message to Quinn. The export has
// everything about Pat, and Quinn only as another person.
func TestAPersonsExportNamesNobodyElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	for _, firm := range []string{acme, "zenith"} {
		r.publish(firm, events.FirmUpserted, firmData())
		r.publish(firm, events.ContactUpserted, object{"contact_id": "pat", "name": "Pat Ode", "email": "both@example.com"})
	}
	r.contact("quinn", "Quinn Yu", "BOTH@example.com")
	r.contact("dana", "Dana Wu", "dana@example.com")
	r.clientRecord("c1", "quinn", "pat", "dana")
	r.publish("zenith", events.ClientUpserted, object{"client_id": "elsewhere", "kind": "individual", "name": "Z",
		"contacts": []object{{"contact_id": "pat", "primary": true}}})
	ask := func(words string, contacts ...string) {
		r.publish(acme, events.InviteRequested, with(with(named("c1", contacts...), "message", object{"text": words}),
			"requested_by", "Lee Staff"))
		r.settled()
	}
	ask("Only for Quinn: say hello to Pat Ode.", "quinn")
	ask("For the two of you.", "dana", "pat")
	r.publish("zenith", events.InviteRequested, named("elsewhere", "pat"))
	r.publish(acme, events.EmailSuppressed, object{"email": "both@example.com", "cause": "complaint"})
	r.settled()

	tables, text := r.export(PersonRequest{ContactID: "pat"})
	for _, table := range []string{"contacts", "clients", "invites", "requests", "suppressions"} {
		if tables[table] != 1 {
			t.Errorf("%d rows of %s, want 1: %v", tables[table], table, tables)
		}
	}
	for _, part := range []string{"Pat Ode", "both@example.com", "email_shared", "another person of this firm",
		"For the two of you.", `"contact_ids":["pat"]`} {
		if !strings.Contains(text, part) {
			t.Errorf("the export lacks %q: %s", part, text)
		}
	}
	for _, other := range []string{"quinn", "Quinn", "dana", "Dana", "Only for", "zenith", "elsewhere", "Lee Staff"} {
		if strings.Contains(text, other) {
			t.Errorf("the export has %q: %s", other, text)
		}
	}
	tables, text = r.export(PersonRequest{Email: " Dana@Example.com"})
	for table, want := range map[string]int{"contacts": 1, "clients": 1, "access": 1, "logins": 1, "invites": 1,
		"attempts": 1, "requests": 1} {
		if tables[table] != want {
			t.Errorf("%d rows of %s, want %d: %s", tables[table], table, want, text)
		}
	}
	if strings.Contains(text, "nonce") || strings.Contains(text, "Pat") {
		t.Errorf("Dana's export: %s", text)
	}
}

// export reads all pages, and returns how many rows each table has, and the text of all.
func (r *rig) export(ask PersonRequest) (tables map[string]int, text string) {
	r.t.Helper()
	tables = map[string]int{}
	for ask.Limit = 2; ; {
		answer, err := r.client.Person(r.ctx, acme, ask)
		r.must(err)
		for _, row := range answer.Rows {
			tables[row.Table]++
		}
		text += string(raw(r.t, answer)) + "\n"
		if ask.Cursor = answer.Next; ask.Cursor == "" {
			return tables, text
		}
	}
}

func TestWhoCanBeExported(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.InviteRequested, testkit.InviteData("c1", object{"email": "guest@example.com", "name": "Gil"}))
	r.settled()
	tables, text := r.export(PersonRequest{Email: "guest@example.com"})
	if tables["invites"] != 1 || tables["access"] != 1 || strings.Contains(text, "Dana") {
		t.Errorf("a guest: %s", text)
	}
	for want, ask := range map[string]PersonRequest{
		"contact_id: missing (or email)":                  {},
		"email: can't be combined with contact_id":        {ContactID: "dana", Email: "a@b.example"},
		"email: is not a valid address":                   {Email: "nonsense"},
		"contact_id: this firm knows nothing about such":  {ContactID: "nobody"},
		"email: this firm knows nothing about such":       {Email: "nobody@example.com"},
		"email: is that of several contacts (dana, sam);": {Email: "dana@example.com"},
	} {
		if _, err := r.client.Person(r.ctx, acme, ask); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", ask, err, want)
		}
	}
}

// Whatever column has something of a person is registered as one that can.
func TestTheRegisterKnowsWherePeopleAre(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.firm(acme)
	r.contact("p-zyx", "Zyxine Quartz", "zyxine@example.com")
	r.clientRecord("c1", "p-zyx")
	r.publish(acme, events.InviteRequested, with(named("c1", "p-zyx"), "message", object{"text": "Dear Zyxine"}))
	r.publish(acme, events.BulkInviteRequested, bulkAll())
	r.publish(acme, events.InviteRequested,
		testkit.InviteData("c1", object{"email": "zyxine2@example.com", "name": "Zyxine"}))
	r.settled()
	r.contact("p-zyx", "Zyxine Quartz", "zyxine3@example.com")
	r.publish(acme, events.ContactUpserted, object{"contact_id": "p-zyx", "name": 7})
	r.publish(acme, events.EmailSuppressed, object{"email": "zyxine@example.com", "cause": "manual"})
	r.settled()
	found := 0
	for _, entry := range store.PersonalTables() {
		holds := map[string]bool{}
		for _, column := range store.Columns(entry.Person + " " + entry.Others + " " + entry.Staff) {
			holds[column] = true
		}
		rows, err := r.db.Query(r.ctx, fmt.Sprintf(`SELECT to_jsonb(t) FROM %s t`, entry.Table))
		if err != nil {
			continue // a table that this database does not have
		}
		for rows.Next() {
			var row map[string]json.RawMessage
			r.must(rows.Scan(&row))
			for column, value := range row {
				if strings.Contains(strings.ToLower(string(value)), "zyx") {
					found++
					if !holds[column] {
						t.Errorf("%s.%s has %s, and the register says that it holds no person", entry.Table, column, value)
					}
				}
			}
		}
		rows.Close()
	}
	if found < 20 {
		t.Errorf("found %d values", found)
	}
}

// Of an erased person, the answer says who asked for it, what was left out since, and until when the streams have them.
func TestAnErasedPersonIsSaidToBe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	who := object{"contact_id": "dana", "requested_by": "Kim", "reason": "Case 17."}
	r.publish(acme, events.PersonErased, who)
	r.settled()
	r.contact("dana", "Dana Wu", "dana@example.com")
	r.settled()
	answer, err := r.client.Person(r.ctx, acme, PersonRequest{ContactID: "dana"})
	r.must(err)
	if e := answer.Erasure; len(answer.Rows) != 0 || e == nil || e.RequestedBy != "Kim" || e.Reason != "Case 17." ||
		e.LeftOut != 1 || e.LeftOutAt == nil || e.LiftedAt != nil || len(e.Streams) != 3 || e.Streams[0].Until == nil {
		t.Fatalf("the answer is %s", raw(t, answer))
	}
	r.publish(acme, events.ErasureLifted, with(who, "reason", "Case 23."))
	r.contact("dana", "Dana Wu", "dana@example.com")
	r.settled()
	answer, err = r.client.Person(r.ctx, acme, PersonRequest{ContactID: "dana"})
	r.must(err)
	if e := answer.Erasure; len(answer.Rows) == 0 || e == nil || e.LiftedAt == nil || e.LiftedBecause != "Case 23." {
		t.Errorf("after it was lifted: %s", raw(t, answer))
	}
}
