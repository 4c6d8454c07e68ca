package events

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/address"
	"portal-invites/internal/mergefield"
	"portal-invites/internal/rules"
)

// Request is the data of every request for named recipients. At most one of File, Esign, Request and Survey is set, as
// the event's type requires.
type Request struct {
	ClientID    string      `json:"client_id"`
	Recipients  []Recipient `json:"recipients"`
	Message     *Message    `json:"message,omitempty"`
	RequestedBy string      `json:"requested_by"`
	// DespiteDecline invites also people who have declined (ADR 154).
	DespiteDecline bool `json:"despite_decline,omitempty"`

	File    *File `json:"file,omitempty"`
	Esign   *Task `json:"esign,omitempty"`
	Request *Task `json:"request,omitempty"`
	Survey  *Task `json:"survey,omitempty"`

	item *item // which of the four the type requires; nil for none
}

// Recipient is a contact, or another person added by email.
type Recipient struct {
	ContactID string `json:"contact_id,omitempty"`
	Email     string `json:"email,omitempty"`
	Name      string `json:"name,omitempty"`
}

// Asked returns the recipient in the form that the rules use.
func (r Recipient) Asked() rules.Recipient {
	if r.ContactID != "" {
		return rules.Recipient{ContactID: r.ContactID}
	}
	return rules.Recipient{Email: address.Parse(r.Email), Name: strings.TrimSpace(r.Name)}
}

// Message is the personal message of a request: a text, or a template of the firm.
type Message struct {
	Text       string `json:"text,omitempty"`
	TemplateID string `json:"template_id,omitempty"`
}

// Template returns the template's id, or "" if there is no message or the message is a text. m may be nil.
func (m *Message) Template() string {
	if m == nil {
		return ""
	}
	return m.TemplateID
}

// Wish is what a request of any type says about its mails.
type Wish struct {
	Message        *Message `json:"message"` // nil if there is none
	DespiteDecline bool     `json:"despite_decline"`
}

// WishOf returns what the data of a request of any type says about its mails.
func WishOf(data []byte) (Wish, error) {
	var wish Wish
	if err := json.Unmarshal(data, &wish); err != nil {
		return Wish{}, fmt.Errorf("message: %w", err)
	}
	return wish, nil
}

func (d *Request) check(f *fields) {
	f.id("client_id", d.ClientID)
	f.text("requested_by", d.RequestedBy, maxName)
	if f.given("recipients") {
		d.checkRecipients(f)
	}
	f.personalMessage(d.Message)
	if d.item != nil && f.given(d.item.field) {
		f.inside(d.item.field, f.value(d.item.field), d.item.of(d).fields)
	}
}

func (d *Request) checkRecipients(f *fields) {
	if n := len(d.Recipients); n == 0 || n > maxRecipients {
		f.wrong("recipients", "must have 1 to %d entries, has %d", maxRecipients, n)
		return
	}
	f.each("recipients", func(f *fields, i int) {
		r := d.Recipients[i]
		f.person(r.ContactID, r.Email)
		if r.ContactID != "" {
			return
		}
		f.text("name", r.Name, maxName)
		if r.Email != "" && address.Trim(r.Email) == "" {
			f.wrong("email", "is empty") // the rules handle a mistyped email, but an empty one names nobody
		}
	})
}

func (f *fields) personalMessage(m *Message) {
	if m == nil {
		return
	}
	f.inside("message", f.value("message"), func(f *fields) {
		switch {
		case m.Text == "" && m.TemplateID == "":
			f.wrong("text", "missing (or template_id)")
		case m.Text != "" && m.TemplateID != "":
			f.wrong("template_id", "can't be combined with text: one of them is the message")
		case m.TemplateID != "":
			f.checkID("template_id", m.TemplateID)
		default:
			f.message("text", m.Text)
		}
	})
}

