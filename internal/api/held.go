package api

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/answer"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// HeldRequest lists held invites, or rules on one. An invite is held if its mail may or may not have arrived and
// INVITE_ON_UNKNOWN is hold.
type HeldRequest struct {
	Action string `json:"action,omitempty"` // list (the default), send or arrived
	ID     string `json:"id,omitempty"`     // the invite to rule on
	By     string `json:"by,omitempty"`     // who rules; needed for send and arrived; at most 300 characters

	State HeldState `json:"state,omitempty"` // of a list: held (the default) or decided
	Page
}

// The actions on held invites.
const (
	ListHeld    = "list"
	SendHeld    = "send"    // send the same mail again, with the same Message-ID and link; it may arrive twice
	HeldArrived = "arrived" // the recipient has the mail, so the invite counts as sent
)

// HeldState says whether an invite still waits for a ruling.
type HeldState string

// The states of a list.
const (
	StillHeld   HeldState = "held"
	HeldDecided HeldState = "decided"
)

// HeldAnswer is a page of invites, the newest first, or the one invite that was ruled on.
type HeldAnswer struct {
	Invites []HeldInvite `json:"invites"`
	Next    string       `json:"next,omitempty"`
}

// HeldInvite is an invite that is or was held, with the attempt of unknown result. An invite that was held and ruled on
// several times is listed once for each ruling.
type HeldInvite struct {
	FirmID     string     `json:"firm_id"`
	InviteID   uuid.UUID  `json:"invite_id"`
	ClientID   string     `json:"client_id"`
	ClientName string     `json:"client_name,omitempty"`
	Recipient  Person     `json:"recipient"`
	Kind       rules.Kind `json:"kind"` // invite or resend
	Lane       string     `json:"lane"`
	RunID      *uuid.UUID `json:"run_id,omitempty"`
	State      string     `json:"state"` // queued, sending, sent, skipped or failed, as it is now
	Attempt    int        `json:"attempt"`
	MessageID  string     `json:"message_id"`
	LostAt     time.Time  `json:"lost_at"` // when the attempt ended
	Stage      string     `json:"stage,omitempty"`
	Said       string     `json:"said,omitempty"` // what went wrong

	Decision  string    `json:"decision,omitempty"` // send or arrived
	By        string    `json:"by,omitempty"`       // who ruled, or what ended the hold otherwise
	DecidedAt time.Time `json:"decided_at,omitzero"`
}

func (s *server) held(ctx context.Context, firm string, r HeldRequest) (HeldAnswer, error) {
	none := HeldAnswer{}
	switch r.Action {
	case "", ListHeld:
		return s.listHeld(ctx, firm, r)
	case SendHeld, HeldArrived:
	default:
		return none, invalid("action: must be one of: %s, %s, %s", ListHeld, SendHeld, HeldArrived)
	}
	id, err := uuid.Parse(r.ID)
	if err != nil {
		return none, invalid("id: must be an invite's id, a UUID")
	}
	if err := checkBy(r.By); err != nil {
		return none, err
	}
	err = s.Answers.Rule(ctx, firm, id, store.Ruling(r.Action), r.By)
	if errors.Is(err, answer.ErrNotHeld) {
		return none, s.notHeld(ctx, firm, id)
	}
	if err != nil {
		return none, err
	}
	list, err := s.findRuled(ctx, firm, id)
	return HeldAnswer{Invites: list}, err
}

func (s *server) listHeld(ctx context.Context, firm string, r HeldRequest) (HeldAnswer, error) {
	none := HeldAnswer{}
	page, err := newPager(r.Page, HeldEndpoint, firm, r)
	if err != nil {
		return none, err
	}
	if r.State != "" && r.State != StillHeld && r.State != HeldDecided {
		return none, invalid("state: must be one of: %s, %s", StillHeld, HeldDecided)
	}
	var last newestFirst
	if _, err := page.after(&last); err != nil {
		return none, err
	}
	decided := r.State == HeldDecided
	filter := store.HeldFilter{FirmID: firm, Decided: decided, Before: last.At, BeforeID: last.ID}
	list, err := s.findHeld(ctx, filter, page.limit+1)
	if err != nil {
		return none, err
	}
	n, next, err := cut(list, page, func(h HeldInvite) any {
		if decided {
			return newestFirst{h.DecidedAt, h.InviteID}
		}
		return newestFirst{h.LostAt, h.InviteID}
	})
	return HeldAnswer{Invites: list[:n], Next: next}, err
}

// findRuled finds the newest ruling on an invite.
func (s *server) findRuled(ctx context.Context, firm string, id uuid.UUID) ([]HeldInvite, error) {
	filter := store.HeldFilter{FirmID: firm, InviteID: uuid.NullUUID{UUID: id, Valid: true}, Decided: true}
	return s.findHeld(ctx, filter, 1)
}

func (s *server) findHeld(ctx context.Context, f store.HeldFilter, limit int) ([]HeldInvite, error) {
	var found []store.HeldEntry
	err := s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
		found, err = tx.ListHeld(ctx, f, limit)
		return err
	})
	list := make([]HeldInvite, len(found))
	for i, entry := range found {
		list[i] = heldInvite(f.FirmID, entry)
	}
	return list, err
}

// notHeld says why an invite is not held: who has ruled on it, or that it was never held.
func (s *server) notHeld(ctx context.Context, firm string, id uuid.UUID) error {
	decided, err := s.findRuled(ctx, firm, id)
	if err != nil {
		return err
	}
	if len(decided) > 0 {
		what := "it is sent again"
		if decided[0].Decision == HeldArrived {
			what = "it has arrived"
		}
		return conflict("id: this invite is not held any more: %s, as decided on %s (%s)",
			what, day(decided[0].DecidedAt), decided[0].By)
	}
	var invite store.Invite
	err = s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
		invite, err = tx.FindInvite(ctx, id)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && invite.FirmID != firm:
		return notFound("id: this firm has no such invite")
	case err != nil:
		return err
	default:
		return conflict("id: this invite is not held: it is %s", invite.State)
	}
}

func heldInvite(firm string, h store.HeldEntry) HeldInvite {
	i := h.Invite
	held := HeldInvite{
		FirmID: firm, InviteID: i.ID, ClientID: i.ClientID, ClientName: h.ClientName,
		Kind: i.Kind, Lane: string(i.Lane), State: string(i.State),
		Recipient: Person{ContactID: i.Person.ContactID(), Name: rules.NameOnly(i.Name), EmailMasked: i.Email.Masked()},
		Attempt:   h.Attempt.Number, MessageID: h.Attempt.MessageID, LostAt: utc(h.Attempt.FinishedAt),
		Stage: h.Attempt.Stage, Said: h.Attempt.Said,
		Decision: string(h.Decided.Ruling), By: h.Decided.By, DecidedAt: utc(h.Decided.At),
	}
	if i.RunID.Valid {
		held.RunID = &i.RunID.UUID
	}
	return held
}
