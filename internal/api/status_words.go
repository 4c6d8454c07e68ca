package api

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/wording"
)

// words describe a status as a person in the office would: how things are, and what to do about it.
type words struct {
	label     string   // a few words, as a list of people shows them
	sentences []string // what there is to know
	remedies  []string // what to do about it

	status      Status
	now         time.Time
	firm        *rules.Firm // only its time zone
	who, where  string
	lostLast    bool // the newest attempt was of unknown result; if the invite is sent, the result was found out later
	saidChanged bool // that the email has changed, with the remedy
	nobody      bool // the status is about the client itself, which had nobody to invite
	noMailbox   bool // the newest mail was refused, or came back, because the address gets no mail
}

func wordsOf(s Status, stored store.Status, now time.Time) words {
	firm := &rules.Firm{Zone: rules.Location(stored.TimeZone)}
	w := words{status: s, now: now, firm: firm, who: personName(s), where: portalName(s)}
	if i := stored.Invite; i != nil {
		w.nobody = stored.Person == "" && i.ContactID == "" && i.Email.Written == ""
	}
	if n := len(stored.Attempts); n > 0 {
		a := stored.Attempts[n-1]
		w.lostLast = a.Verdict == string(mail.Unknown)
		w.noMailbox = mail.NoMailbox(mail.Verdict(a.Verdict), a.SMTPCode, a.Enhanced, a.Said)
	}
	for _, r := range stored.Reports {
		if r.Failed {
			a := ledger.Returned(r)
			w.noMailbox = mail.NoMailbox(mail.Verdict(a.Verdict), cmp.Or(a.SMTPCode, 550), a.Enhanced, a.Said)
		}
	}
	w.sayState()
	w.saySuspended()
	w.sayChangedEmail(stored)
	w.sayLastInvite()
	if len(w.remedies) == 0 {
		w.remedyOfState()
	}
	return w
}

func (w *words) sentence() string { return strings.Join(w.sentences, " ") }

func (w *words) say(format string, args ...any) {
	w.sentences = append(w.sentences, fmt.Sprintf(format, args...))
}

func (w *words) remedy(format string, args ...any) {
	w.remedies = append(w.remedies, fmt.Sprintf(format, args...))
}

func (w *words) sayState() {
	access := w.status.Access
	switch w.status.State {
	case NoInviteSent:
		if w.cameBack() {
			w.label = "invite came back"
			w.say("The invite of %s to %s came back.", w.who, w.where)
			return
		}
		w.label = "no invite sent"
		if w.nobody {
			w.say("Nobody has been invited to %s.", w.where)
			return
		}
		w.say("No invite has been sent to %s for %s.", w.who, w.where)
	case Queued:
		w.label = "invite waiting to be sent"
		w.say("An invite for %s to %s was asked for on %s and is waiting to be sent.",
			w.who, w.where, w.day(access.InvitedAt))
	case Invited:
		w.label = "invited on " + w.day(access.InvitedAt)
		w.say("%s was invited to %s on %s%s and has not logged in yet.",
			w.who, w.where, w.day(access.InvitedAt), w.reminded(*access))
		w.sayWhereTheInviteWent()
	case Active:
		w.label = "last login on " + w.day(access.LastLogin)
		w.say("%s has access to %s and last logged in on %s.", w.who, w.where, w.day(access.LastLogin))
		if access.RemindedAt.After(access.LastLogin) {
			w.say("They were sent a new link on %s.", w.day(access.RemindedAt))
		}
	case Expired:
		w.label = "invite expired on " + w.day(access.ExpiresAt)
		w.say("The invite of %s to %s expired on %s; they had not logged in.", w.who, w.where, w.day(access.ExpiresAt))
	case Removed:
		w.label = "access removed on " + w.day(access.RemovedAt)
		w.sayRemoved(*access)
	}
}

func (w *words) sayRemoved(access Access) {
	switch access.RemovedWhy {
	case rules.ByEmailChange:
		w.say("The invite of %s to %s ended on %s, because their email was changed before they had logged in.",
			w.who, w.where, w.day(access.RemovedAt))
	case rules.ByLeaving:
		w.say("The invite of %s to %s ended on %s, because they were taken off the client's contacts.",
			w.who, w.where, w.day(access.RemovedAt))
	default:
		w.say("The access of %s to %s was removed on %s.", w.who, w.where, w.day(access.RemovedAt))
	}
}

// saySuspended says why access that is in force opens nothing.
func (w *words) saySuspended() {
	if w.status.Access == nil || w.status.State == Expired {
		return
	}
	client := clientName(w.status)
	switch w.status.Access.Suspended {
	case rules.ClientArchived:
		w.say("%s is archived, so the portal does not open for now.", client)
		w.remedy("Make %s active again, or remove the portal access of %s.", client, w.who)
	case rules.NotOnClient:
		w.say("They are no longer a contact of %s, so the portal does not open for them.", client)
		w.remedy("Remove the portal access of %s, or add them to the contacts of %s again.", w.who, client)
	}
}

// cameBack says whether the mail of the last invite came back after a mail server had taken it.
func (w *words) cameBack() bool {
	last := w.status.LastInvite
	return last != nil && last.State == string(store.Failed) && last.Failure != nil &&
		last.Failure.Stage == string(mail.StepAfter)
}

func (w *words) reminded(a Access) string {
	switch a.Reminders {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(", was reminded on %s", w.day(a.RemindedAt))
	default:
		return fmt.Sprintf(", was reminded %d times, last on %s,", a.Reminders, w.day(a.RemindedAt))
	}
}

