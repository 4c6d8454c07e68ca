package rules

import (
	"slices"
	"strings"
	"time"

	"portal-invites/internal/wording"
)

// Limits are how many mails may leave (ADR 152). 0 is no limit. A day is 24 hours, and an hour is 60 minutes: each mail
// counts for that long from its attempt on.
type Limits struct {
	// To one mailbox: mails to people who are no contacts, resends and reminders.
	RecipientDay  int `json:"recipient_day,omitempty"`
	RecipientHour int `json:"recipient_hour,omitempty"`
	// To one mailbox: invites of contacts. One bookkeeper may be Primary on 40 clients.
	ContactDay int `json:"contact_day,omitempty"`
	// ContactShare is how many mails a firm may send to a contact of its own in a day, whatever other firms have sent.
	ContactShare int `json:"contact_share,omitempty"`
	// AddedPeopleDay is how many people who are no contacts one firm may invite in a day.
	AddedPeopleDay int `json:"added_people_day,omitempty"`
	// MailsHour is how many mails of one firm may leave in an hour. It only postpones (ADR 153).
	MailsHour int `json:"mails_hour,omitempty"`
}

const (
	dayLong  = 24 * time.Hour
	hourLong = time.Hour
)

// LimitDay is for how long a mail counts.
const LimitDay = dayLong

// limits are the limits of a question's firm.
func (q *question) limits() Limits {
	return q.policy.LimitsOf(q.firm)
}

// LimitsOf are the limits of a firm: the operator's, and the firm's own where they are lower.
func (p Policy) LimitsOf(f *Firm) Limits {
	if f == nil {
		return p.Limits
	}
	return p.Limits.narrowedBy(f.Limits)
}

// narrowedBy are limits with those of a firm that are lower.
func (l Limits) narrowedBy(own Limits) Limits {
	for _, n := range []struct {
		most *int
		own  int
	}{
		{&l.RecipientDay, own.RecipientDay}, {&l.RecipientHour, own.RecipientHour}, {&l.ContactDay, own.ContactDay},
		{&l.AddedPeopleDay, own.AddedPeopleDay}, {&l.MailsHour, own.MailsHour},
	} {
		if n.own > 0 && (*n.most == 0 || n.own < *n.most) {
			*n.most = n.own
		}
	}
	return l
}

// NamedLimit is a limit that a firm may set for itself, with the name of its field in FirmUpserted; 0 for none.
type NamedLimit struct {
	Field string
	Most  int
}

// Own are the limits that a firm may set for itself.
func (l Limits) Own() []NamedLimit {
	return []NamedLimit{
		{"recipient_mails_a_day", l.RecipientDay},
		{"recipient_mails_an_hour", l.RecipientHour},
		{"contact_invites_a_day", l.ContactDay},
		{"added_people_a_day", l.AddedPeopleDay},
		{"mails_an_hour", l.MailsHour},
	}
}

// TooHigh are the names of a firm's own limits that are higher than the operator's, which hold.
func (l Limits) TooHigh(own Limits) (fields []string) {
	operators := l.Own()
	for i, firms := range own.Own() {
		if most := operators[i].Most; most > 0 && firms.Most > most {
			fields = append(fields, firms.Field)
		}
	}
	return fields
}

// Mailbox is what an email means to a limit: without a tag after a plus sign, and at Gmail without dots. So the limit
// counts ann+1@ and ann+2@ as one. Nothing else does: two addresses are two logins.
func (e Email) Mailbox() string {
	local, domain, _ := strings.Cut(e.Normal, "@")
	if at := strings.IndexByte(local, '+'); at > 0 {
		local = local[:at]
	}
	if domain == "gmail.com" || domain == "googlemail.com" {
		local, domain = strings.ReplaceAll(local, ".", ""), "gmail.com"
	}
	return local + "@" + domain
}

// Counted is one mail that counts against its mailbox. It counts twice: against the firm, and against all firms.
type Counted struct {
	FirmID  string `json:"f"`
	Mail    string `json:"m"` // see [Ask.Mail]
	Contact bool   `json:"c,omitempty"`
	Resend  bool   `json:"r,omitempty"`
	// At is when its attempt would have gone on record in a world without other firms. It counts against the firm from
	// then on, so the firm's reasons say nothing about others.
	At time.Time `json:"a"`
	// Left is when its attempt went on record. It is zero while the mail waits because of what other firms have sent.
	Left time.Time `json:"l,omitzero"`
}

// Until is when a mail does not count any more.
func (c Counted) Until() time.Time {
	if c.Left.After(c.At) {
		return c.Left.Add(dayLong)
	}
	return c.At.Add(dayLong)
}

// guarded says whether a mail counts against the narrow limits. Nobody at the firm knows the person, or they have been
// mailed before.
func (c Counted) guarded() bool { return !c.Contact || c.Resend }

// Mailbox has the mails that count against one mailbox, of all firms.
type Mailbox struct{ Mails []Counted }

// has says whether a mail was counted, and does not count anew.
func (m *Mailbox) find(mail string, now time.Time) *Counted {
	if m == nil || mail == "" {
		return nil
	}
	for i, c := range m.Mails {
		if c.Mail == mail && now.Before(c.Until()) {
			return &m.Mails[i]
		}
	}
	return nil
}

