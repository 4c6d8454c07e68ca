package api

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// Name is the service's name as a micro service.
const Name = "portal-invites"

// The endpoints, the last token of the subject.
const (
	ExplainEndpoint      = "explain"
	StatusEndpoint       = "status"
	StatusesEndpoint     = "statuses"
	RedeemEndpoint       = "redeem"
	DeclineEndpoint      = "decline"
	PreviewEndpoint      = "preview"
	RunsEndpoint         = "runs"
	QueueEndpoint        = "queue"
	HeldEndpoint         = "held"
	SuppressionsEndpoint = "suppressions"
	DeadLettersEndpoint  = "dead_letters"
	OutcomesEndpoint     = "outcomes"
	RecoverEndpoint      = "recover"
	PausesEndpoint       = "pauses"
	PersonEndpoint       = "person"
	TemplatesEndpoint    = "templates"
	RecipientsEndpoint   = "recipients"
	ReceiptEndpoint      = "receipt"
	FirmsEndpoint        = "firms"
	TroubleEndpoint      = "trouble"
	SendersEndpoint      = "senders"
)

// The sizes of a list's pages: the default, and the most that a call may ask for. An answer must fit into one message
// of the broker, so a page may have fewer entries. Next is the cursor of the next page.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Page is the part of a list that is asked for.
type Page struct {
	Limit  int    `json:"limit,omitempty"`  // 1 to MaxLimit; DefaultLimit if left out
	Cursor string `json:"cursor,omitempty"` // the Next of the answer before; left out: from the beginning
}

// ExplainRequest asks whether invites would be sent. It has three forms, which differ in the fields that are set:
//
//   - named recipients: ClientID and Recipients, as in the requests of the contract;
//   - a bulk invite or resend: Selection, with Mode;
//   - a replay: Filter: skipped and failed invites, decided again on today's facts.
type ExplainRequest struct {
	// Type is the event type of the request that would be published: any type that invites. The default for named
	// recipients is InviteRequested. It determines which license is needed and whether the rules for bulk apply.
	Type events.Type `json:"type,omitempty"`

	ClientID   string             `json:"client_id,omitempty"`
	Recipients []events.Recipient `json:"recipients,omitempty"` // 1 to 100

	Mode      string            `json:"mode,omitempty"` // of a selection: invite (the default) or resend
	To        string            `json:"to,omitempty"`   // of a resend: invited (the default), active or all
	Selection *events.Selection `json:"selection,omitempty"`

	Filter *events.Filter `json:"filter,omitempty"`
	MaxAge string         `json:"max_age,omitempty"` // of a replay: a Go duration; the default is that of ReplayRequested

	Message *events.Message `json:"message,omitempty"`

	// Plan has it remembered who of a selection would be sent a mail, for the plan of a BulkInviteRequested (ADR 169).
	Plan bool `json:"plan,omitempty"`

	Assume []AssumedFact `json:"assume,omitempty"` // up to MostAssumed facts that count as applied (ADR 163)

	Locale string `json:"locale,omitempty"` // the language of explanations and remedies, as a tag; English if left out

	// Only narrows the recipients that are listed, not the totals: would_send or would_skip.
	Only string `json:"only,omitempty"`
	Page        // of a selection or a replay; named recipients always come in one answer
}

// MostAssumed is how many facts a call may assume.
const MostAssumed = answer.MostAssumed

// AssumedFact is a fact as it would be published: its type, which must be one of [events.AssumableTypes], and its data.
type AssumedFact struct {
	Type events.Type     `json:"type"`
	Data json.RawMessage `json:"data"`
}

// The values of [ExplainRequest.Only].
const (
	OnlySend = "would_send"
	OnlySkip = "would_skip"
)

// ExplainAnswer says what would be decided about each recipient. Nothing was written besides a plan. Facts that arrive
// later may change the decisions.
type ExplainAnswer struct {
	// Totals are of the whole selection. Only its first page has them.
	Totals     *ExplainTotals     `json:"totals,omitempty"`
	Plan       *Plan              `json:"plan,omitempty"`      // on the first page, if the call asks for one
	Recipients []Explained        `json:"recipients"`          // in the order in which they would be decided
	Next       string             `json:"next,omitempty"`      // the next page's cursor; left out on the last page
	Sender     string             `json:"sender,omitempty"`    // of the firm; left out: the default sender
	Postponed  rules.Postponement `json:"postponed,omitempty"` // why the mails of the firm wait
	Warnings   []rules.Warning    `json:"warnings,omitempty"`  // about the firm's settings
	Freshness
}

