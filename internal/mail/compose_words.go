package mail

// letter is a mail in words, before any markup: what a language changes, and
// the only thing that rendering sees.
type letter struct {
	catalog     *catalog
	subject     string
	greeting    string
	lead        string   // what happened and who did it
	message     []string // the sender's paragraphs
	details     []detail
	instruction string // what to do now, above the button
	button      string
	expiry      string
	signature   string // who sent it; the firm's name stands below it anyway
	trouble     string // introduces the raw link
	footer      string // why this mail came
	link        string
	brand       brand
}

type detail struct{ name, value string }

// brand is the firm's look.
type brand struct {
	firm, portal, logo, color, onColor string
}

// A subject shows about 60 characters on a desktop and 40 on a phone. Names
// are cut so that neither a long firm nor a long file name hides the other.
const (
	maxSubjectFirm = 40
	maxSubjectItem = 60
)

// write puts an invitation into words. The invitation is valid and clean.
func (c *catalog) write(inv Invitation) letter {
	w := c.Designs[inv.Design]
	return letter{
		catalog:     c,
		subject:     c.subject(inv, w),
		greeting:    c.greeting(inv.RecipientName),
		lead:        c.lead(inv, w),
		message:     inv.paragraphs(directionOf(inv.Message, c.Direction)),
		details:     c.details(inv, w),
		instruction: w.Instruction,
		button:      w.Button,
		expiry:      fill(c.Expiry, "{date}", c.longDate(inv.ExpiresAt)),
		signature:   firstOf(inv.RequestedBy, inv.Firm.Name),
		trouble:     c.Trouble,
		footer:      c.footer(inv),
		link:        inv.Link,
		brand:       brandOf(inv.Firm),
	}
}

func (c *catalog) subject(inv Invitation, w words) string {
	s := fill(w.Subject, "{firm}", c.name(shorten(inv.Firm.Name, maxSubjectFirm)))
	if w.Item != "" {
		s = fill(c.ItemSubject, "{subject}", s, "{item}", c.name(shorten(inv.ItemName, maxSubjectItem)))
	}
	if inv.Reminder {
		s = fill(c.RemindSubject, "{subject}", s)
	}
	return s
}

// name makes a name fit for a line of this language.
func (c *catalog) name(name string) string { return isolate(name, c.Direction) }

func (c *catalog) greeting(recipient string) string {
	if recipient == "" {
		return c.GreetingNobody
	}
	return fill(c.Greeting, "{name}", c.name(recipient))
}

func (c *catalog) lead(inv Invitation, w words) string {
	s := fill(w.Lead, "{sender}", c.sender(inv))
	if inv.Reminder {
		s = fill(c.RemindLead, "{lead}", s)
	}
	return s
}

// sender is the person and the firm, or the firm alone.
func (c *catalog) sender(inv Invitation) string {
	if inv.RequestedBy == "" || inv.RequestedBy == inv.Firm.Name {
		return c.name(inv.Firm.Name)
	}
	return fill(c.Sender, "{person}", c.name(inv.RequestedBy), "{firm}", c.name(inv.Firm.Name))
}

// details always names the client: one person may open several portals.
func (c *catalog) details(inv Invitation, w words) []detail {
	var list []detail
	if w.Item != "" {
		list = append(list, detail{w.Item, c.name(inv.ItemName)})
	}
	list = append(list, detail{c.Client, c.name(inv.ClientName)})
	if inv.DueOn != "" {
		list = append(list, detail{c.Due, c.longDate(inv.dueOn())})
	}
	return list
}

func (c *catalog) footer(inv Invitation) string {
	s := fill(c.Footer, "{firm}", c.name(inv.Firm.Name))
	if inv.Firm.ReplyTo != "" {
		s += " " + c.FooterReply
	}
	return s
}
