package api

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// world draws a firm in any state. All checks share one pipeline, and each has a firm of its own, because firms do not
// affect each other.
type world struct {
	*rig
	firm string
}

var (
	someClients  = []string{"c1", "c2", "c3"}
	someContacts = []string{"ann", "ben", "cy", "dot"}
	someEmails   = []string{"one@example.com", "ONE@example.com ", "two@example.com", "three@example.com", "", "nonsense"}
	somePeople   = []object{{"contact_id": "ann"}, {"contact_id": "ben"}, {"contact_id": "cy"}, {"contact_id": "ghost"},
		{"email": "two@example.com", "name": "Two"}, {"email": "new@example.com", "name": "New"},
		{"email": "no address", "name": "Nobody"}}
	someProcesses = []events.Type{events.InviteRequested, events.FileShared, events.EsignRequested,
		events.InviteResendRequested}
)

func (w *world) event(t events.Type, data any) { w.publish(w.firm, t, data) }

func one[T any](t *rapid.T, label string, of []T) T { return rapid.SampledFrom(of).Draw(t, label) }

// draw publishes facts, and then requests and grants that leave access in any state.
func (w *world) draw(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "firm") > 0 {
		firm := object{"name": "Acme", "portal_url": "https://portal.acme.example"}
		if rapid.Bool().Draw(t, "lists licenses") {
			firm["licenses"] = rapid.SliceOfDistinct(rapid.SampledFrom([]string{"esign", "client_management"}),
				rapid.ID[string]).Draw(t, "licenses")
		}
		w.event(events.FirmUpserted, firm)
	}
	for _, contact := range someContacts {
		if rapid.IntRange(0, 5).Draw(t, "known") > 0 {
			w.event(events.ContactUpserted, object{"contact_id": contact, "name": "Name " + contact,
				"email": one(t, "email", someEmails)})
		}
	}
	for _, client := range someClients {
		list := []object{}
		for _, contact := range someContacts {
			if rapid.Bool().Draw(t, "on client") {
				list = append(list, object{"contact_id": contact, "primary": rapid.Bool().Draw(t, "primary")})
			}
		}
		w.event(events.ClientUpserted, object{
			"client_id": client, "kind": one(t, "kind", []string{"individual", "business"}), "name": "Client " + client,
			"active": rapid.IntRange(0, 5).Draw(t, "active") > 0, "contacts": list,
		})
	}
	for range rapid.IntRange(0, 5).Draw(t, "deeds") {
		client, person := one(t, "client", someClients), one(t, "person", somePeople)
		data := object{"client_id": client, "requested_by": "Lee", "recipients": []object{person}}
		switch rapid.IntRange(0, 5).Draw(t, "deed") {
		case 0, 1:
			w.event(events.InviteRequested, data)
		case 2:
			w.event(events.AccessRemovalRequested, data)
		case 3:
			w.event(events.PortalAccessGranted, object{"client_id": client, "contact_id": one(t, "granted", someContacts),
				"granted_at": "2026-11-01T10:00:00Z"})
		case 4:
			w.event(events.EmailSuppressed, object{"email": one(t, "suppressed", someEmails[2:4]), "cause": "bounce"})
		default:
			w.event(events.ContactRemoved, object{"contact_id": one(t, "removed", someContacts)})
		}
	}
	w.settled()
	if rapid.Bool().Draw(t, "time passes") { // longer than the cooldown
		_, err := w.db.Exec(w.ctx, `UPDATE access SET mailed_at = mailed_at - interval '1 hour' WHERE firm_id = $1`, w.firm)
		w.must(err)
	}
	if rapid.IntRange(0, 3).Draw(t, "an invite expires") == 0 {
		_, err := w.db.Exec(w.ctx, `WITH e AS (UPDATE access SET expires_at = now()
			WHERE firm_id = $1 AND client_id = 'c1' AND state = 'invited' RETURNING *)
			UPDATE logins l SET held_until = now() FROM e WHERE l.firm_id = e.firm_id AND l.email = e.email
			AND l.person = e.person`, w.firm)
		w.must(err)
		w.settled()
	}
}

// decisionsOn returns the ledger's decision on each recipient of a request, in a form to compare: the reasons, or none
// if the mail was sent.
func (w *world) decisionsOn(t *rapid.T, cause string) []string {
	rows, err := w.db.Query(w.ctx, `
		SELECT i.client_id, i.person, i.contact_id, i.state, i.reasons FROM invites i JOIN requests USING (request_id)
		WHERE event_id = $1`, cause)
	w.must(err)
	defer rows.Close()
	var list []string
	for rows.Next() {
		var client, contact string
		var person rules.Person
		var state string
		var reasons []rules.Reason
		w.must(rows.Scan(&client, &person, &contact, &state, &reasons))
		if (state == "sent") != (len(reasons) == 0) {
			t.Fatalf("%s on %s is %s with %v", person, client, state, reasons)
		}
		list = append(list, result(client, contactOf(person, contact), reasons))
	}
	w.must(rows.Err())
	slices.Sort(list)
	return list
}