// Plan names the people that an explanation would have sent a mail to.
type Plan struct {
	ID        uuid.UUID `json:"id"` // the plan of a BulkInviteRequested
	ExpiresAt time.Time `json:"expires_at"`
}

// NothingToReplay says why a replay selects nobody.
type NothingToReplay = answer.NothingToReplay

// The reasons why a replay selects nobody.
const (
	NothingUndone = answer.NothingUndone
	AllSettled    = answer.AllSettled
	NoMatch       = answer.NoMatch
)

// ExplainTotals sum up a selection: Selected = WouldSend + WouldSkip, and ByReason adds up to WouldSkip.
type ExplainTotals struct {
	Selected  int                `json:"selected"`
	WouldSend int                `json:"would_send"`
	WouldSkip int                `json:"would_skip"`
	ByReason  map[rules.Code]int `json:"by_reason"` // by the first reason that applies
	// TooOld is how many invites match a replay's filter, but are older than MaxAge. Selected does not include them.
	TooOld int `json:"too_old,omitempty"`
	// Nothing says why a replay selects nobody. It is left out if the replay selects somebody.
	Nothing NothingToReplay `json:"nothing,omitempty"`
}

// Explained is what would be decided about one recipient.
type Explained struct {
	ClientID   string         `json:"client_id"`
	ClientName string         `json:"client_name,omitempty"`
	Kind       rules.Kind     `json:"kind"`                // invite or resend
	Recipient  Person         `json:"recipient"`           // empty if the client has no contacts
	InviteID   *uuid.UUID     `json:"invite_id,omitempty"` // of a replay: the invite that would be decided again
	WouldSend  bool           `json:"would_send"`
	Reason     rules.Code     `json:"reason,omitempty"`  // the first that applies
	Reasons    []rules.Reason `json:"reasons,omitempty"` // every rule that fails, with its remedy

	// Warnings are about facts that could not be read, but for those about the firm.
	Warnings []rules.Warning `json:"warnings,omitempty"`
}

// Person is a recipient or a portal user, with the email masked.
type Person struct {
	ContactID   string `json:"contact_id,omitempty"`
	Name        string `json:"name,omitempty"`
	EmailMasked string `json:"email_masked,omitempty"`
}

// StatusRequest asks for statuses: of everybody on a client, of a person on every client, of one person on one client,
// or of the person that an invite is for. At least one field besides the page is needed. InviteID can't be combined
// with other fields, nor ContactID with Email.
type StatusRequest struct {
	ClientID  string `json:"client_id,omitempty"`
	ContactID string `json:"contact_id,omitempty"`
	Email     string `json:"email,omitempty"` // in any spelling; finds contacts with it, and people who log in with it
	InviteID  string `json:"invite_id,omitempty"`
	Attempts  bool   `json:"attempts,omitempty"` // list each attempt to send the last invite
	Locale    string `json:"locale,omitempty"`   // the language of the words, as a tag; English if left out
	Page
}

// StatusAnswer is a page of statuses, in (client, person) order. If there are none at all, the error is a 404.
type StatusAnswer struct {
	Statuses []Status        `json:"statuses"`
	Next     string          `json:"next,omitempty"`
	Warnings []rules.Warning `json:"warnings,omitempty"` // about the firm's settings
	AsOf     *AsOf           `json:"as_of,omitempty"`
	Freshness
}

// State says whether a person can open a client's portal, in the words of the contract.
type State string

// The states.
const (
	NoInviteSent State = "no_invite_sent" // none was asked for, or none was sent: LastInvite says why
	Queued       State = "queued"         // decided, and the mail has not left yet
	Invited      State = "invited"        // the mail has left; they have not logged in
	Active       State = "active"         // they have logged in
	Expired      State = "expired"
	// StateDeclined is of an invite that was not meant for whoever read it.
	StateDeclined State = "declined"
	Removed       State = "removed"
)

