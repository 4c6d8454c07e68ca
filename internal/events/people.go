package events

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"portal-invites/internal/address"
	"portal-invites/internal/rules"
)

// PeopleFilter selects people by what stands for them, as the service statuses lists them. A field that is left out
// does not narrow it.
type PeopleFilter struct {
	ClientID    string            `json:"client_id,omitempty"`
	State       rules.StatusState `json:"state,omitempty"`
	Reason      string            `json:"reason,omitempty"` // a code, or failed
	Mail        rules.MailState   `json:"mail,omitempty"`
	NoPortal    bool              `json:"no_portal,omitempty"`
	Kind        string            `json:"kind,omitempty"`
	Primary     *bool             `json:"primary,omitempty"`
	LoginAfter  *time.Time        `json:"login_after,omitempty"`
	LoginBefore *time.Time        `json:"login_before,omitempty"`
	Text        string            `json:"text,omitempty"`
	Email       string            `json:"email,omitempty"`
}

// peopleFilters are the fields of [PeopleFilter].
var peopleFilters = []string{
	"client_id", "state", "reason", "mail", "no_portal", "kind", "primary", "login_after", "login_before", "text", "email",
}

// longestText is how many characters a text to look for may have.
const longestText = 200

// Problems says what is wrong with the filter. The services and the events have the same rules.
func (p PeopleFilter) Problems() []FieldError {
	c := &filterCheck{}
	c.oneOf("state", string(p.State), texts(rules.StatusStates()))
	c.reason(p.Reason, p.State)
	c.oneOf("mail", string(p.Mail), texts(rules.MailStates()))
	c.oneOf("kind", p.Kind, []string{string(rules.Individual), string(rules.Business)})
	if p.LoginAfter != nil && p.LoginBefore != nil && !p.LoginAfter.Before(*p.LoginBefore) {
		c.wrong("login_before", "must be later than login_after")
	}
	c.text(p.Text)
	if p.Email != "" {
		if err := address.Check(p.Email); err != nil {
			c.wrong("email", "%s", err)
		}
	}
	return c.problems
}

// filterCheck collects what is wrong with a filter.
type filterCheck struct{ problems []FieldError }

func (c *filterCheck) wrong(field, problem string, args ...any) {
	c.problems = append(c.problems, FieldError{field, fmt.Sprintf(problem, args...)})
}

func (c *filterCheck) oneOf(field, value string, known []string) {
	if value != "" && !slices.Contains(known, value) {
		c.wrong(field, "must be one of: %s", strings.Join(known, ", "))
	}
}

func (c *filterCheck) reason(reason string, state rules.StatusState) {
	switch {
	case reason == "":
	case state != "" && state != rules.StatusNotSent:
		c.wrong("reason", "only %s has one; leave out state, or set it to that", rules.StatusNotSent)
	case reason != rules.ReasonFailed && !rules.Code(reason).Known():
		c.wrong("reason", "must be a reason code, or %s (example: email_missing)", rules.ReasonFailed)
	}
}

func (c *filterCheck) text(text string) {
	switch {
	case text != "" && strings.TrimSpace(text) == "":
		c.wrong("text", "is blank; leave it out to list everybody")
	case utf8.RuneCountInString(text) > longestText:
		c.wrong("text", "must have up to %d characters", longestText)
	}
}

func texts[T ~string](list []T) []string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = string(one)
	}
	return texts
}

// fields checks the filter in an event.
func (p *PeopleFilter) fields(f *fields) {
	if p.ClientID != "" {
		f.checkID("client_id", p.ClientID)
	}
	for _, problem := range p.Problems() {
		f.wrong(problem.Field, "%s", problem.Problem)
	}
}

// peopleFilter checks the filter in a selection. A name that is not known is an error here: without it, the filter
// would find more people than were meant. So is a filter without any field.
func (f *fields) peopleFilter(name string, p *PeopleFilter) {
	narrows := false
	inner := fieldsOf(f.value(name), "")
	for _, field := range inner.object {
		if !slices.Contains(peopleFilters, field.name) {
			f.wrong(name, "%s is not a filter; known are %s", nameOnly(field.name), strings.Join(peopleFilters, ", "))
			return
		}
		narrows = narrows || inner.has(field.name)
	}
	if !narrows {
		f.wrong(name, "needs at least one filter; everybody is all_clients: true")
		return
	}
	f.inside(name, f.value(name), p.fields)
}

// nameOnly is the name of a field that is not known. What does not look like one may be a value in the wrong place, and
// errors have no values.
func nameOnly(name string) string {
	if len(name) > longestName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "a field"
	}
	return name
}

// longestName is how long the name of a field may be, so that an error tells it.
const longestName = 40
