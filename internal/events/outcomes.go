package events

import (
	"strconv"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
)

// OutcomeSource is the ce-source of everything the pipeline publishes.
const OutcomeSource = "portal-invites"

// About is the part that all outcomes of an invite share: who was invited, and by which request. It has no link, no
// token and no full email.
type About struct {
	FirmID    string        `json:"firm_id"`
	InviteID  uuid.UUID     `json:"invite_id"` // zero for an access that did not come from an invite of the pipeline
	Revision  int           `json:"revision"`
	Kind      rules.Kind    `json:"kind"`
	Lane      string        `json:"lane"`
	ClientID  string        `json:"client_id"`
	Recipient OutcomePerson `json:"recipient"`
	Cause     Cause         `json:"cause"`
	RunID     *uuid.UUID    `json:"run_id,omitempty"`
	ReplayID  *uuid.UUID    `json:"replay_id,omitempty"`
	DecidedAt time.Time     `json:"decided_at"`
}

// OutcomePerson is the recipient in an outcome. Both fields are empty if the outcome is about the client itself.
type OutcomePerson struct {
	ContactID   string `json:"contact_id,omitempty"`
	EmailMasked string `json:"email_masked,omitempty"`
}

// Cause is the request that the outcome belongs to.
type Cause struct {
	Source string `json:"source"`
	ID     string `json:"id"`
	Type   Type   `json:"type"`
}

// Warned is the part of a decision's outcome that says which newer facts it was not decided on, because they could not
// be read.
type Warned struct {
	Warnings []rules.Warning `json:"warnings,omitempty"`
}

