package pages

import (
	"encoding/json"
	"net/http"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
)

// mailPolicy is for the HTML of a mail. It is sandboxed even if it is opened alone. Nothing is loaded from elsewhere,
// and only our own pages may frame it.
const mailPolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'self'"

// mailFile is a mail in a frame.
type mailFile struct{ html string }

func (m mailFile) write(w http.ResponseWriter) {
	w.Header().Set("Content-Security-Policy", mailPolicy)
	w.Header().Set("X-Frame-Options", "SAMEORIGIN")
	w.Header().Del("Cross-Origin-Opener-Policy") // it has no say in a frame, and a sandbox must not have it
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(m.html)) // a reader who has left needs nothing
}

// mail shows the mail of an invite, or of a request that is not published, as it would be written today.
func (s *Site) mail(f *frame) (any, error) {
	request := api.PreviewRequest{InviteID: f.value("invite")}
	if request.InviteID == "" {
		var err error
		if request, err = f.previewRequest(); err != nil {
			return nil, err
		}
	}
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Preview(ctx, f.Firm, request)
	if err != nil {
		return nil, badID(err)
	}
	return mailFile{answer.HTML}, nil
}

// previewRequest reads which mail a page wants to show.
func (f *frame) previewRequest() (r api.PreviewRequest, err error) {
	r = api.PreviewRequest{Type: events.Type(f.value("type")), Locale: string(f.Lang)}
	if r.Type == "" {
		r.Type = events.InviteRequested
	}
	contact := f.value("contact")
	data := map[string]any{"client_id": f.value("client"), "requested_by": f.Who.Name}
	if r.Type == events.BulkInviteRequested {
		r.ClientID, r.ContactID = f.value("client"), contact
		delete(data, "client_id")
		data["mode"], data["selection"] = "invite", map[string]any{"all_clients": true}
	} else {
		data["recipients"] = []events.Recipient{f.recipient(contact)}
	}
	switch item := r.Type.ItemField(); item {
	case "":
	case "file":
		data[item] = map[string]any{"id": "preview", "name": f.T("preview.item")}
	default:
		data[item] = map[string]any{"id": "preview", "title": f.T("preview.item")}
	}
	if message := f.message(); message != nil {
		data["message"] = message
	}
	r.Data, err = json.Marshal(data)
	return r, err
}

// recipient is a contact, or else the person who is added by email.
func (f *frame) recipient(contact string) events.Recipient {
	if contact != "" {
		return events.Recipient{ContactID: contact}
	}
	return events.Recipient{Email: f.value("email"), Name: f.value("name")}
}

// message is the personal message of the page's form; nil for none.
func (f *frame) message() *events.Message {
	switch template, text := f.value("template"), f.text("message"); {
	case template != "":
		return &events.Message{TemplateID: template}
	case text != "":
		return &events.Message{Text: text}
	default:
		return nil
	}
}
