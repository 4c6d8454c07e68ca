package api

import (
	"fmt"
	"time"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// sentence says a status as somebody in the office would.
func sentence(s Status) string {
	who, where := personName(s), portalName(s)
	text := ""
	switch s.State {
	case NoInviteSent:
		text = fmt.Sprintf("No invite has been sent to %s for %s.", who, where)
	case Queued:
		text = fmt.Sprintf("An invite of %s to %s is on its way since %s and has not left yet.", who, where, day(s.Access.InvitedAt))
	case Invited:
		text = invitedWords(s, who, where)
	case Active:
		text = fmt.Sprintf("%s uses %s; last login on %s.", who, where, day(s.Access.LastLogin))
	case Expired:
		text = fmt.Sprintf("The invite of %s to %s expired on %s, and they can be invited again.", who, where, day(s.Access.ExpiresAt))
	case Removed:
		text = fmt.Sprintf("The access of %s to %s was removed on %s, and they can be invited again.", who, where, day(s.Access.RemovedAt))
	}
	return text + lastWords(s)
}

func invitedWords(s Status, who, where string) string {
	text := fmt.Sprintf("%s was invited to %s on %s", who, where, day(s.Access.InvitedAt))
	if s.Access.MailedAt.After(s.Access.InvitedAt) {
		text += fmt.Sprintf(", and again on %s,", day(s.Access.MailedAt))
	}
	return text + fmt.Sprintf(" and has not logged in yet; the invite is valid until %s.", day(s.Access.ExpiresAt))
}

// lastWords tell of the newest invite where it is news: why nothing was sent, or that something is still on its way.
func lastWords(s Status) string {
	last := s.LastInvite
	if last == nil {
		return ""
	}
	switch store.State(last.State) {
	case store.Skipped:
		if s.State != NoInviteSent && last.Reason.Settled() && last.Reason != rules.ResendTooSoon {
			return "" // the state says as much
		}
		if len(last.Reasons) > 0 {
			return " The last request was skipped: " + last.Reasons[0].Explanation + " " + last.Reasons[0].Remedy
		}
	case store.Failed:
		return fmt.Sprintf(" The mail of %s could not be delivered%s.", day(last.DecidedAt), replyOf(last.Failure))
	case store.Queued, store.Sending:
		return waitingWords(last)
	case store.Sent:
	}
	return ""
}

func waitingWords(i *LastInvite) string {
	held := !i.NextAttempt.Before(rules.Forever)
	switch {
	case i.Attempts > 0 && held:
		return " Whether the mail server took the mail is not known; it is held back until somebody decides."
	case i.Attempts > 0 && i.Failure != nil:
		return fmt.Sprintf(" The mail server has not taken the mail yet%s; it is tried again.", replyOf(i.Failure))
	case i.Kind == rules.Resend:
		return " A reminder is on its way."
	default:
		return ""
	}
}

func replyOf(f *Failure) string {
	if f == nil || f.SMTPCode == 0 {
		return ""
	}
	return fmt.Sprintf(" (the mail server said %d)", f.SMTPCode)
}

func personName(s Status) string {
	switch p := s.Person; {
	case p.Name != "":
		return p.Name
	case p.EmailMasked != "":
		return p.EmailMasked
	case p.ContactID != "":
		return "contact " + p.ContactID
	default:
		return "somebody without a valid email"
	}
}

func portalName(s Status) string {
	if s.ClientName == "" {
		return "the portal of client " + s.ClientID
	}
	return "the portal of " + s.ClientName
}

func day(t time.Time) string { return t.UTC().Format("January 2, 2006") }
