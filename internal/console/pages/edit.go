package pages

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"portal-invites/internal/api"
	"portal-invites/internal/console/words"
	"portal-invites/internal/events"
)

// editPage corrects a contact. What it publishes is the whole contact, as any product service does.
type editPage struct {
	*frame
	stamp
	Contact          contact
	ClientID, Client string
	Was              string // what the contact was when the form was made
	Changed          bool   // somebody else has changed it meanwhile
	Refused          string
	Back             string
}

// contact is all that a ContactUpserted says.
type contact struct {
	ID     string `json:"contact_id"`
	Name   string `json:"name"`
	Email  string `json:"email"`
	Locale string `json:"locale,omitempty"`
}

// digest tells whether a contact has changed.
func (c contact) digest() string {
	sum := sha256.Sum256([]byte(c.ID + "\x00" + c.Name + "\x00" + c.Email + "\x00" + c.Locale))
	return hex.EncodeToString(sum[:12])
}

// mayEdit says whether the person may correct contacts of the firm here.
func (f *frame) mayEdit() error {
	switch {
	case f.site.Edits != EditContacts:
		return errNoPage
	case !f.Who.Invites(f.Firm):
		return errMayNot
	default:
		return nil
	}
}

// Edit is the address of the form that corrects a contact; "" if that is not done here.
func (f *frame) Edit(client, contact string) string {
	if contact == "" || f.mayEdit() != nil {
		return ""
	}
	return f.URL("edit", "client", client, "contact", contact)
}

func (s *Site) edit(f *frame) (any, error) {
	if err := f.mayEdit(); err != nil {
		return nil, err
	}
	known, err := f.contact(f.value("contact"))
	if err != nil {
		return nil, err
	}
	return f.editPage(known, known)
}

// editPage is the form for a contact as it is known, with what somebody has typed.
func (f *frame) editPage(known, typed contact) (editPage, error) {
	client := f.value("client")
	page := editPage{
		frame: f, stamp: newStamp(), Contact: typed, ClientID: client, Was: known.digest(),
		Back: f.personPath(client, known.ID, ""),
	}
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Status(ctx, f.Firm, api.StatusRequest{ClientID: client, ContactID: known.ID})
	if err != nil {
		return page, badID(err)
	}
	page.Client = cmp.Or(answer.Statuses[0].ClientName, client)
	f.Section, f.Live, f.Popup = "clients", f.URL("live"), true
	f.Title = f.T("edit.title", "who", cmp.Or(known.Name, known.ID))
	f.Crumbs = []crumb{
		{f.T("nav.clients"), f.URL("clients")}, {page.Client, f.URL("client", "client", client)},
		{cmp.Or(known.Name, known.ID), page.Back}, {f.T("edit.correct"), ""},
	}
	return page, nil
}

// contact reads all that is known of a contact. Other services mask the email.
func (f *frame) contact(id string) (contact, error) {
	request := api.PersonRequest{ContactID: id, Page: api.Page{Limit: api.MaxLimit}}
	for {
		ctx, cancel := f.patiently()
		answer, err := f.client.Person(ctx, f.Firm, request)
		cancel()
		if err != nil {
			return contact{}, badID(err)
		}
		for _, row := range answer.Rows {
			var found struct {
				contact
				Removed bool `json:"removed"`
			}
			if row.Table != "contacts" {
				continue
			}
			if err := json.Unmarshal(row.Data, &found); err != nil {
				return contact{}, err
			}
			if found.ID == id && !found.Removed {
				return found.contact, nil
			}
		}
		if request.Cursor = answer.Next; request.Cursor == "" {
			return contact{}, errNoPage
		}
	}
}

// correct publishes the contact, and the invite if it is asked for.
func (s *Site) correct(f *frame) (any, error) {
	if err := f.mayEdit(); err != nil {
		return nil, err
	}
	typed := contact{f.value("contact"), f.text("name"), f.text("email"), f.text("locale")}
	known, err := f.contact(typed.ID)
	if err != nil {
		return nil, err
	}
	form, err := uuid.Parse(f.request.PostForm.Get("event"))
	if err != nil {
		return nil, errOldForm
	}
	// Sent again, the contact is what the form has made it. Otherwise somebody else was faster.
	if f.value("was") != known.digest() && known != typed {
		page, err := f.editPage(known, known)
		page.Changed = true
		return page, err
	}
	list := []publication{{events.ContactUpserted, uuid.NewSHA1(form, []byte("contact")).String(), typed}}
	if f.value("again") != "" {
		list = append(list, publication{events.InviteRequested, form.String(), events.Request{
			ClientID: f.value("client"), Recipients: []events.Recipient{{ContactID: typed.ID}}, RequestedBy: f.Who.Name,
		}})
	}
	err = f.publishAll(list)
	if refused, is := errors.AsType[*api.Error](err); is && refused.Code == http.StatusBadRequest {
		page, err := f.editPage(known, typed)
		page.Refused = refused.Message
		return page, err
	}
	if err != nil {
		return nil, err
	}
	if len(list) > 1 {
		return seeOther(f.URL("done", "event", form.String(), "client", f.value("client"))), nil
	}
	return seeOther(f.personPath(f.value("client"), typed.ID, "")), nil
}

// Locales are the languages of a contact's mails: that of the firm, ours, and what the contact has.
func (p editPage) Locales() (list []choice) {
	list = append(list, choice{"", p.T("edit.locale.firm"), p.Contact.Locale == ""})
	ours := words.Languages()
	for _, l := range ours {
		list = append(list, choice{string(l), l.OwnName(), p.Contact.Locale == string(l)})
	}
	if p.Contact.Locale != "" && !slices.Contains(ours, words.Language(p.Contact.Locale)) {
		list = append(list, choice{p.Contact.Locale, p.Contact.Locale, true})
	}
	return list
}
