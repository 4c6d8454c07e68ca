package wording

import (
	"cmp"
	"strconv"
	"time"
)

// Names are what a phrase names: people, clients, days. They are stored with a reason, so that its words can be found
// again in any language. Emails in them are masked.
type Names struct {
	Person    string    `json:"person,omitempty"`     // a name, or a masked email
	ContactID string    `json:"contact_id,omitempty"` // names the person if Person is empty
	Client    string    `json:"client,omitempty"`
	ClientID  string    `json:"client_id,omitempty"` // names the client if Client is empty
	Other     string    `json:"other,omitempty"`     // another client
	OtherID   string    `json:"other_id,omitempty"`
	Holder    string    `json:"holder,omitempty"` // who has the login
	Firm      string    `json:"firm,omitempty"`
	License   string    `json:"license,omitempty"`
	Process   string    `json:"process,omitempty"`
	Template  string    `json:"template,omitempty"`
	Email     string    `json:"email,omitempty"`
	Login     string    `json:"login,omitempty"`
	Who       string    `json:"who,omitempty"`    // an operator, or somebody of the office
	Minute    string    `json:"minute,omitempty"` // a time with its zone
	Day       time.Time `json:"day,omitzero"`     // in the firm's zone

	// What only statuses and failures name is not stored.
	Reminded time.Time `json:"-"` // in the firm's zone
	End      time.Time `json:"-"` // in the firm's zone; with the hour, if it is near to Now
	Now      time.Time `json:"-"`
	Taken    time.Time `json:"-"` // in the firm's zone; the time that stands for one that can't be
	Field    string    `json:"-"` // of a fact
	Host     string    `json:"-"` // of a portal
	Before   string    `json:"-"` // what it was before
	Count    int       `json:"-"` // chooses the form of a plural
	Code     string    `json:"-"` // of an SMTP reply
	Reply    string    `json:"-"` // of a mail server, in brackets after a space
	Said     string    `json:"-"` // what went wrong, in English
	Why      string    `json:"-"` // a reason or a failure, in words
}

// Set sets the name with this key in JSON. It leaves out a key that a newer worker has stored.
func (n *Names) Set(key, value string) (err error) {
	if key == "day" {
		n.Day, err = time.Parse(time.RFC3339, value)
	} else if text := n.text(key); text != nil {
		*text = value
	}
	return err
}

// Replace puts another name in the place of a person's, also of a client that is called like them. It says whether
// there was one.
func (n *Names) Replace(name, by string) (found bool) {
	for _, field := range []*string{&n.Person, &n.Holder, &n.Client, &n.Other} {
		if *field != "" && *field == name {
			*field, found = by, true
		}
	}
	return found
}

// text finds a name by its key in JSON; nil if there is none.
func (n *Names) text(key string) *string {
	switch key {
	case "person":
		return &n.Person
	case "contact_id":
		return &n.ContactID
	case "client":
		return &n.Client
	case "client_id":
		return &n.ClientID
	case "other":
		return &n.Other
	case "other_id":
		return &n.OtherID
	case "holder":
		return &n.Holder
	case "firm":
		return &n.Firm
	case "license":
		return &n.License
	case "process":
		return &n.Process
	case "template":
		return &n.Template
	case "email":
		return &n.Email
	case "login":
		return &n.Login
	}
	return n.textOfCase(key)
}

// textOfCase finds the names that only one reason has.
func (n *Names) textOfCase(key string) *string {
	switch key {
	case "who":
		return &n.Who
	case "minute":
		return &n.Minute
	}
	return nil
}

// value is what stands for a placeholder. ok is false if there is no such placeholder.
func (c *Catalog) value(placeholder string, n *Names) (value string, ok bool) {
	switch placeholder {
	case "person":
		return cmp.Or(n.Person, c.unnamed(c.Unnamed.Contact, n.ContactID), c.Unnamed.Nobody), true
	case "client":
		return cmp.Or(n.Client, c.unnamed(c.Unnamed.Client, n.ClientID)), true
	case "other_client":
		return cmp.Or(n.Other, c.unnamed(c.Unnamed.Client, n.OtherID)), true
	case "holder":
		return cmp.Or(n.Holder, c.Unnamed.Holder), true
	case "thing":
		return cmp.Or(n.Firm, n.Client, n.Person, c.unnamed(c.Unnamed.Template, n.Template),
			c.unnamed(c.Unnamed.Contact, n.ContactID), c.Unnamed.Nobody), true
	case "taken":
		return c.Day(n.Taken), true
	case "process":
		return c.Processes[n.Process], true
	case "day":
		return c.Day(n.Day), true
	case "reminded":
		return c.Day(n.Reminded), true
	case "end":
		return c.DayOrMoment(n.End, n.Now), true
	case "count":
		return strconv.Itoa(n.Count), true
	}
	if text := n.unchanged(placeholder); text != nil {
		return *text, true
	}
	return "", false
}

// unchanged finds the name that stands as it is for a placeholder; nil if there is none.
func (n *Names) unchanged(placeholder string) *string {
	switch placeholder {
	case "code":
		return &n.Code
	case "reply":
		return &n.Reply
	case "said":
		return &n.Said
	case "field":
		return &n.Field
	case "host":
		return &n.Host
	case "before":
		return &n.Before
	case "why":
		return &n.Why
	case "contact_id", "client_id", "firm", "license", "template", "email", "login", "who", "minute":
		return n.text(placeholder)
	}
	return nil
}

// unnamed is what stands for something that has an id and no name; "" if it has no id either.
func (c *Catalog) unnamed(p Phrase, id string) string {
	if id == "" {
		return ""
	}
	return join(p.usual, func(string) string { return id })
}