// Sent is the data of InviteSent: the mail server accepted the mail. Whether it reached the mailbox is not known yet.
type Sent struct {
	About
	MessageID string    `json:"message_id"`
	Attempt   int       `json:"attempt"`
	SentAt    time.Time `json:"sent_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// DespiteDecline says that the request had despite_decline.
	DespiteDecline bool `json:"despite_decline,omitempty"`
	Warned
}

// Skipped is the data of InviteSkipped: the first rule that failed (Reason), and all that failed (Reasons).
type Skipped struct {
	About
	Reason  rules.Code     `json:"reason"`
	Reasons []rules.Reason `json:"reasons"`
	Warned
}

// Failed is the data of InviteFailed: the mail was refused for good, or the last retry failed, or the mail came back
// after a server had taken it.
type Failed struct {
	About
	Stage        string `json:"stage"`
	SMTPCode     int    `json:"smtp_code"`     // 0: no reply
	EnhancedCode string `json:"enhanced_code"` // RFC 3463; "" if the server gave none
	Explanation  string `json:"explanation"`
	Remedy       string `json:"remedy"`
	Warned
}

// Delivered is the data of InviteDelivered: a report says that the mail is in the mailbox.
type Delivered struct {
	About
	MessageID   string    `json:"message_id"`
	DeliveredAt time.Time `json:"delivered_at"`
	Reporter    string    `json:"reporter"`
}

// Accepted is the data of InviteAccepted: the person has logged in for the first time.
type Accepted struct {
	About
	AccessVersion int       `json:"access_version"` // counts the changes of the access; the highest one is valid
	AcceptedAt    time.Time `json:"accepted_at"`    // when the person logged in
}

// Declined is the data of InviteDeclined: whoever read the mail says that it was not meant for them.
type Declined struct {
	About
	AccessVersion int       `json:"access_version,omitempty"` // only with Ended
	Ended         bool      `json:"ended"`                    // a pending invite has ended
	OneClick      bool      `json:"one_click"`                // a mail program said it: only bulk mails and reminders stop
	DeclinedAt    time.Time `json:"declined_at"`
}

// Expired is the data of InviteExpired: nobody used the link in time. The person can be invited again.
type Expired struct {
	About
	AccessVersion int       `json:"access_version"`
	ExpiredAt     time.Time `json:"expired_at"`
}

// Removed is the data of AccessRemoved. Its cause is what removed the access: a request, or a fact.
type Removed struct {
	About
	AccessVersion int               `json:"access_version,omitempty"`
	Was           rules.AccessState `json:"was,omitempty"` // left out if there was no access to remove
	Why           rules.EndedWhy    `json:"why,omitempty"` // of access that ended by itself
	RemovedAt     time.Time         `json:"removed_at"`
}

// RunCounts is the data of RunProgressed, RunCompleted and RunRevised. In each of them Selected = Sent + Skipped +
// Failed + Pending, and in RunCompleted Pending is 0. Selected grows while the run still reads its selection.
type RunCounts struct {
	FirmID   string             `json:"firm_id"`
	RunID    uuid.UUID          `json:"run_id"`
	Kind     string             `json:"kind"` // invite, resend or replay
	Cause    Cause              `json:"cause"`
	Selected int                `json:"selected"`
	Sent     int                `json:"sent"`
	Skipped  int                `json:"skipped"`
	Failed   int                `json:"failed"`
	Pending  int                `json:"pending"`
	TooOld   int                `json:"too_old,omitempty"` // a replay's matches that are older than its max_age
	ByReason map[rules.Code]int `json:"by_reason"`

	Cancelled  bool `json:"cancelled,omitempty"`
	NotReached int  `json:"not_reached,omitempty"` // of a cancelled run: recipients that were not decided
}

// Instructed is the data of RunPaused, RunResumed, RunCancelled and RunScheduled (ADR 158).
type Instructed struct {
	RunCounts
	Instruction *Cause    `json:"instruction,omitempty"` // nil: the pipeline has done it by itself
	RequestedBy string    `json:"requested_by"`
	Reason      string    `json:"reason,omitempty"`
	InFlight    int       `json:"in_flight"` // mails on their way: each ends by the server's word
	StartAt     time.Time `json:"start_at,omitzero"`
}

// ChangedFirm is the data of FirmChanged: the links of a firm's mails lead to another host from now on.
type ChangedFirm struct {
	FirmID    string    `json:"firm_id"`
	Cause     Cause     `json:"cause"`
	OldHost   string    `json:"old_host"` // in ASCII, with the port if there is one
	NewHost   string    `json:"new_host"`
	ChangedAt time.Time `json:"changed_at"`
}

// FirmOutcome returns the event that says that a firm's portal has another host. The caller derives id from the fact.
func FirmOutcome(data ChangedFirm, id string, trace Trace) Outgoing {
	return Outgoing{
		Subject: outcomeSubject(data.FirmID, FirmChanged, ""), Type: FirmChanged, Source: OutcomeSource, ID: id,
		Time: data.ChangedAt, About: id, Trace: trace, Data: data,
	}
}

// InviteOutcome returns the event that says what became of an invite. Its id is derived from the invite and the
// revision, so the same outcome has the same identity each time it is published.
func InviteOutcome(t Type, about About, reason rules.Code, data any, trace Trace) Outgoing {
	return Outgoing{
		Subject: outcomeSubject(about.FirmID, t, reason),
		Type:    t,
		Source:  OutcomeSource,
		ID:      about.InviteID.String() + "." + strconv.Itoa(about.Revision),
		Time:    about.DecidedAt,
		About:   about.InviteID.String(),
		Trace:   trace,
		Data:    data,
	}
}

// AccessOutcome returns the event that says what became of a person's access. The caller derives id from the event that
// changed the access.
func AccessOutcome(t Type, about About, id string, data any, trace Trace) Outgoing {
	return Outgoing{
		Subject: outcomeSubject(about.FirmID, t, ""), Type: t, Source: OutcomeSource, ID: id,
		Time: about.DecidedAt, About: id, Trace: trace, Data: data,
	}
}

// RunOutcome returns the event that says how far a run has come. number counts the run's events from 1.
func RunOutcome(t Type, counts RunCounts, number int, at time.Time, trace Trace) Outgoing {
	return aboutRun(t, counts, counts, number, at, trace)
}

// InstructedOutcome returns the event that says that a run was paused, resumed, cancelled or scheduled. It is one of
// the run's events.
func InstructedOutcome(t Type, data Instructed, number int, at time.Time, trace Trace) Outgoing {
	return aboutRun(t, data.RunCounts, data, number, at, trace)
}

func aboutRun(t Type, counts RunCounts, data any, number int, at time.Time, trace Trace) Outgoing {
	return Outgoing{
		Subject: outcomeSubject(counts.FirmID, t, ""),
		Type:    t,
		Source:  OutcomeSource,
		ID:      counts.RunID.String() + "." + strconv.Itoa(number),
		Time:    at,
		About:   counts.RunID.String(),
		Trace:   trace,
		Data:    data,
	}
}

// outcomeSubject puts the reason of a skip into the subject, so that a dashboard can subscribe to one reason.
func outcomeSubject(firm string, t Type, reason rules.Code) string {
	subject := "portal." + string(Outcomes) + "." + firm + "." + string(t)
	if reason != "" {
		subject += "." + string(reason)
	}
	return subject
}
