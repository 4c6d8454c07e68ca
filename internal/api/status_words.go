package api

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/wording"
)

// words describe a status as a person in the office would: how things are, and what to do about it. A catalog has the
// phrases.
type words struct {
	label     string   // a few words, as a list of people shows them
	sentences []string // what there is to know
	remedies  []string // what to do about it

	catalog     *wording.Catalog
	status      Status
	now         time.Time
	firm        *rules.Firm   // only its time zone
	names       wording.Names // of the person and the client
	lostLast    bool          // the newest attempt was of unknown result; if the invite is sent, that was found out later
	saidChanged bool          // that the email has changed, with the remedy
	endedBy     time.Time     // when the address of an access that has ended declined
	nobody      bool          // the status is about the client itself, which had nobody to invite
	noMailbox   bool          // the newest mail was refused, or came back, because the address gets no mail
}

func wordsOf(s Status, stored store.Status, now time.Time, catalog *wording.Catalog) words {
	firm := &rules.Firm{Zone: rules.Location(stored.TimeZone)}
	w := words{catalog: catalog, status: s, now: now, firm: firm, endedBy: stored.EndedBy,
		names: namesOf(s, stored)}
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
	w.sayDeclined(stored)
	w.sayChangedEmail(stored)
	w.sayLastInvite()
	if len(w.remedies) == 0 {
		w.remedyOfState()
	}
	return w
}

func namesOf(s Status, stored store.Status) wording.Names {
	names := wording.Names{
		Person: cmp.Or(s.Person.Name, s.Person.EmailMasked), ContactID: s.Person.ContactID,
		Client: rules.NameOnly(s.ClientName), ClientID: s.ClientID, Email: stored.Email.Masked(),
	}
	if s.Access != nil {
		names.Login = s.Access.LoginMasked
	}
	return names
}

func (w *words) sentence() string { return strings.Join(w.sentences, " ") }

// say adds a sentence about the person and the client.
func (w *words) say(phrase string) { w.sayNamed(phrase, w.names) }

// sayOn adds a sentence that names a day, by the firm's clock.
func (w *words) sayOn(phrase string, t time.Time) { w.sayNamed(phrase, w.on(t)) }

// sayWhy adds a sentence that gives a reason or a failure.
func (w *words) sayWhy(phrase, why string) {
	names := w.names
	names.Why = why
	w.sayNamed(phrase, names)
}

func (w *words) sayNamed(phrase string, names wording.Names) {
	w.sentences = append(w.sentences, w.catalog.Sentence(phrase, &names))
}

func (w *words) remedy(phrase string) { w.remedyNamed(phrase, w.names) }

func (w *words) remedyNamed(phrase string, names wording.Names) {
	w.remedies = append(w.remedies, w.catalog.Remedy(phrase, &names))
}

// on are the names with a day.
func (w *words) on(t time.Time) wording.Names {
	names := w.names
	names.Day = w.firm.In(t)
	return names
}

func (w *words) labelled(phrase string, t time.Time) {
	names := w.on(t)
	w.label = w.catalog.Label(phrase, &names)
}

func (w *words) sayState() {
	access := w.status.Access
	switch w.status.State {
	case NoInviteSent:
		w.sayNothingSent()
	case Queued:
		w.labelled("waits", access.InvitedAt)
		w.sayOn("waits", access.InvitedAt)
	case Invited:
		w.labelled("invited", access.InvitedAt)
		w.sayInvited(*access)
	case Active:
		w.labelled("active", access.LastLogin)
		w.sayOn("active", access.LastLogin)
		if access.RemindedAt.After(access.LastLogin) {
			w.sayOn("new_link", access.RemindedAt)
		}
	case Expired:
		w.labelled("expired", access.ExpiresAt)
		w.sayOn("expired", access.ExpiresAt)
	case StateDeclined:
		w.labelled("declined", w.endedBy) // the sentence follows
	case Removed:
		w.labelled("removed", access.RemovedAt)
		w.sayRemoved(*access)
	}
}

func (w *words) sayNothingSent() {
	switch {
	case w.cameBack():
		w.labelled("came_back", time.Time{})
		w.say("came_back")
	case w.nobody:
		w.labelled("none", time.Time{})
		w.say("nobody")
	default:
		w.labelled("none", time.Time{})
		w.say("none")
	}
}

func (w *words) sayInvited(access Access) {
	names := w.on(access.InvitedAt)
	names.End, names.Now = w.firm.In(access.ExpiresAt), w.now
	names.Count, names.Reminded = access.Reminders, w.firm.In(access.RemindedAt)
	if access.Reminders == 0 {
		w.sayNamed("invited", names)
	} else {
		w.sayNamed("reminded", names)
	}
	if access.LoginMasked != "" {
		w.sayNamed("went_to", names)
	} else {
		w.sayNamed("valid_until", names)
	}
}

