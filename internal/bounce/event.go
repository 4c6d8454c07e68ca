package bounce

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
)

// Source is the ce-source of every event of this package. It is the same on all machines, so that the same report is
// the same event.
const Source = "publisher/bounce"

// namespace keeps these ids apart from other version 5 UUIDs (RFC 9562, section 5.5).
var namespace = uuid.MustParse("0c3f5a57-7b0e-5f6d-9a53-5e1f2ad6c1b8")

// Cause returns the cause in the finding's EmailSuppressed: bounce or complaint.
func (f Finding) Cause() string {
	if f.Reason == Complained {
		return "complaint"
	}
	return "bounce"
}

// Published says whether an event follows from the finding.
func (f Finding) Published() bool { return f.Reported() || f.Reason.Suppresses() }

// EventID returns the id of the finding's event. It is the same for the same mail, address and code, so a report that
// is read twice is one event. It is a hash, so it does not reveal the address.
func (f Finding) EventID() string {
	what := f.Cause()
	if f.Reported() {
		what = string(f.kind)
	}
	name := f.Firm + "\x00" + f.Mail + "\x00" + f.Email.Normal + "\x00" + f.Status + "\x00" + what
	return uuid.NewSHA1(namespace, []byte(name)).String()
}

// Event returns the finding's event: MailReported if the mail is known, and otherwise EmailSuppressed (ADR 112). It
// returns an error if none follows.
func (f Finding) Event(now time.Time) (events.Outgoing, error) {
	if f.Reported() {
		return f.report(now)
	}
	if !f.Reason.Suppresses() {
		return events.Outgoing{}, errors.New("no event follows from this finding: " + string(f.Reason))
	}
	subject, err := events.Subject(f.Firm, events.EmailSuppressed)
	if err != nil {
		return events.Outgoing{}, err
	}
	return events.Outgoing{
		Subject: subject, Type: events.EmailSuppressed, Source: Source, ID: f.EventID(), Time: now,
		Data: events.Suppression{Email: f.Email.Normal, Cause: f.Cause()},
	}, nil
}

func (f Finding) report(now time.Time) (events.Outgoing, error) {
	subject, err := events.Subject(f.Firm, events.MailReported)
	if err != nil {
		return events.Outgoing{}, err
	}
	at := f.at
	if at.IsZero() || at.After(now) {
		at = now
	}
	return events.Outgoing{
		Subject: subject, Type: events.MailReported, Source: Source, ID: f.EventID(), Time: now,
		Data: events.MailReport{
			Kind: f.kind, MessageID: f.OurMail(), Email: f.Email.Normal,
			Code: codeOf(f.reply), Said: mail.Speakable(f.reply.Words), At: at.UTC(), Reporter: "publisher bounce",
		},
	}, nil
}

// codeOf writes the codes of a reply as MailReported has them.
func codeOf(r mail.Reply) string {
	code := ""
	if r.Code != 0 {
		code = strconv.Itoa(r.Code)
	}
	return strings.TrimSpace(code + " " + r.Enhanced)
}
