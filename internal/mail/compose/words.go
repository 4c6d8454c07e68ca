package compose

import (
	"cmp"
	"strings"
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/portal"
	"portal-invites/internal/rules"
	"portal-invites/internal/wording"
)

// words is a mail before any markup: all that depends on the language, and the only input of rendering.
type words struct {
	catalog     *catalog
	subject     string
	greeting    string
	lead        string   // what happened and who did it
	message     []string // the sender's paragraphs
	details     []detail
	instruction string // what to do now, above the button
	button      string
	expiry      string
	signature   string // who sent it; the firm's name is below it in any case
	trouble     string // introduces the raw link
	footer      string // why this mail came
	decline     string // what to do if it was not meant for its reader; "" for nothing
	declineLink string // where; "" for nowhere
	link        string
	brand       brand
}

type detail struct{ name, value string }

// brand is the firm's look.
type brand struct {
	firm, portal, logo, color, onColor string
}

// A subject shows about 60 characters on a desktop and 40 on a phone. Names are shortened so that neither a long firm
// nor a long file name hides the other.
const (
	maxSubjectFirm = 40
	maxSubjectItem = 60
)

// write puts an invitation into words. The invitation must be valid and clean.
func (c *catalog) write(inv mail.Invitation) words {
	p := c.Designs[inv.Process]
	subject := c.subject(inv, p)
	inv = unlinked(inv)
	return words{
		catalog:     c,
		subject:     subject,
		greeting:    c.greeting(inv.RecipientName),
		lead:        c.lead(inv, p),
		message:     paragraphs(inv, directionOf(inv.Message, c.Direction)),
		details:     c.details(inv, p),
		instruction: c.instruction(inv, p),
		button:      p.Button,
		expiry:      c.expiry(inv),
		signature:   cmp.Or(inv.RequestedBy, inv.Firm.Name),
		trouble:     c.Trouble,
		footer:      c.footer(inv),
		decline:     c.decline(inv),
		declineLink: portal.InASCII(inv.DeclineLink()),
		link:        portal.InASCII(inv.Link),
		brand:       brandOf(inv.Firm),
	}
}

func (c *catalog) subject(inv mail.Invitation, p phrases) string {
	s := fill(p.Subject, "{firm}", c.name(mail.InHeader(inv.Firm.Name, maxSubjectFirm)))
	if p.Item != "" {
		s = fill(c.ItemSubject, "{subject}", s, "{item}", c.name(mail.InHeader(inv.ItemName, maxSubjectItem)))
	}
	switch {
	case inv.Reminder && inv.Expiring:
		return fill(c.ExpiringSubject, "{subject}", s)
	case inv.Reminder:
		return fill(c.RemindSubject, "{subject}", s)
	}
	return s
}

// name prepares a name for a line of this language.
func (c *catalog) name(name string) string { return isolate(name, c.Direction) }

func (c *catalog) greeting(recipient string) string {
	if recipient == "" {
		return c.GreetingNobody
	}
	return fill(c.Greeting, "{name}", c.name(recipient))
}

func (c *catalog) lead(inv mail.Invitation, p phrases) string {
	s := fill(p.Lead, "{sender}", c.sender(inv))
	switch {
	case inv.Reminder && inv.Expiring:
		return fill(c.ExpiringLead, "{lead}", s)
	case inv.Reminder:
		return fill(c.RemindLead, "{lead}", s)
	}
	return s
}

// maxTogether is how many other portals a reminder names.
const maxTogether = 5

// instruction says what to do. A reminder also names the other portals that its reader has not opened. It has no links
// to them: each link belongs to one portal, and their own mails have theirs.
func (c *catalog) instruction(inv mail.Invitation, p phrases) string {
	if len(inv.Together) == 0 {
		return p.Instruction
	}
	names := make([]string, 0, maxTogether+1)
	for _, name := range inv.Together[:min(len(inv.Together), maxTogether)] {
		names = append(names, c.name(name))
	}
	if len(inv.Together) > maxTogether {
		names = append(names, "…")
	}
	return p.Instruction + " " + fill(c.Together, "{clients}", strings.Join(names, ", "))
}

// sender is the person and the firm, or only the firm.
func (c *catalog) sender(inv mail.Invitation) string {
	if inv.RequestedBy == "" || inv.RequestedBy == inv.Firm.Name {
		return c.name(inv.Firm.Name)
	}
	return fill(c.Sender, "{person}", c.name(inv.RequestedBy), "{firm}", c.name(inv.Firm.Name))
}

// details always has the client: one person may open several portals.
func (c *catalog) details(inv mail.Invitation, p phrases) []detail {
	var list []detail
	if p.Item != "" {
		list = append(list, detail{p.Item, c.name(inv.ItemName)})
	}
	list = append(list, detail{c.Client, c.name(inv.ClientName)})
	if inv.DueOn != "" {
		list = append(list, detail{c.Due, c.Day(dueOn(inv))})
	}
	return list
}

// expiry says when the link ends. If that is near, it says the hour. Otherwise it names the day by the firm's clock. If
// the firm has no time zone, it names the last day on which the link works from morning till night, wherever the reader
// is.
func (c *catalog) expiry(inv mail.Invitation) string {
	firm := rules.Firm{Zone: inv.Zone}
	at := firm.In(inv.ExpiresAt)
	switch {
	case !inv.WrittenAt.IsZero() && inv.ExpiresAt.Sub(inv.WrittenAt) < wording.Soon:
		return fill(c.Expiry, "{date}", c.At(at))
	case inv.Zone != nil:
		return fill(c.Expiry, "{date}", c.Day(at))
	default:
		return fill(c.ValidUntil, "{date}", c.Day(lastWholeDay(inv.ExpiresAt)))
	}
}

// lastWholeDay is the last day that has ended everywhere at a time. Days end last in UTC-12.
func lastWholeDay(t time.Time) time.Time {
	return t.In(time.FixedZone("UTC-12", -12*60*60)).AddDate(0, 0, -1)
}

func (c *catalog) footer(inv mail.Invitation) string {
	s := fill(c.Footer, "{firm}", c.name(inv.Firm.Name))
	if inv.Firm.ReplyTo != "" {
		s += " " + c.FooterReply
	}
	return s
}

// decline is for a mail that its reader may not expect (ADR 154).
func (c *catalog) decline(inv mail.Invitation) string {
	switch {
	case !inv.Unexpected:
		return ""
	case inv.DeclineLink() != "":
		return c.DeclineThere
	default:
		return fill(c.Decline, "{firm}", c.name(inv.Firm.Name))
	}
}