// Status is the status of one person on one client.
type Status struct {
	ClientID   string      `json:"client_id"`
	ClientName string      `json:"client_name,omitempty"`
	Person     Person      `json:"person"`
	State      State       `json:"state"`
	Label      string      `json:"label"`              // the state and its date: last login on March 2, 2026
	Sentence   string      `json:"sentence"`           // in full, also why the last request sent nothing; dates in UTC
	Remedies   []string    `json:"remedies,omitempty"` // what to do about it
	Access     *Access     `json:"access,omitempty"`
	Declined   *Declined   `json:"declined,omitempty"`    // their email has declined, and nobody has logged in since
	LastInvite *LastInvite `json:"last_invite,omitempty"` // the newest invite in any state; with InviteID, that invite

	Warnings []rules.Warning `json:"warnings,omitempty"` // what was told about them and could not be taken as it was told

	person rules.Person
}

// Declined says when an email has declined. A later login takes it back.
type Declined struct {
	At       time.Time `json:"at"`
	BulkOnly bool      `json:"bulk_only"` // by the one click of a mail program: only bulk mails and reminders stop
}

// Access is a person's access to a portal. Times that do not apply are left out.
type Access struct {
	State       rules.AccessState `json:"state"` // invited, active, expired or removed
	Version     int               `json:"access_version"`
	LoginMasked string            `json:"login_masked"` // the email they log in with
	InviteID    *uuid.UUID        `json:"invite_id,omitempty"`
	InvitedAt   time.Time         `json:"invited_at,omitzero"`
	MailedAt    time.Time         `json:"mailed_at,omitzero"`   // when the newest mail for it was decided
	Reminders   int               `json:"reminders,omitempty"`  // resends that have left, also automatic ones
	RemindedAt  time.Time         `json:"reminded_at,omitzero"` // when the newest of them left
	ExpiresAt   time.Time         `json:"expires_at,omitzero"`
	LastLogin   time.Time         `json:"last_login,omitzero"` // the newest login that was reported
	RemovedAt   time.Time         `json:"removed_at,omitzero"`
	RemovedWhy  rules.EndedWhy    `json:"removed_why,omitempty"` // if it ended by itself
	Suspended   rules.Suspension  `json:"suspended,omitempty"`   // why it opens nothing for now
}

// LastInvite is an invite with its newest outcome.
type LastInvite struct {
	InviteID    uuid.UUID          `json:"invite_id"`
	Revision    int                `json:"revision"` // how many outcomes were published
	Kind        rules.Kind         `json:"kind"`
	Lane        string             `json:"lane"`
	State       string             `json:"state"` // queued, sending, sent, skipped or failed
	Cause       events.Cause       `json:"cause"`
	RunID       *uuid.UUID         `json:"run_id,omitempty"`
	ReplayID    *uuid.UUID         `json:"replay_id,omitempty"`
	DecidedAt   time.Time          `json:"decided_at"`
	SentAt      time.Time          `json:"sent_at,omitzero"`
	ExpiresAt   time.Time          `json:"expires_at,omitzero"`
	Attempts    int                `json:"attempts,omitempty"`
	NextAttempt time.Time          `json:"next_attempt_at,omitzero"` // of one that is queued and not held
	Postponed   rules.Postponement `json:"postponed,omitempty"`      // why its mail waits, although the rules allow it
	// PostponedUntil is when it waits no longer, if that is known.
	PostponedUntil time.Time  `json:"postponed_until,omitzero"`
	PausedRun      *PausedRun `json:"paused_run,omitempty"` // its run or replay, if that is paused

	Reason  rules.Code     `json:"reason,omitempty"`
	Reasons []rules.Reason `json:"reasons,omitempty"`
	Skipped []rules.Reason `json:"skipped_first,omitempty"` // of one that was decided again: why it was skipped
	Failure *Failure       `json:"failure,omitempty"`
	Now     *Now           `json:"now,omitempty"` // of one that was skipped for what can be fixed, or has failed

	// What reports say about the newest mail, and when it happened.
	DeliveredAt  time.Time `json:"delivered_at,omitzero"`
	DelayedAt    time.Time `json:"delayed_at,omitzero"`
	ComplainedAt time.Time `json:"complained_at,omitzero"`

	// UnknownAttempts is how many attempts were of unknown result: the mail may or may not have arrived. Held says that
	// the invite waits for a ruling because of that.
	UnknownAttempts int       `json:"unknown_attempts,omitempty"`
	Held            bool      `json:"held,omitempty"`
	AttemptLog      []Attempt `json:"attempt_log,omitempty"` // if asked for; oldest first
}

