package api

import (
	"encoding/json"
	"strings"
	"testing"

	"portal-invites/internal/events"
)

func raw(tb testing.TB, data any) json.RawMessage {
	tb.Helper()
	body, err := json.Marshal(data)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// previewed is the text of a mail as its preview has it.
func previewed(text, token string) string {
	return strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(text, token, "preview-only"), "\r\n", "\n"))
}

func TestPreviewIsTheMailThatIsSent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	data := with(with(named("c1", "dana", "lee"),
		"file", object{"id": "f1", "name": "Return.pdf"}),
		"message", object{"text": "Hello {{contact.name}}, from {{requested_by}}"})
	p, err := r.client.Preview(r.ctx, acme, PreviewRequest{Type: events.FileShared, Data: raw(t, data)})
	r.must(err)
	if !p.WouldSend || p.FromName != "Acme CPA via mail.example" || p.ReplyTo != "office@acme.example" ||
		p.Recipient.EmailMasked != "d•••@example.com" {
		t.Errorf("%+v", p)
	}
	r.publish(acme, events.FileShared, data)
	r.settled()
	sent := r.mailbox.Messages()[0]
	token := r.token(r.inviteOf("c1", "dana"))
	if got, want := strings.TrimSpace(p.Text), previewed(sent.Text, token); got != want {
		t.Errorf("the mail says\n%s\nand its preview\n%s", want, got)
	}
	if sent.Subject != p.Subject || !strings.Contains(p.HTML, "/invite/preview-only") ||
		!strings.Contains(p.Text, "Hello Dana Wu, from Lee") {
		t.Errorf("%s\n%s", p.Subject, p.Text)
	}
	if got := r.redeem(acme, "preview-only"); got.Result != LinkInvalid {
		t.Errorf("the link of a preview opens %+v", got)
	}

	lee, err := r.client.Preview(r.ctx, acme, PreviewRequest{
		Type: events.FileShared, Data: raw(t, data), ContactID: "lee"})
	r.must(err)
	if lee.WouldSend || lee.Reasons[0].Code != "email_missing" || !strings.Contains(lee.Text, "Lee Ray") {
		t.Errorf("for a contact without an email: %+v", lee)
	}
}

// An address in the message is a link for a contact, and text for somebody who is none.
func TestAMessageToAGuestHasNoLinks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	data := object{
		"client_id": "c1", "requested_by": "Lee", "message": object{"text": "See https://evil.example/pay"},
		"recipients": []object{{"contact_id": "dana"}, {"email": "guest@elsewhere.example", "name": "Guest"}},
	}
	r.publish(acme, events.InviteRequested, data)
	r.settled()
	if len(r.mailbox.Messages()) != 2 {
		t.Fatalf("%d mails, want 2", len(r.mailbox.Messages()))
	}
	for _, m := range r.mailbox.Messages() {
		linked := strings.Contains(m.Text, "See https://evil.example/pay")
		if linked == (m.To[0] == "guest@elsewhere.example") {
			t.Errorf("the mail to %s has a link in its message: %t\n%s", m.To[0], linked, m.Text)
		}
	}
}

func TestPreviewOfABulkRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	data := raw(t, bulkAll())
	p, err := r.client.Preview(r.ctx, acme, PreviewRequest{Type: events.BulkInviteRequested, Data: data, ClientID: "c1"})
	r.must(err)
	if !p.WouldSend || p.Recipient.ContactID != "dana" || !strings.Contains(p.Text, "Client c1") {
		t.Errorf("%+v", p)
	}
	_, err = r.client.Preview(r.ctx, acme, PreviewRequest{Type: events.BulkInviteRequested, Data: data})
	refused(t, err, 400, "client_id: missing")
	_, err = r.client.Preview(r.ctx, acme, PreviewRequest{Type: events.BulkInviteRequested, Data: data, ClientID: "c4"})
	refused(t, err, 404, "client_id: client c4 has no contacts")
	_, err = r.client.Preview(r.ctx, acme, PreviewRequest{
		Type: events.BulkInviteRequested, Data: data, ClientID: "c1", ContactID: "sam"})
	refused(t, err, 404, "contact_id: is not a contact of client c1")

	r.contact("ann", "Ann First", "ann@example.com")
	r.clientRecord("c6", "ann", "*dana") // Ann comes first, and is not Primary
	r.settled()
	primary, err := r.client.Preview(r.ctx, acme, PreviewRequest{
		Type: events.BulkInviteRequested, ClientID: "c6",
		Data: raw(t, bulkAll()),
	})
	r.must(err)
	if primary.Recipient.ContactID != "dana" {
		t.Errorf("a preview of c6 is for %s, want its Primary contact", primary.Recipient.ContactID)
	}
}

func TestPreviewSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	good := named("c1", "dana")
	for begins, request := range map[string]PreviewRequest{
		"type: missing, or invite_id": {Data: raw(t, good)},
		"type: must be":               {Type: events.AccessRemovalRequested, Data: raw(t, good)},
		"data.recipients: missing": {Type: events.InviteRequested,
			Data: raw(t, object{"client_id": "c1", "requested_by": "Lee"})},
		"data.requested_by: missing; data.file: missing": {
			Type: events.FileShared, Data: raw(t, object{"client_id": "c1", "recipients": []object{{"contact_id": "dana"}}})},
		"data.file: missing":   {Type: events.FileShared, Data: raw(t, good)},
		"data: missing":        {Type: events.InviteRequested},
		"client_id: goes with": {Type: events.InviteRequested, Data: raw(t, good), ClientID: "c1"},
		"email: can't be combined": {
			Type: events.InviteRequested, Data: raw(t, good), ContactID: "a", Email: "b@example.com"},
		"data.message.text: has an ": {
			Type: events.InviteRequested, Data: raw(t, with(good, "message", object{"text": "{{who}}"}))},
	} {
		_, err := r.client.Preview(r.ctx, acme, request)
		refused(t, err, 400, begins)
	}
	for begins, request := range map[string]PreviewRequest{
		"client_not_found: ": {Type: events.InviteRequested, Data: raw(t, named("nowhere", "dana"))},
		"template_not_found: ": {Type: events.InviteRequested,
			Data: raw(t, with(good, "message", object{"template_id": "t"}))},
		"data.recipients: has nobody": {Type: events.InviteRequested, Data: raw(t, good), ContactID: "lee"},
	} {
		_, err := r.client.Preview(r.ctx, acme, request)
		refused(t, err, 404, begins)
	}
	_, err := r.client.Preview(r.ctx, "other", PreviewRequest{Type: events.InviteRequested, Data: raw(t, good)})
	refused(t, err, 404, "firm_not_found: ")
}

func TestPreviewOfAnInvite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.FileShared, with(named("c1", "dana", "lee"), "file", object{"id": "f1", "name": "Return.pdf"}))
	r.settled()
	sent, skipped := r.inviteOf("c1", "dana"), r.inviteOf("c1", "lee")
	preview, err := r.client.Preview(r.ctx, acme, PreviewRequest{InviteID: sent})
	r.must(err)
	mail := r.mailbox.Messages()[0]
	if got, want := strings.TrimSpace(preview.Text), previewed(mail.Text, r.token(sent)); got != want {
		t.Errorf("the mail says\n%s\nand its preview\n%s", want, got)
	}
	if preview.SentAt.IsZero() || preview.WouldSend || preview.Recipient.ContactID != "dana" {
		t.Errorf("%+v", preview)
	}
	if preview, err = r.client.Preview(r.ctx, acme, PreviewRequest{InviteID: skipped}); err != nil ||
		preview.WouldSend || preview.Reasons[0].Code != "email_missing" || !preview.SentAt.IsZero() {
		t.Errorf("of a skipped invite: %v, %+v", err, preview)
	}
	for _, firm := range []string{"other", acme} {
		id := map[bool]string{true: "0d5c1e0e-7c3b-5a57-9d3b-0c6f4e0b6d11", false: sent}[firm == acme]
		_, err = r.client.Preview(r.ctx, firm, PreviewRequest{InviteID: id})
		refused(t, err, 404, "invite_id: this firm has no such invite")
	}
	for begins, request := range map[string]PreviewRequest{
		"invite_id: must be":           {InviteID: "1"},
		"invite_id: can't be combined": {InviteID: sent, ClientID: "c1"},
	} {
		_, err := r.client.Preview(r.ctx, acme, request)
		refused(t, err, 400, begins)
	}
}
