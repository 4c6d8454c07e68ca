package examples_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"portal-invites/examples"
	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/importer"
	"portal-invites/internal/rules"
)

// now is the time at which the example's requests are decided, and policy is the default policy.
var (
	now    = time.Date(2026, 1, 5, 15, 0, 0, 0, time.UTC)
	policy = rules.Policy{InviteTTL: rules.DefaultInviteTTL, ResendCooldown: rules.DefaultResendCooldown}
)

// firm decides the example's events with the rules alone, one after the other, as one worker would.
type firm struct {
	book     *rules.Book
	outcomes []outcome
}

// outcome is what became of one recipient. reasons is empty if a mail was sent.
type outcome struct {
	clientID string
	who      string // contact id, email as added, or "" for the client itself
	reasons  []rules.Code
}

func (o outcome) String() string {
	who := o.clientID
	if o.who != "" {
		who += " " + o.who
	}
	if len(o.reasons) == 0 {
		return who + ": sent"
	}
	text := who + ":"
	for _, r := range o.reasons {
		text += " " + string(r)
	}
	return text
}

// apply applies a fact.
func (f *firm) apply(t *testing.T, e events.Event) {
	t.Helper()
	switch d := e.Data.(type) {
	case *events.Firm:
		f.book.Firms[e.Firm] = &rules.Firm{ID: e.Firm, Name: d.Name, PortalURL: d.PortalURL, Licenses: d.Licenses}
	case *events.Contact:
		f.contact(*d)
	case *events.Client:
		f.client(*d)
	case *events.Grant:
		f.grant(t, d)
	case *events.Suppression:
		f.book.Suppressed[rules.EmailKey{FirmID: e.Firm, Email: address.Parse(d.Email).Normal}] = d.Cause
	case *events.Template:
		f.book.Templates[rules.TemplateKey{FirmID: e.Firm, TemplateID: d.TemplateID}] = d.Body
	case *events.RemovedClient, *events.RemovedContact, *events.Merge, *events.MailReport, *events.Request,
		*events.BulkRequest, *events.ReplayRequest, *events.RemovedTemplate, *events.Instruction, *events.Schedule,
		*events.Erasure:
		t.Fatalf("%s is not a fact that the example uses", e.Type)
	}
}

func (f *firm) contact(d events.Contact) {
	key := rules.ContactKey{FirmID: examples.AcmeFirm, ContactID: d.ContactID}
	f.book.Contacts[key] = &rules.Contact{ID: d.ContactID, Name: d.Name, Email: address.Parse(d.Email), Locale: d.Locale}
}

func (f *firm) client(d events.Client) {
	client := &rules.Client{ID: d.ClientID, Kind: rules.ClientKind(d.Kind), Name: d.Name, Active: d.IsActive()}
	for _, c := range d.Contacts {
		client.Contacts = append(client.Contacts, rules.ClientContact{ContactID: c.ContactID, Primary: c.Primary})
	}
	slices.SortFunc(client.Contacts, func(a, b rules.ClientContact) int { return cmp.Compare(a.ContactID, b.ContactID) })
	f.book.Clients[rules.ClientKey{FirmID: examples.AcmeFirm, ClientID: d.ClientID}] = client
}

func (f *firm) grant(t *testing.T, d *events.Grant) {
	t.Helper()
	ask := rules.Ask{FirmID: examples.AcmeFirm, ClientID: d.ClientID}
	ask.Recipient = events.Recipient{ContactID: d.ContactID, Email: d.Email}.Asked()
	person, contact := f.book.Resolve(ask, now)
	if contact == nil {
		t.Fatalf("access on %s is granted to an unknown contact", d.ClientID)
	}
	f.book.Accesses[rules.AccessKey{FirmID: examples.AcmeFirm, ClientID: d.ClientID, Person: person}] = &rules.Access{
		State: rules.Active, Email: contact.Email.Normal, InvitedAt: d.GrantedAt,
	}
	f.book.Logins[rules.EmailKey{FirmID: examples.AcmeFirm, Email: contact.Email.Normal}] = &rules.Login{
		Person: person, ReservedUntil: rules.Forever, HolderName: contact.Name, ClientID: d.ClientID,
	}
}

// request decides every recipient of an individual request.
func (f *firm) request(t *testing.T, e events.Event) {
	t.Helper()
	data, ok := e.Data.(*events.Request)
	process, err := e.Type.Process()
	if !ok || err != nil {
		t.Fatalf("%s is not a request for named recipients (%v)", e.Type, err)
	}
	named := map[rules.Person]bool{}
	for _, r := range data.Recipients {
		ask := rules.Ask{
			FirmID: e.Firm, ClientID: data.ClientID, Recipient: r.Asked(), Process: process, Kind: rules.Invite,
			TemplateID: data.Message.Template(), InviteID: e.ID,
		}
		person, _ := f.book.Resolve(ask, now)
		if person != "" && named[person] {
			ask.DuplicateOf = e.ID
		}
		named[person] = true
		f.decide(ask, cmp.Or(r.ContactID, r.Email))
	}
}

// bulk decides every contact of every active client, in the contract's order.
func (f *firm) bulk(t *testing.T, e events.Event) {
	t.Helper()
	data, ok := e.Data.(*events.BulkRequest)
	if !ok || !data.Selection.AllClients || data.Mode != string(rules.Invite) {
		t.Fatal("the example's bulk request must invite all clients")
	}
	var clients []*rules.Client
	for _, c := range f.book.Clients {
		if c.Active {
			clients = append(clients, c)
		}
	}
	slices.SortFunc(clients, func(a, b *rules.Client) int { return cmp.Compare(a.ID, b.ID) })
	for _, c := range clients {
		ask := rules.Ask{
			FirmID: e.Firm, ClientID: c.ID, Process: rules.Bulk, Kind: rules.Invite,
			TemplateID: data.Message.Template(), InviteID: e.ID,
		}
		if len(c.Contacts) == 0 {
			f.decide(ask, "")
		}
		for _, contact := range c.Contacts {
			ask.Recipient = rules.Recipient{ContactID: contact.ContactID}
			f.decide(ask, contact.ContactID)
		}
	}
}

func (f *firm) decide(ask rules.Ask, who string) {
	decision := f.book.Decide(ask, now, policy)
	o := outcome{clientID: ask.ClientID, who: who}
	for _, r := range decision.Reasons {
		o.reasons = append(o.reasons, r.Code)
	}
	if decision.Send() {
		f.book.Reserve(ask, decision, now, policy)
	}
	f.outcomes = append(f.outcomes, o)
}

// take returns the outcomes since the last call.
func (f *firm) take() []outcome {
	taken := f.outcomes
	f.outcomes = nil
	return taken
}

func (f *firm) load(i *importer.Import) {
	for _, c := range i.Contacts {
		f.contact(c)
	}
	for _, c := range i.Clients {
		f.client(c)
	}
}