// Now is what would be decided now about an invite that did not go out.
type Now struct {
	WouldSend bool           `json:"would_send"`
	Reasons   []rules.Reason `json:"reasons,omitempty"`
	TooOld    bool           `json:"too_old,omitempty"` // a replay leaves out its request, unless max_age is longer
}

// Failure describes the last attempt if the mail server did not accept the mail, or how the mail came back.
type Failure struct {
	Stage        string `json:"stage"`
	SMTPCode     int    `json:"smtp_code,omitempty"`     // 0: no reply
	EnhancedCode string `json:"enhanced_code,omitempty"` // RFC 3463
	Explanation  string `json:"explanation,omitempty"`   // if the invite failed for good: the words of its InviteFailed
	Remedy       string `json:"remedy,omitempty"`
}

// Attempt is one attempt to send a mail.
type Attempt struct {
	Number       int       `json:"number"`
	StartedAt    time.Time `json:"started_at"`
	FinishedAt   time.Time `json:"finished_at,omitzero"` // left out while it is under way
	Stage        string    `json:"stage,omitempty"`      // how far it came
	SMTPCode     int       `json:"smtp_code,omitempty"`
	EnhancedCode string    `json:"enhanced_code,omitempty"`
	Verdict      string    `json:"verdict,omitempty"` // the contract lists the verdicts
	Said         string    `json:"said,omitempty"`    // the server's words, or ours about what went wrong
}

// StatusesRequest asks for the people of a firm: those that clients list, and everybody else who has access to a
// client's portal or was asked for there. Each field that is set narrows the list.
type StatusesRequest struct {
	ClientID    string    `json:"client_id,omitempty"`
	State       string    `json:"state,omitempty"`
	Reason      string    `json:"reason,omitempty"`    // of those to whom nothing was sent: a reason code, or failed
	Mail        string    `json:"mail,omitempty"`      // of the newest mail: delivered, bounced or unknown
	NoPortal    bool      `json:"no_portal,omitempty"` // on clients where nobody was ever sent an invite
	Kind        string    `json:"kind,omitempty"`      // of the client: individual or business
	Primary     *bool     `json:"primary,omitempty"`
	LoginAfter  time.Time `json:"login_after,omitzero"`  // whose last login was then or later
	LoginBefore time.Time `json:"login_before,omitzero"` // whose last login was before
	Text        string    `json:"text,omitempty"`        // a part of the person's or the client's name, in any case
	Email       string    `json:"email,omitempty"`       // in any spelling; of contacts, and of who logs in with it
	Words       bool      `json:"words,omitempty"`       // also say why nothing was sent, and what to do
	Locale      string    `json:"locale,omitempty"`      // the language of the words, as a tag; English if left out
	Page
}

// StatusesAnswer is a page of people, in the order of clients and people.
type StatusesAnswer struct {
	Counts *StatusCounts  `json:"counts,omitempty"` // only on the first page
	People []PersonStatus `json:"people"`
	Next   string         `json:"next,omitempty"`
	AsOf   *AsOf          `json:"as_of,omitempty"`
	Freshness
}

// StatusCounts count people. Each map is under the other filters, and adds up to all people of those.
type StatusCounts struct {
	People   int            `json:"people"`    // under all filters
	ByState  map[string]int `json:"by_state"`  // whatever the request's state and reason are
	ByReason map[string]int `json:"by_reason"` // of the state not_sent; the same
	ByMail   map[string]int `json:"by_mail"`   // whatever the request's mail is
}