func result(client, contact string, reasons []rules.Reason) string {
	codes := []string{}
	for _, r := range reasons {
		holder := ""
		if r.Conflict != nil {
			holder = "(" + r.Conflict.ContactID + ")"
		}
		codes = append(codes, string(r.Code)+holder)
	}
	return fmt.Sprintf("%s/%s %v", client, contact, codes)
}

func predicted(answer []Explained) []string {
	var list []string
	for _, e := range answer {
		list = append(list, result(e.ClientID, e.Recipient.ContactID, e.Reasons))
	}
	slices.Sort(list)
	return list
}

func (w *world) compare(t *rapid.T, what string, answer []Explained, cause string) {
	if said, did := predicted(answer), w.decisionsOn(t, cause); !slices.Equal(said, did) {
		t.Fatalf("%s: explain says\n%q\nand the request does\n%q", what, said, did)
	}
}

// In any state of a firm, a request does what explain has said before.
func TestRequestsDoWhatExplainSays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{rig: r, firm: uuid.NewString()}
		w.draw(t)
		for range 2 {
			w.individual(t)
		}
		w.bulk(t)
		w.replay(t)
	})
}

func (w *world) individual(t *rapid.T) {
	process, client := one(t, "process", someProcesses), one(t, "asked client", append(someClients, "nowhere"))
	recipients := rapid.SliceOfN(rapid.SampledFrom(somePeople), 1, 4).Draw(t, "recipients")
	data := object{"client_id": client, "requested_by": "Lee", "recipients": recipients,
		"file": object{"id": "f", "name": "F"}, "esign": object{"id": "e", "title": "E"}}
	request := ExplainRequest{Type: process, ClientID: client}
	for _, r := range recipients {
		recipient := events.Recipient{}
		recipient.ContactID, _ = r["contact_id"].(string)
		recipient.Email, _ = r["email"].(string)
		recipient.Name, _ = r["name"].(string)
		request.Recipients = append(request.Recipients, recipient)
	}
	answer, err := w.client.Explain(w.ctx, w.firm, request)
	w.must(err)
	cause := w.publish(w.firm, process, data)
	w.settled()
	w.compare(t, fmt.Sprint(process, " ", recipients), answer.Recipients, cause)
}

func (w *world) bulk(t *rapid.T) {
	mode := one(t, "mode", []string{"invite", "resend"})
	selection := one(t, "selection", []events.Selection{
		{AllClients: true}, {AllClients: true, Kind: "business"}, {ClientIDs: []string{"c3", "c1", "nowhere"}},
	})
	request := ExplainRequest{Selection: &selection, Mode: mode, Page: Page{Limit: rapid.IntRange(1, 5).Draw(t, "limit")}}
	whole := w.allPages(t, request)
	cause := w.publish(w.firm, events.BulkInviteRequested,
		object{"mode": mode, "requested_by": "Lee", "selection": selection})
	w.settled()
	w.compare(t, fmt.Sprint("bulk ", mode, " ", selection), whole, cause)
}

// allPages reads one page after the other, and checks them against the totals of the first page.
func (w *world) allPages(t *rapid.T, request ExplainRequest) []Explained {
	var list []Explained
	var totals ExplainTotals
	for {
		answer, err := w.client.Explain(w.ctx, w.firm, request)
		w.must(err)
		list = append(list, answer.Recipients...)
		if answer.Totals != nil {
			totals = *answer.Totals
		}
		if request.Cursor = answer.Next; request.Cursor == "" {
			break
		}
	}
	sends := 0
	for _, e := range list {
		if e.WouldSend {
			sends++
		}
	}
	if len(list) != totals.Selected || sends != totals.WouldSend || totals.Selected != totals.WouldSend+totals.WouldSkip {
		t.Fatalf("%d recipients, %d of them sent a mail, with the totals %+v", len(list), sends, totals)
	}
	return list
}

// replay fixes something, and compares a dry run with the replay: the replay sends exactly the mails that the dry run
// said.
func (w *world) replay(t *rapid.T) {
	w.event(events.ContactUpserted, object{"contact_id": "ann", "name": "Ann",
		"email": one(t, "fixed email", []string{"one@example.com", "four@example.com"})})
	w.settled()
	dry := w.allPages(t, ExplainRequest{Filter: &events.Filter{},
		Page: Page{Limit: rapid.IntRange(1, 5).Draw(t, "limit of the dry run")}})
	var said []string
	for _, e := range dry {
		said = append(said, e.InviteID.String()+" "+result(e.ClientID, "", e.Reasons))
	}
	w.event(events.ReplayRequested, object{"requested_by": "Lee", "filter": object{}})
	w.settled()
	var did []string
	for _, e := range dry {
		var state, client string
		var reasons []rules.Reason
		w.must(w.db.QueryRow(w.ctx, `SELECT state, client_id, reasons FROM invites WHERE invite_id = $1`,
			e.InviteID).Scan(&state, &client, &reasons))
		if (state == "sent") != e.WouldSend {
			t.Fatalf("the dry run says %+v, and after the replay the invite is %s", e, state)
		}
		if state != "skipped" {
			reasons = nil // of the skip before
		}
		did = append(did, e.InviteID.String()+" "+result(client, "", reasons))
	}
	if !slices.Equal(said, did) {
		t.Fatalf("replay: explain says\n%q\nand the replay does\n%q", said, did)
	}
}