// message checks a text with merge fields. An unknown merge field is an error (ADR 10).
func (f *fields) message(name, text string) {
	f.paragraphs(name, text, maxMessage)
	if len(mergefield.Unknown(text)) > 0 {
		f.wrong(name, "has an unknown merge field; known are %s", mergefield.Known())
	}
}

// BulkRequest is the data of BulkInviteRequested.
type BulkRequest struct {
	Mode        string    `json:"mode"`         // invite or resend
	To          string    `json:"to,omitempty"` // with mode resend: invited, active or all; see [BulkRequest.Audience]
	Selection   Selection `json:"selection"`
	Message     *Message  `json:"message,omitempty"`
	RequestedBy string    `json:"requested_by"`
	// StartAt is when the run begins (ADR 159); nil: at once.
	StartAt *time.Time `json:"start_at,omitempty"`
	// Plan is the plan of an explanation: the run mails those in it, or pauses (ADR 169).
	Plan string `json:"plan,omitempty"`
	// MaxRecipients is how many the run mails at most; with more it pauses. 0: as many as there are.
	MaxRecipients int `json:"max_recipients,omitempty"`
}

// Guarded says whether a run of the request is compared with what was meant before it mails anybody.
func (d *BulkRequest) Guarded() bool { return d.Plan != "" || d.MaxRecipients > 0 }

// Selection says whom a bulk request is for: a set of clients, every active client, or contacts by their statuses.
type Selection struct {
	ClientIDs  []string `json:"client_ids,omitempty"`
	AllClients bool     `json:"all_clients,omitempty"`
	Kind       string   `json:"kind,omitempty"` // with AllClients: only individual, or only business
	// Statuses selects contacts by what stands for them, instead of clients (ADR 170).
	Statuses *PeopleFilter `json:"statuses,omitempty"`
}

// Audience says whom a resend is for: if the request does not say it, those who have not logged in. It is "" for an
// invite.
func (d *BulkRequest) Audience() rules.Audience {
	if d.Mode != string(rules.Resend) {
		return ""
	}
	return cmp.Or(rules.Audience(d.To), rules.ToInvited)
}

// AudienceOf returns the audience in the data of a request of any type.
func AudienceOf(t Type, data []byte) (rules.Audience, error) {
	if t != BulkInviteRequested {
		return "", nil
	}
	var bulk struct{ Mode, To string }
	if err := json.Unmarshal(data, &bulk); err != nil {
		return "", fmt.Errorf("to: %w", err)
	}
	return (&BulkRequest{Mode: bulk.Mode, To: bulk.To}).Audience(), nil
}

func (d *BulkRequest) check(f *fields) {
	if f.given("mode") {
		f.oneOf("mode", d.Mode, string(rules.Invite), string(rules.Resend))
	}
	switch {
	case d.To != "" && d.Mode == string(rules.Invite):
		f.wrong("to", "needs mode resend")
	case d.To != "":
		f.oneOf("to", d.To, string(rules.ToInvited), string(rules.ToActive), string(rules.ToAll))
	}
	if f.has("plan") {
		if _, err := uuid.Parse(d.Plan); err != nil {
			f.wrong("plan", "must be a UUID, as in the plan of an answer of explain")
		}
	}
	if f.has("max_recipients") && d.MaxRecipients < 1 {
		f.wrong("max_recipients", "must be 1 or more")
	}
	f.text("requested_by", d.RequestedBy, maxName)
	f.personalMessage(d.Message)
	if f.given("selection") {
		f.inside("selection", f.value("selection"), d.Selection.fields)
	}
}