// PersonStatus is what stands for one person on one client. [Client.Status] says it in full.
type PersonStatus struct {
	ClientID      string     `json:"client_id"`
	ClientName    string     `json:"client_name,omitempty"`
	ClientKind    string     `json:"client_kind,omitempty"`
	Person        Person     `json:"person"`
	Listed        bool       `json:"listed"` // the client lists the contact
	Primary       bool       `json:"primary"`
	State         string     `json:"state"`
	Reason        string     `json:"reason,omitempty"` // why nothing was sent: a reason code, or failed
	Mail          string     `json:"mail"`
	LastLogin     time.Time  `json:"last_login,omitzero"`
	InviteID      *uuid.UUID `json:"invite_id,omitempty"` // the newest invite
	DecidedAt     time.Time  `json:"decided_at,omitzero"` // when it was decided
	Revision      int        `json:"revision,omitempty"`  // how many outcomes of it were published
	AccessVersion int        `json:"access_version,omitempty"`

	// Of those to whom nothing was sent, if the request asks for words.
	Reasons []rules.Reason `json:"reasons,omitempty"` // of a skip: every rule that failed, with its remedy
	Failure *Failure       `json:"failure,omitempty"` // of a mail that failed for good

	person rules.Person
}

// RedeemRequest opens a link.
type RedeemRequest struct {
	Token string `json:"token"`          // the last part of the link; at most 512 characters
	Peek  bool   `json:"peek,omitempty"` // only say what the link would open: write nothing, count no login
	// As says who is logged in to the portal, in this browser. If the link is another person's, it does not open.
	As *LoggedIn `json:"as,omitempty"`
}

// LoggedIn is somebody who is logged in: a contact, or an email.
type LoggedIn struct {
	ContactID string `json:"contact_id,omitempty"`
	Email     string `json:"email,omitempty"`
}

// Redemption is the result of opening a link.
type Redemption string

// The redemptions. Only the answer for an opened link names a person in full.
const (
	Opened          Redemption = "opened"
	LinkExpired     Redemption = "expired"
	LinkReplaced    Redemption = "replaced"  // a newer mail has left, and has another link
	AccessSuspended Redemption = "suspended" // the client is archived, or no longer lists the contact
	AccessIsRemoved Redemption = "removed"
	LinkInvalid     Redemption = "invalid"      // mistyped, forged, or of another firm
	OtherPerson     Redemption = "other_person" // it would open, but for another person than the one who is logged in
)

// RedeemAnswer is what a link opens. A second call gets the same answer, without First.
type RedeemAnswer struct {
	Result Redemption `json:"result"`
	// First says that this call made the access active, so InviteAccepted is published. In a peek, it says that it would.
	First      bool       `json:"first,omitempty"`
	InviteID   *uuid.UUID `json:"invite_id,omitempty"`
	ClientID   string     `json:"client_id,omitempty"`
	ClientName string     `json:"client_name,omitempty"`
	ContactID  string     `json:"contact_id,omitempty"` // left out for a person added by email
	Name       string     `json:"name,omitempty"`
	// Email is the login, in full and in its normal form, because the log-in page needs it (ADR 21). No other answer has a
	// full email, not even that of a peek.
	Email       string `json:"email,omitempty"`
	EmailMasked string `json:"email_masked,omitempty"` // of a peek
	// Of another person's link: whose it is, and who is logged in. Names and emails are masked.
	IsFor *Person `json:"is_for,omitempty"`
	As    *Person `json:"as,omitempty"`
	// NewestSentAt and NewestMasked are when the newest mail left, and where to. Only a replaced link has them.
	NewestSentAt time.Time `json:"newest_sent_at,omitzero"`
	NewestMasked string    `json:"newest_email_masked,omitempty"`
}

// DeclineRequest says that the mail with a link was not meant for its reader. A link that was replaced, or has expired,
// declines as well.
type DeclineRequest struct {
	Token string `json:"token"` // the last part of the link; at most 512 characters
	// OneClick is for the POST of a mail program (RFC 8058): only bulk mails and reminders stop, and the link still opens.
	OneClick bool `json:"one_click,omitempty"`
}

// DeclineResult is the result of declining.
type DeclineResult string

// The results of declining.
const (
	HasDeclined    DeclineResult = "declined"
	DeclineInvalid DeclineResult = "invalid" // mistyped, forged, or of another firm
)

// DeclineAnswer says what became of it. A second call gets the same answer, without Ended.
type DeclineAnswer struct {
	Result DeclineResult `json:"result"`
	Ended  bool          `json:"ended,omitempty"` // this call has ended a pending invite
}