func (w *words) sayRemoved(access Access) {
	switch access.RemovedWhy {
	case rules.ByEmailChange:
		w.sayOn("ended_by_email", access.RemovedAt)
	case rules.ByLeaving:
		w.sayOn("ended_by_leaving", access.RemovedAt)
	default:
		w.sayOn("removed", access.RemovedAt)
	}
}

// saySuspended says why access that is in force opens nothing.
func (w *words) saySuspended() {
	if w.status.Access == nil || w.status.State == Expired {
		return
	}
	switch w.status.Access.Suspended {
	case rules.ClientArchived:
		w.say("archived")
		w.remedy("archived")
	case rules.NotOnClient:
		w.say("left")
		w.remedy("left")
	}
}

// sayDeclined says that the person's email has declined.
func (w *words) sayDeclined(stored store.Status) {
	d := w.status.Declined
	if d == nil {
		if !w.endedBy.IsZero() { // the contact has had another email since, which has not declined
			names := w.on(w.endedBy)
			names.Email = w.names.Login
			w.sayNamed("declined", names)
		}
		return
	}
	names := w.on(d.At)
	names.Email = rules.Email{Normal: stored.DeclinedBy}.Masked()
	if d.BulkOnly {
		w.sayNamed("declined_bulk", names)
		return
	}
	w.sayNamed("declined", names)
	w.remedyNamed("declined", names)
}

// cameBack says whether the mail of the last invite came back after a mail server had taken it.
func (w *words) cameBack() bool {
	last := w.status.LastInvite
	return last != nil && last.State == string(store.Failed) && last.Failure != nil &&
		last.Failure.Stage == string(mail.StepAfter)
}

// remedyOfState is what the office would do next, if nothing else must be corrected first.
func (w *words) remedyOfState() {
	switch w.status.State {
	case Expired, StateDeclined:
		w.remedy("invite")
	case Removed:
		w.remedyOfRemoved()
	case NoInviteSent, Queued, Invited, Active:
	}
}

func (w *words) remedyOfRemoved() {
	switch w.status.Access.RemovedWhy {
	case rules.ByEmailChange:
		w.remedy("invite_at_new_email")
	case rules.ByLeaving:
		w.remedy("add_and_invite")
	default:
		w.remedy("invite_if")
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
		w.say("email_changed")
	case Active:
		w.say("login_stays")
	case NoInviteSent, Queued, Expired, StateDeclined, Removed:
		return // the next mail goes to the new email
	}
	w.remedy("email_changed")
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
		w.sayOn("complained", last.ComplainedAt)
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
		w.sayOn("delivered", last.DeliveredAt)
	case !last.DelayedAt.IsZero():
		w.sayOn("delayed", last.DelayedAt)
	}
}

func (w *words) sayWaiting(last *LastInvite) {
	switch w.status.State {
	case Queued: // sayState has said it
	case Invited:
		w.say("reminder_waits")
	case Active:
		w.say("link_waits")
	case NoInviteSent, Expired, StateDeclined, Removed:
		return // the rules will skip it before it leaves
	}
	switch {
	case last.Postponed == rules.SenderUnknown:
		w.say("sender_unknown")
		w.remedy("sender_unknown")
	case last.Postponed == rules.FirmPaused:
		w.say("firm_paused")
		w.remedy("firm_paused")
	case last.Postponed == rules.RunPaused && last.PausedRun != nil:
		names := w.on(last.PausedRun.At)
		names.Who = last.PausedRun.By
		w.sayNamed("run_paused", names)
		w.remedy("run_paused")
	case last.Postponed == rules.OutsideHours:
		names := w.names
		names.End, names.Now = w.firm.In(last.PostponedUntil), w.now
		w.sayNamed("send_hours", names)
	case last.Failure == nil || last.UnknownAttempts > 0:
	case last.Failure.SMTPCode == 0:
		w.say("deferred")
	default:
		names := w.names
		names.Code = strconv.Itoa(last.Failure.SMTPCode)
		w.sayNamed("deferred_with_code", names)
	}
}

// sayUnknown says that a mail may or may not have arrived. Once the person has logged in, that no longer matters.
func (w *words) sayUnknown(last *LastInvite) {
	switch state := store.State(last.State); {
	case last.UnknownAttempts == 0 || last.Kind == rules.Invite && w.status.State == Active:
	case last.Held:
		w.say("held")
		w.remedy("held")
	case state == store.Queued || state == store.Sending:
		w.say("sent_once_more")
	case state == store.Sent && last.UnknownAttempts == 1 && w.lostLast:
		w.say("unknown_at_first")
	case state == store.Sent:
		w.say("may_be_there_twice")
	case state == store.Failed:
		w.say("may_be_there")
	}
}

// day is the day of a time in UTC.
func day(t time.Time) string { return wording.English().Day(t.UTC()) }
