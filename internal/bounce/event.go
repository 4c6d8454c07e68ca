package bounce

import (
	"errors"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
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

// EventID returns the id of the finding's event. It is the same for the same mail, address and code, so a report that
// is read twice is one event. It is a hash, so it does not reveal the address.
func (f Finding) EventID() string {
	name := f.Firm + "\x00" + f.Mail + "\x00" + f.Email.Normal + "\x00" + f.Status + "\x00" + f.Cause()
	return uuid.NewSHA1(namespace, []byte(name)).String()
}

// Event returns the EmailSuppressed for a finding. It returns an error if the finding's reason does not suppress.
func (f Finding) Event(now time.Time) (events.Outgoing, error) {
	if !f.Reason.Suppresses() {
		return events.Outgoing{}, errors.New("this finding suppresses nothing: " + string(f.Reason))
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