// PreviewRequest asks for a mail as it would be sent: of a request that is not published, or of an invite.
type PreviewRequest struct {
	// InviteID is the invite whose mail is shown, on today's facts. It can't be combined with the fields below but Locale.
	InviteID string `json:"invite_id,omitempty"`

	Type events.Type     `json:"type,omitempty"` // any request that sends invites, BulkInviteRequested included
	Data json.RawMessage `json:"data,omitempty"` // of the event, as it would be published; requested_by included

	// These fields say which recipient the mail is for. Named recipients: a contact or an email; the first recipient if
	// left out. Bulk: a client, and one of its contacts (its first Primary contact if left out).
	ClientID  string `json:"client_id,omitempty"`
	ContactID string `json:"contact_id,omitempty"`
	Email     string `json:"email,omitempty"`

	Locale string `json:"locale,omitempty"` // the language of explanations and remedies, as a tag; not of the mail
}

// PreviewAnswer is the mail, with a link that opens nothing. It is composed also if the rules would skip the recipient.
type PreviewAnswer struct {
	Subject   string             `json:"subject"`
	FromName  string             `json:"from_name"`
	ReplyTo   string             `json:"reply_to,omitempty"`
	HTML      string             `json:"html"`
	Text      string             `json:"text"`
	Recipient Person             `json:"recipient"`
	WouldSend bool               `json:"would_send"`
	Reasons   []rules.Reason     `json:"reasons,omitempty"`
	SentAt    time.Time          `json:"sent_at,omitzero"`    // of an invite whose mail has left
	Sender    string             `json:"sender,omitempty"`    // of the firm; left out: the default sender
	Postponed rules.Postponement `json:"postponed,omitempty"` // why the mails of the firm wait
	Freshness
}

// RunsRequest asks for one run, or for the runs that match, the newest first.
type RunsRequest struct {
	RunID string    `json:"run_id,omitempty"`
	Kind  string    `json:"kind,omitempty"`  // invite, resend or replay
	State RunState  `json:"state,omitempty"` // scheduled, walking, sending or completed
	Since time.Time `json:"since,omitzero"`  // started at or after
	Page
}

// RunsAnswer is a page of runs. If a RunID does not exist, the error is a 404.
type RunsAnswer struct {
	Runs []Run  `json:"runs"`
	Next string `json:"next,omitempty"`
	AsOf *AsOf  `json:"as_of,omitempty"` // left out if no worker could ask the stream yet
}

// RunState is how far a run has come.
type RunState string

// The states of a run.
const (
	Scheduled RunState = "scheduled" // its start is still to come
	Walking   RunState = "walking"   // its candidates are being decided; Selected still grows
	Sending   RunState = "sending"   // all candidates are decided, and some mails have not left yet
	Completed RunState = "completed" // nothing is pending
)

// Run is a run and its sums: Selected = Sent + Skipped + Failed + Pending.
type Run struct {
	RunID       uuid.UUID          `json:"run_id"`
	Kind        string             `json:"kind"`
	State       RunState           `json:"state"`
	Cause       events.Cause       `json:"cause"`
	RequestedBy string             `json:"requested_by,omitempty"`
	Replays     *uuid.UUID         `json:"replays,omitempty"` // the run that is decided again
	Selected    int                `json:"selected"`
	Sent        int                `json:"sent"`
	Skipped     int                `json:"skipped"`
	Failed      int                `json:"failed"`
	Pending     int                `json:"pending"`
	ByReason    map[rules.Code]int `json:"by_reason"`
	Fixable     map[rules.Code]int `json:"fixable"`  // of ByReason: how many a replay decides again
	Progress    float64            `json:"progress"` // 0 to 1: the share of Selected that is not pending
	Number      int                `json:"number"`   // of its newest event
	CreatedAt   time.Time          `json:"created_at"`
	CompletedAt time.Time          `json:"completed_at,omitzero"`

	StartAt    time.Time `json:"start_at,omitzero"`     // the run begins then
	Paused     *RunStop  `json:"paused,omitempty"`      // while it is paused
	Cancelled  *RunStop  `json:"cancelled,omitempty"`   // if it was cancelled
	NotReached int       `json:"not_reached,omitempty"` // of a cancelled run: recipients that were not decided
	InFlight   int       `json:"in_flight,omitempty"`   // with run_id: its mails that are on their way now
	// Of a run that mails only those who were meant (ADR 169).
	Plan          *uuid.UUID `json:"plan,omitempty"`
	MaxRecipients int        `json:"max_recipients,omitempty"`
	Holds         bool       `json:"holds,omitempty"`       // no mail of it leaves before its walk has ended
	NotPlanned    int        `json:"not_planned,omitempty"` // recipients that it would mail, and that are not in the plan
	// NotPlannedRecipients are the first 100 of them, with run_id.
	NotPlannedRecipients []NotPlanned `json:"not_planned_recipients,omitempty"`

	Instructions []RunInstruction `json:"instructions,omitempty"` // with run_id: the newest 20, the newest first
}