// freeAt is when fewer than most of the mails that match count within a window; zero if that is so now, or if most is
// 0.
func (m *Mailbox) freeAt(
	most int, window time.Duration, now time.Time, match func(Counted) bool, when func(Counted) time.Time,
) time.Time {
	if m == nil || most <= 0 {
		return time.Time{}
	}
	var counts []time.Time
	for _, c := range m.Mails {
		if at := when(c); !at.IsZero() && match(c) && now.Before(at.Add(window)) {
			counts = append(counts, at)
		}
	}
	if len(counts) < most {
		return time.Time{}
	}
	slices.SortFunc(counts, func(a, b time.Time) int { return b.Compare(a) })
	return counts[most-1].Add(window)
}

// freeFor is the latest freeAt of the limits that a mail counts against.
func (m *Mailbox) freeFor(
	mail Counted, l Limits, now time.Time, match func(Counted) bool, when func(Counted) time.Time,
) time.Time {
	same := func(c Counted) bool { return c.guarded() == mail.guarded() && match(c) }
	if !mail.guarded() {
		return m.freeAt(l.ContactDay, dayLong, now, same, when)
	}
	day := m.freeAt(l.RecipientDay, dayLong, now, same, when)
	if hour := m.freeAt(l.RecipientHour, hourLong, now, same, when); hour.After(day) {
		return hour
	}
	return day
}

// mailOf is a mail as it would count.
func mailOf(ask Ask, person Person) Counted {
	return Counted{FirmID: ask.FirmID, Mail: ask.Mail, Contact: !person.Added(), Resend: ask.Kind == Resend}
}

// recipientLimit is for what the firm itself has mailed. What others have mailed only postpones ([Book.WaitsUntil]), so
// that no reason tells a firm about others.
func recipientLimit(q *question) *Reason {
	if q.ask.DuplicateOf != "" || q.mailbox.find(q.ask.Mail, q.now) != nil {
		return nil
	}
	mail := mailOf(q.ask, q.person)
	own := func(c Counted) bool { return c.FirmID == mail.FirmID }
	retryAt := q.mailbox.freeFor(mail, q.limits(), q.now, own, func(c Counted) time.Time { return c.At })
	if retryAt.IsZero() {
		return nil
	}
	names := q.withEmail()
	q.nameTime(&names, retryAt)
	reason := because(wording.Plain, names)
	reason.RetryAt = retryAt
	return reason
}

// HasLeft says whether a mail was counted when it left before. Then this is a retry, which counts against nothing.
func (b *Book) HasLeft(ask Ask, d Decision, now time.Time) bool {
	before := b.Mailboxes[d.Email.Mailbox()].find(ask.Mail, now)
	return before != nil && !before.Left.IsZero()
}

// WaitsUntil is until when a mail that the rules allow waits for what all firms have sent to its mailbox; zero if it
// may leave. A firm's own share for its contacts waits for nobody, and neither does a mail that has left before.
func (b *Book) WaitsUntil(ask Ask, d Decision, now time.Time, policy Policy) time.Time {
	m := b.Mailboxes[d.Email.Mailbox()]
	mail := mailOf(ask, d.Person)
	if b.HasLeft(ask, d, now) {
		return time.Time{}
	}
	left := func(c Counted) time.Time { return c.Left }
	if mail.Contact && policy.Limits.ContactShare > 0 {
		own := func(c Counted) bool { return c.FirmID == mail.FirmID && c.Contact }
		if m.freeAt(policy.Limits.ContactShare, dayLong, now, own, left).IsZero() {
			return time.Time{}
		}
	}
	return m.freeFor(mail, policy.Limits, now, func(Counted) bool { return true }, left)
}

// Count enters a mail that leaves now, or would leave now without other firms, into the book. leaves is false if it
// waits for what others have sent. It returns false if nothing changes, because the mail was counted before.
func (b *Book) Count(ask Ask, d Decision, now time.Time, leaves bool) (changed bool) {
	m := b.Mailboxes[d.Email.Mailbox()]
	if before := m.find(ask.Mail, now); before != nil {
		if before.Left.IsZero() && leaves {
			before.Left = now
			return true
		}
		return false
	}
	if m == nil {
		m = &Mailbox{}
		b.Mailboxes[d.Email.Mailbox()] = m
	}
	mail := mailOf(ask, d.Person)
	mail.At = now
	if leaves {
		mail.Left = now
	}
	if !mail.Contact && !mail.Resend {
		if b.Added[ask.FirmID] == nil {
			b.Added[ask.FirmID] = &Tally{}
		}
		b.Added[ask.FirmID].Add(1, now, dayLong)
	}
	m.Mails = append(slices.DeleteFunc(m.Mails, func(c Counted) bool { return !now.Before(c.Until()) }), mail)
	return true
}

// TakeBack takes back a mail that was counted, because no server has taken it. It returns false if it does not count.
func (b *Book) TakeBack(mailbox, mail string) bool {
	m := b.Mailboxes[mailbox]
	if m == nil {
		return false
	}
	at := slices.IndexFunc(m.Mails, func(c Counted) bool { return c.Mail == mail })
	if at < 0 {
		return false
	}
	c := m.Mails[at]
	m.Mails = slices.Delete(m.Mails, at, at+1)
	if added := b.Added[c.FirmID]; added != nil && !c.Contact && !c.Resend {
		added.TakeBack(c.At)
	}
	return true
}

// EmailOf is where the mail of a question would go.
func (b *Book) EmailOf(ask Ask, now time.Time) Email {
	if _, contact := b.Resolve(ask, now); contact != nil {
		return contact.Email
	}
	return ask.Recipient.Email
}