func (w *words) sayWhereTheInviteWent() {
	if login := w.status.Access.LoginMasked; login != "" {
		w.say("The invite went to %s and is valid until %s.", login, w.end(w.status.Access.ExpiresAt))
		return
	}
	w.say("The invite is valid until %s.", w.end(w.status.Access.ExpiresAt))
}

// remedyOfState is what the office would do next, if nothing else must be corrected first.
func (w *words) remedyOfState() {
	switch w.status.State {
	case Expired:
		w.remedy("Send a new invite.")
	case Removed:
		w.remedyOfRemoved()
	case NoInviteSent, Queued, Invited, Active:
	}
}

func (w *words) remedyOfRemoved() {
	switch w.status.Access.RemovedWhy {
	case rules.ByEmailChange:
		w.remedy("Send a new invite. It goes to the new email.")
	case rules.ByLeaving:
		w.remedy("If they should have access, add them to the contacts of %s again, then invite them.", clientName(w.status))
	default:
		w.remedy("Send a new invite if they should have access again.")
	}
}

// sayChangedEmail says that a contact's email differs from the login. The office has changed the email, and may expect
// that the login has changed with it.
func (w *words) sayChangedEmail(s store.Status) {
	if s.Access == nil || s.Access.Email == "" || s.Email.Normal == "" || s.Access.Email == s.Email.Normal {
		return
	}
	switch w.status.State {
	case Invited:
		w.say("Their email has changed since.")
	case Active:
		w.say("Their email has changed since; they still log in with %s.", w.status.Access.LoginMasked)
	case NoInviteSent, Queued, Expired, Removed:
		return // the next mail goes to the new email
	}
	w.remedy("Remove the portal access of %s, then invite them at %s.", w.who, s.Email.Masked())
	w.saidChanged = true
}

// sayLastInvite describes the newest invite if the state does not: why nothing was sent, or that a mail is still
// waiting.
func (w *words) sayLastInvite() {
	last := w.status.LastInvite
	if last == nil {
		return
	}
	switch store.State(last.State) {
	case store.Skipped:
		w.saySkip(last)
	case store.Failed:
		w.sayFailure(last)
	case store.Queued, store.Sending:
		w.sayWaiting(last)
		w.saySkippedFirst(last)
	case store.Sent:
		w.sayReports(last)
		w.saySkippedFirst(last)
	}
	if !last.ComplainedAt.IsZero() {
		w.say("Its reader reported the mail as spam on %s.", w.day(last.ComplainedAt))
	}
	w.sayUnknown(last)
}

// saidAsSuspended says whether [words.saySuspended] has said what a rule says, too.
func (w *words) saidAsSuspended(code rules.Code) bool {
	if w.status.Access == nil {
		return false
	}
	suspended := w.status.Access.Suspended
	return suspended == rules.ClientArchived && code == rules.ClientInactive ||
		suspended == rules.NotOnClient && code == rules.ContactNotOnClient
}

// sayReports says what became of a mail that was sent. Once the person has logged in, that no longer matters.
func (w *words) sayReports(last *LastInvite) {
	switch {
	case w.status.State == Active:
	case !last.DeliveredAt.IsZero():
		w.say("The mail was delivered on %s.", w.day(last.DeliveredAt))
	case !last.DelayedAt.IsZero():
		w.say("The mail was not in the mailbox on %s; a mail server still tries to deliver it.", w.day(last.DelayedAt))
	}
}

func (w *words) sayWaiting(last *LastInvite) {
	switch w.status.State {
	case Queued: // sayState has said it
	case Invited:
		w.say("A reminder is waiting to be sent.")
	case Active:
		w.say("A new link is waiting to be sent.")
	case NoInviteSent, Expired, Removed:
		return // the rules will skip it before it leaves
	}
	if last.Failure != nil && last.UnknownAttempts == 0 {
		w.say("The mail server has not taken it yet%s; it is tried again by itself.", replyOf(last.Failure))
	}
}

// sayUnknown says that a mail may or may not have arrived. Once the person has logged in, that no longer matters.
func (w *words) sayUnknown(last *LastInvite) {
	const lost = "the connection to the mail server was lost before it answered"
	switch state := store.State(last.State); {
	case last.UnknownAttempts == 0 || last.Kind == rules.Invite && w.status.State == Active:
	case last.Held:
		w.say("The mail may have arrived already: %s. It is held back so that nobody gets it twice.", lost)
		w.remedy("Ask %s whether it has arrived; its link works. If it has not, resend the invite.", w.who)
	case state == store.Queued || state == store.Sending:
		w.say("The mail may have arrived already: %s. It is sent once more, with the same link, so it may arrive twice.",
			lost)
	case state == store.Sent && last.UnknownAttempts == 1 && w.lostLast:
		w.say("At first nobody knew whether the mail had arrived: %s.", lost)
	case state == store.Sent:
		w.say("The mail may have arrived twice, with the same link in both: at first %s.", lost)
	case state == store.Failed:
		w.say("It may have arrived all the same: %s.", lost)
	}
}

func replyOf(f *Failure) string {
	if f == nil || f.SMTPCode == 0 {
		return ""
	}
	return fmt.Sprintf(" (it answered %d)", f.SMTPCode)
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

func portalName(s Status) string { return "the portal of " + clientName(s) }

func clientName(s Status) string {
	if s.ClientName == "" {
		return "client " + s.ClientID
	}
	return rules.NameOnly(s.ClientName)
}

// day is the day of a time, by the firm's clock.
func (w *words) day(t time.Time) string { return wording.English().Day(w.firm.In(t)) }

// end is a time at which something ends, by the firm's clock. If it is near, the hour is said as well.
func (w *words) end(t time.Time) string { return wording.English().DayOrMoment(w.firm.In(t), w.now) }

// day is the day of a time in UTC.
func day(t time.Time) string { return wording.English().Day(t.UTC()) }