func (s *Selection) fields(f *fields) {
	switch {
	case f.has("statuses"):
		for _, other := range []string{"client_ids", "all_clients", "kind"} {
			if f.has(other) {
				f.wrong(other, "can't be combined with statuses: one of them is the selection")
			}
		}
		f.peopleFilter("statuses", s.Statuses)
	case s.AllClients && f.has("client_ids"):
		f.wrong("client_ids", "can't be combined with all_clients: one of them is the selection")
	case s.AllClients:
		if s.Kind != "" {
			f.oneOf("kind", s.Kind, string(rules.Individual), string(rules.Business))
		}
	case !f.has("client_ids"):
		f.wrong("client_ids", "missing (or all_clients: true, or statuses)")
	case s.Kind != "":
		f.wrong("kind", "needs all_clients")
	default:
		f.checkClientIDs(s.ClientIDs, 1)
	}
}

func (f *fields) checkClientIDs(ids []string, least int) {
	if n := len(ids); n < least || n > maxSelection {
		f.wrong("client_ids", "must have %d to %d entries, has %d", least, maxSelection, n)
		return
	}
	for i, id := range ids {
		f.checkID(fmt.Sprintf("client_ids[%d]", i), id)
	}
}

// ReplayRequest is the data of ReplayRequested.
type ReplayRequest struct {
	Filter      Filter `json:"filter"`
	RequestedBy string `json:"requested_by"`
	// MaxAge leaves out invites whose request is older: nobody wants to hear today of a file that was shared in spring. It
	// is a Go duration; DefaultMaxAge if left out.
	MaxAge string `json:"max_age,omitempty"`
}

// DefaultMaxAge is the greatest age of a request that a replay decides again, unless the replay says otherwise.
const DefaultMaxAge = 90 * 24 * time.Hour

// Oldest returns the time of the oldest request that a replay at now decides again.
func (d *ReplayRequest) Oldest(now time.Time) time.Time {
	age, err := time.ParseDuration(d.MaxAge)
	if err != nil {
		age = DefaultMaxAge
	}
	return now.Add(-age)
}

// Filter says which outcomes a replay decides again. A field that is left out matches all of them.
type Filter struct {
	Reasons   []rules.Code `json:"reasons,omitempty"`
	ClientIDs []string     `json:"client_ids,omitempty"`
	RunID     string       `json:"run_id,omitempty"`
	Since     *time.Time   `json:"since,omitempty"`
	Until     *time.Time   `json:"until,omitempty"`
	Outcomes  []string     `json:"outcomes,omitempty"` // skipped, failed
}

// WalksOn says whether a replay that names a cancelled run also decides whom the run had not reached. It does unless
// its filter is for some of those who were decided.
func (d *ReplayRequest) WalksOn() bool {
	f := d.Filter
	return len(f.ClientIDs) == 0 && f.Since == nil && f.Until == nil &&
		(len(f.Outcomes) == 0 || slices.Contains(f.Outcomes, "skipped")) &&
		(len(f.Reasons) == 0 || slices.Contains(f.Reasons, rules.RunCancelled))
}

func (d *ReplayRequest) check(f *fields) {
	if d.MaxAge != "" {
		if age, err := time.ParseDuration(d.MaxAge); err != nil || age <= 0 {
			f.wrong("max_age", "must be a duration above zero (example: 2160h)")
		}
	}
	f.text("requested_by", d.RequestedBy, maxName)
	if f.given("filter") {
		f.inside("filter", f.value("filter"), d.Filter.fields)
	}
}

func (d *Filter) fields(f *fields) {
	for i, code := range d.Reasons {
		if !code.Known() {
			f.wrong(fmt.Sprintf("reasons[%d]", i), "is not a reason code")
		}
	}
	f.checkClientIDs(d.ClientIDs, 0)
	if d.RunID != "" {
		if _, err := uuid.Parse(d.RunID); err != nil {
			f.wrong("run_id", "must be a UUID, as in an outcome's run_id")
		}
	}
	for i, outcome := range d.Outcomes {
		f.oneOf(fmt.Sprintf("outcomes[%d]", i), outcome, "skipped", "failed")
	}
	if d.Since != nil && d.Until != nil && d.Until.Before(*d.Since) {
		f.wrong("until", "is before since")
	}
}