// NotPlanned is a recipient of a run who is not in its plan.
type NotPlanned struct {
	InviteID   uuid.UUID `json:"invite_id"`
	ClientID   string    `json:"client_id"`
	ClientName string    `json:"client_name,omitempty"`
	Recipient  Person    `json:"recipient"`
}

// RunStop says who has paused or cancelled a run.
type RunStop struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
}

// RunInstruction is what somebody has told a run to do, and what became of it.
type RunInstruction struct {
	Action string    `json:"action"` // pause, resume, cancel or schedule
	Source string    `json:"source"` // of its event
	ID     string    `json:"id"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	Result string    `json:"result"` // done or refused
	Answer string    `json:"answer"` // in words: of one that was refused, what was done before
}

// The results of an instruction to a run.
const (
	InstructionDone    = "done"
	InstructionRefused = "refused"
)

// QueueRequest asks how many invites of a firm wait to be sent. It has no filters.
type QueueRequest struct{}

// QueueAnswer is both lanes, the individual one first.
type QueueAnswer struct {
	Lanes     []QueuedLane       `json:"lanes"`
	Sender    string             `json:"sender,omitempty"`    // of the firm; left out: the default sender
	Postponed rules.Postponement `json:"postponed,omitempty"` // why the mails of the firm wait
	Pause     *Pause             `json:"pause,omitempty"`     // while the firm is paused: why, and who did it
	// PausedRuns are the firm's runs that are paused and have mails that wait for it, the one that was paused first first.
	PausedRuns []PausedRun `json:"paused_runs,omitempty"`
}

// LanePause says why an operator has paused one lane of a firm, when, and who it was.
type LanePause struct {
	Since  time.Time `json:"since"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

// PausedRun says who has paused a run, when and why.
type PausedRun struct {
	RunID   uuid.UUID `json:"run_id"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Reason  string    `json:"reason,omitempty"`
	Pending int       `json:"pending,omitempty"` // its recipients who are selected and have no outcome; only in a queue
}

// QueuedLane counts the invites of a lane that are decided and have not left yet.
type QueuedLane struct {
	Lane          string    `json:"lane"`                     // individual or bulk
	Queued        int       `json:"queued"`                   // they wait for their turn, or for their next attempt
	Sending       int       `json:"sending"`                  // an attempt is under way
	Retrying      int       `json:"retrying"`                 // of Queued: the server did not accept their last attempt
	Held          int       `json:"held,omitempty"`           // of Queued: they wait for a ruling
	RunPaused     int       `json:"run_paused,omitempty"`     // of Queued: their run is paused
	SenderUnknown int       `json:"sender_unknown,omitempty"` // of Queued: their sender is not configured
	OldestAt      time.Time `json:"oldest_at,omitzero"`       // when the one that has waited longest was decided
	NextAttempt   time.Time `json:"next_attempt_at,omitzero"` // when the next one is due; may be in the past
	LastAttempt   *Attempt  `json:"last_attempt,omitempty"`   // the newest attempt of those that are retried

	Pause          *LanePause         `json:"pause,omitempty"`     // while only this lane is paused
	Postponed      rules.Postponement `json:"postponed,omitempty"` // why the lane's mails of the firm wait
	PostponedUntil time.Time          `json:"postponed_until,omitzero"`
	LastLeavesAt   time.Time          `json:"last_leaves_at,omitzero"` // of firm_rate: when the last of them will leave
}

// DeadLettersRequest lists, shows, requeues or discards dead letters. A letter whose firm is unknown belongs to the
// firm _.
type DeadLettersRequest struct {
	Action string `json:"action,omitempty"` // list (the default), show, requeue or discard
	ID     string `json:"id,omitempty"`     // which one to show, requeue or discard

	// Filters of a list. Lists have the newest letter first.
	State   LetterState `json:"state,omitempty"` // open, requeued or discarded; left out: all
	Type    string      `json:"type,omitempty"`
	Durable string      `json:"durable,omitempty"`
	Since   time.Time   `json:"since,omitzero"`
	Page

	By   string `json:"by,omitempty"`   // who requeues or discards; needed for both; at most 300 characters
	Note string `json:"note,omitempty"` // why; needed to discard; at most 1,000 characters
}

// The actions on dead letters.
const (
	ListLetters   = "list"
	ShowLetter    = "show"
	RequeueLetter = "requeue"
	DiscardLetter = "discard"
)

// LetterState is what has been done about a dead letter.
type LetterState string

// The states of a dead letter. A requeued event that fails again is a new letter.
const (
	LetterOpen      LetterState = "open"
	LetterRequeued  LetterState = "requeued"
	LetterDiscarded LetterState = "discarded"
)

// DeadLettersAnswer is a page of letters without their bodies, or the one letter that was shown, requeued or discarded.
type DeadLettersAnswer struct {
	Letters []DeadLetter `json:"letters"`
	Next    string       `json:"next,omitempty"`
}

// DeadLetter is an event that could not be handled.
type DeadLetter struct {
	ID       uuid.UUID   `json:"id"`
	Type     string      `json:"type,omitempty"`     // left out if it could not be read; so are the next two
	Source   string      `json:"source,omitempty"`   // with EventID, the event's identity
	EventID  string      `json:"event_id,omitempty"` // the CloudEvents id
	Sequence uint64      `json:"sequence"`           // in PORTAL_EVENTS
	Subject  string      `json:"subject"`            // where it was published
	Reason   string      `json:"reason"`
	Durable  string      `json:"durable"` // the consumer that could not handle it
	At       time.Time   `json:"at"`
	State    LetterState `json:"state"`
	By       string      `json:"by,omitempty"`
	Note     string      `json:"note,omitempty"`
	MarkedAt time.Time   `json:"marked_at,omitzero"`
	Outdated string      `json:"outdated,omitempty"` // only in the answer to requeue: why it changes nothing any more

	// Only in the answer to show: the original's headers, and its body as text if it is valid UTF-8, or else in base64.
	Headers    map[string][]string `json:"headers,omitempty"`
	Body       string              `json:"body,omitempty"`
	BodyBase64 []byte              `json:"body_base64,omitempty"`
	LeftOut    string              `json:"left_out,omitempty"` // what was too long for an answer, and where to find it
}

// OutcomesRequest asks for the outcome events of a firm, in the order of the stream.
type OutcomesRequest struct {
	Types    []events.Type `json:"types,omitempty"`     // left out: all
	Reasons  []rules.Code  `json:"reasons,omitempty"`   // of skips: the first reason is one of these
	RunID    string        `json:"run_id,omitempty"`    // of this run or replay
	ClientID string        `json:"client_id,omitempty"` // about this client
	Since    time.Time     `json:"since,omitzero"`      // stored then or later
	New      bool          `json:"new,omitempty"`       // begin behind the newest outcome
	AsOf     *AsOf         `json:"as_of,omitempty"`     // begin behind the place of another answer

	After string `json:"after,omitempty"` // the After of the answer before; left out: from the beginning
	Limit int    `json:"limit,omitempty"` // 1 to MaxLimit; DefaultLimit if left out
	// Wait is how long to wait for an outcome if there is none, as in 30s; at most LongestPoll. Left out: do not wait.
	Wait string `json:"wait,omitempty"`
}

// LongestPoll is how long a call may wait for outcomes.
const LongestPoll = time.Minute

// OutcomesAnswer is what the stream has behind After. It may be empty although there is more, if few outcomes match.
type OutcomesAnswer struct {
	Outcomes []Outcome `json:"outcomes"`
	After    string    `json:"after"`            // where the next call goes on
	More     bool      `json:"more,omitempty"`   // there is more now
	Resync   bool      `json:"resync,omitempty"` // the stream is not the one of After; these begin at its beginning
}

// Outcome is an outcome event, with its position in INVITE_OUTCOMES.
type Outcome struct {
	Sequence uint64          `json:"sequence"`
	Type     events.Type     `json:"type"`
	ID       string          `json:"id"` // its ce-id
	Time     time.Time       `json:"time"`
	Data     json.RawMessage `json:"data"`
}
