package api

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/wording"
)

// RecipientsRequest lists the recipients of a run, by what became of them.
type RecipientsRequest struct {
	RunID   string        `json:"run_id"`
	Outcome InviteOutcome `json:"outcome,omitempty"` // pending, sent, skipped or failed; left out: all
	Reason  rules.Code    `json:"reason,omitempty"`  // of skips: the first reason, as in the by_reason of runs
	Locale  string        `json:"locale,omitempty"`  // the language of the words, as a tag; English if left out
	Page
}

// InviteOutcome is what became of an invite, in the words of a run's sums.
type InviteOutcome string

// The outcomes.
const (
	PendingOutcome InviteOutcome = "pending" // its mail has not left yet
	SentOutcome    InviteOutcome = "sent"
	SkippedOutcome InviteOutcome = "skipped"
	FailedOutcome  InviteOutcome = "failed"
	RemovedOutcome InviteOutcome = "removed" // of an AccessRemovalRequested, which has no invites
)

// RecipientsAnswer is a page of recipients, in the order of their invites' ids. If there is no such run, the error is a
// 404.
type RecipientsAnswer struct {
	Recipients []RunRecipient `json:"recipients"`
	Next       string         `json:"next,omitempty"`
}

// RunRecipient is one recipient of a run, and what became of the invite.
type RunRecipient struct {
	InviteID   uuid.UUID      `json:"invite_id,omitzero"`
	ClientID   string         `json:"client_id"`
	ClientName string         `json:"client_name,omitempty"`
	Recipient  Person         `json:"recipient"` // empty if the client has no contacts
	Kind       rules.Kind     `json:"kind,omitempty"`
	Outcome    InviteOutcome  `json:"outcome"`
	Reason     rules.Code     `json:"reason,omitempty"` // of a skip: the first that applies
	Reasons    []rules.Reason `json:"reasons,omitempty"`
	Failure    *Failure       `json:"failure,omitempty"` // of one that has failed, or whose mail was not taken yet
	DecidedAt  time.Time      `json:"decided_at,omitzero"`
	SentAt     time.Time      `json:"sent_at,omitzero"`

	// Of one that is pending: what its mail waits for.
	NextAttempt    time.Time          `json:"next_attempt_at,omitzero"`
	Held           bool               `json:"held,omitempty"`
	Postponed      rules.Postponement `json:"postponed,omitempty"`
	PostponedUntil time.Time          `json:"postponed_until,omitzero"`
}

func (s *server) recipients(ctx context.Context, firm string, r RecipientsRequest) (RecipientsAnswer, error) {
	none := RecipientsAnswer{}
	filter, err := r.filter(firm)
	if err != nil {
		return none, err
	}
	catalog, err := s.catalogOf(ctx, firm, r.Locale)
	if err != nil {
		return none, err
	}
	page, err := newPager(r.Page, RecipientsEndpoint, firm, r)
	if err != nil {
		return none, err
	}
	if _, err := page.after(&filter.After); err != nil {
		return none, err
	}
	found, err := s.Answers.Recipients(ctx, filter, page.limit+1)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return none, errNoRun
	case err != nil:
		return none, err
	}
	list, err := s.runRecipients(ctx, firm, found, catalog)
	if err != nil {
		return none, err
	}
	n, next, err := cut(list, page, func(r RunRecipient) any { return r.InviteID })
	return RecipientsAnswer{Recipients: list[:n], Next: next}, err
}

var errNoRun = notFound("run_id: this firm has no such run; the service runs lists those it has")

func (r RecipientsRequest) filter(firm string) (store.RecipientFilter, error) {
	f := store.RecipientFilter{FirmID: firm, Reason: r.Reason}
	var err error
	if r.RunID == "" {
		return f, invalid("run_id: missing: say which run's recipients are listed")
	}
	if f.RunID, err = uuid.Parse(r.RunID); err != nil {
		return f, invalid("run_id: must be a UUID, as outcomes carry it")
	}
	switch r.Outcome {
	case "":
	case PendingOutcome:
		f.States = []store.State{store.Queued, store.Sending}
	case SentOutcome, SkippedOutcome, FailedOutcome:
		f.States = []store.State{store.State(r.Outcome)}
	case RemovedOutcome: // a run has invites only
		fallthrough
	default:
		return f, invalid("outcome: must be one of: %s, %s, %s, %s",
			PendingOutcome, SentOutcome, SkippedOutcome, FailedOutcome)
	}
	switch {
	case r.Reason == "":
	case !r.Reason.Known():
		return f, invalid("reason: is not a reason code (example: email_shared)")
	case r.Outcome != "" && r.Outcome != SkippedOutcome:
		return f, invalid("reason: only who was skipped has a reason; leave out outcome, or make it %s", SkippedOutcome)
	}
	return f, nil
}

// runRecipients says what became of recipients, and what those that are pending wait for.
func (s *server) runRecipients(
	ctx context.Context, firm string, found []store.Status, catalog *wording.Catalog,
) ([]RunRecipient, error) {
	waits, err := s.waitsOf(ctx, firm)
	if err != nil {
		return nil, err
	}
	now := s.Answers.Ledger.Now()
	list := make([]RunRecipient, len(found))
	for i, status := range found {
		list[i] = runRecipient(status, catalog)
		postponed := s.postponedInvite(status, waits, now)
		list[i].Postponed, list[i].PostponedUntil = postponed.why, utc(postponed.until)
	}
	return list, nil
}

func runRecipient(s store.Status, catalog *wording.Catalog) RunRecipient {
	i := s.Invite
	r := RunRecipient{
		InviteID: i.ID, ClientID: i.ClientID, ClientName: s.ClientName, Kind: i.Kind, Outcome: outcomeOf(i.State),
		Recipient: personOfInvite(*i), Failure: failureOf(s, catalog), DecidedAt: utc(i.DecidedAt), SentAt: utc(i.SentAt),
	}
	if r.Outcome == PendingOutcome {
		r.NextAttempt, r.Held = utc(i.NextAttempt), i.Held()
	}
	if i.State == store.Skipped {
		r.Reason, r.Reasons, r.Failure = i.Reason, rules.InWords(i.Reasons, catalog), nil
	}
	return r
}

func personOfInvite(i store.Invite) Person {
	return Person{
		ContactID: contactOf(i.Person, i.ContactID), Name: rules.NameOnly(i.Name), EmailMasked: i.Email.Masked(),
	}
}

func outcomeOf(state store.State) InviteOutcome {
	switch state {
	case store.Queued, store.Sending:
		return PendingOutcome
	case store.Sent, store.Skipped, store.Failed:
	}
	return InviteOutcome(state)
}
