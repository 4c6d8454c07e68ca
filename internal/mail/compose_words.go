package mail

import (
	"fmt"
	"time"
)

// words is one design in one language. %s in lead is who sent it; %s in
// subject is the firm's name. A translation is another set of these.
type words struct {
	subject     string
	lead        string
	item        string // what the item is called, "" for a design without one
	instruction string
	button      string
}

// wordsFor returns the English words of a design, and whether there is such a design.
func wordsFor(d Design) (words, bool) {
	switch d {
	case DesignClientRecord:
		return words{
			subject:     "%s invited you to your client portal",
			lead:        "%s invited you to the client portal.",
			instruction: "In the portal you can exchange documents, sign, and answer questions, privately and in one place.",
			button:      "Open the client portal",
		}, true
	case DesignBulk:
		return words{
			subject:     "Your client portal at %s is ready",
			lead:        "%s set up your client portal, and you are invited to use it.",
			instruction: "In the portal you can exchange documents, sign, and answer questions, privately and in one place.",
			button:      "Open the client portal",
		}, true
	case DesignFile:
		return words{
			subject:     "%s shared a file with you",
			lead:        "%s shared a file with you.",
			item:        "File",
			instruction: "It is waiting for you in the client portal.",
			button:      "View the file",
		}, true
	case DesignEsign:
		return words{
			subject:     "%s asks for your signature",
			lead:        "%s asks you to sign a document.",
			item:        "Document",
			instruction: "You can read and sign it in the client portal; there is nothing to print.",
			button:      "Review and sign",
		}, true
	case DesignRequest:
		return words{
			subject:     "%s sent you a request",
			lead:        "%s needs something from you.",
			item:        "Request",
			instruction: "You can answer it, and add files, in the client portal.",
			button:      "Open the request",
		}, true
	case DesignSurvey:
		return words{
			subject:     "%s sent you a survey",
			lead:        "%s asks you to fill in a survey.",
			item:        "Survey",
			instruction: "You can answer it in the client portal.",
			button:      "Start the survey",
		}, true
	default:
		return words{}, false
	}
}

// A subject shows about 60 characters on a desktop and 40 on a phone. Names
// are cut so that neither a long firm nor a long file name hides the other.
const (
	maxSubjectFirm = 40
	maxSubjectItem = 60
)

// write puts an invitation into words. The invitation is valid and clean.
func write(inv Invitation) letter {
	w, _ := wordsFor(inv.Design)
	return letter{
		subject:     subject(inv, w),
		greeting:    greeting(inv.RecipientName),
		lead:        lead(inv, w),
		message:     inv.paragraphs(),
		details:     details(inv, w),
		instruction: w.instruction,
		button:      w.button,
		expiry:      fmt.Sprintf("This personal link expires on %s.", longDate(inv.ExpiresAt)),
		signature:   firstOf(inv.RequestedBy, inv.Firm.Name),
		trouble:     "If the button does not work, copy this address into your browser:",
		footer:      footer(inv),
		link:        inv.Link,
		brand:       brandOf(inv.Firm),
	}
}

func subject(inv Invitation, w words) string {
	s := fmt.Sprintf(w.subject, shorten(inv.Firm.Name, maxSubjectFirm))
	if w.item != "" {
		s += ": " + shorten(inv.ItemName, maxSubjectItem)
	}
	if inv.Reminder {
		s = "Reminder: " + s
	}
	return s
}

func greeting(name string) string {
	if name == "" {
		return "Hello,"
	}
	return "Hello " + name + ","
}

func lead(inv Invitation, w words) string {
	s := fmt.Sprintf(w.lead, sender(inv))
	if inv.Reminder {
		s = "This is a reminder. " + s
	}
	return s
}

// sender is the person and the firm, or the firm alone.
func sender(inv Invitation) string {
	if inv.RequestedBy == "" || inv.RequestedBy == inv.Firm.Name {
		return inv.Firm.Name
	}
	return inv.RequestedBy + " at " + inv.Firm.Name
}

// details always names the client: one person may open several portals.
func details(inv Invitation, w words) []detail {
	var list []detail
	if w.item != "" {
		list = append(list, detail{w.item, inv.ItemName})
	}
	list = append(list, detail{"Client", inv.ClientName})
	if inv.DueOn != "" {
		list = append(list, detail{"Due", dueDate(inv.DueOn)})
	}
	return list
}

func footer(inv Invitation) string {
	s := fmt.Sprintf("You received this email because %s invited you to its client portal. If you did not expect it, you can ignore it.", inv.Firm.Name)
	if inv.Firm.ReplyTo != "" {
		s += " Questions? Just reply to this email."
	}
	return s
}

// longDate is unambiguous on both sides of the Atlantic. It is in UTC: the
// reader's time zone is not known, and the day is what counts.
func longDate(t time.Time) string { return t.UTC().Format("January 2, 2006") }

// dueDate is called with a date that Validate has parsed.
func dueDate(day string) string {
	t, _ := time.Parse(time.DateOnly, day)
	return longDate(t)
}
