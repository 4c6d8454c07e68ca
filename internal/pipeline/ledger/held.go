package ledger

import (
	"context"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// An invite is held if its mail may or may not have arrived and INVITE_ON_UNKNOWN is hold. It stays queued and is not
// due (ADR 71), until an operator rules on it or something else settles it.

// StillHeld locks the invites of a page that are still held, and returns them.
func (t *Tx) StillHeld(ctx context.Context, page []store.HeldInvite) ([]store.HeldInvite, error) {
	if len(page) == 0 {
		return nil, nil
	}
	ids := make([]uuid.UUID, len(page))
	for i, h := range page {
		ids[i] = h.ID
	}
	return t.LockHeld(ctx, ids)
}

// SendAgain makes held invites due. The same mails leave again, with the same Message-ID and link. by is the operator's
// name, or what ended the hold otherwise.
func (t *Tx) SendAgain(ctx context.Context, held []store.HeldInvite, by string) error {
	for _, h := range held {
		next := h.Invite
		next.NextAttempt, next.HeldAt = t.Now, time.Time{}
		t.count(h.Invite, next)
		t.write(h.Invite, next)
	}
	return t.recordRulings(ctx, held, store.SendAgain, by)
}

// Arrived enters that the mails of held invites arrived when their attempts began. From now on the link of a resend is
// the valid one (ADR 34), unless a later resend has overtaken it.
func (t *Tx) Arrived(ctx context.Context, held []store.HeldInvite, by string) error {
	requestIDs := make([]uuid.UUID, len(held))
	for i, h := range held {
		requestIDs[i] = h.RequestID
	}
	requests, err := t.LoadRequests(ctx, requestIDs)
	if err != nil {
		return err
	}
	for _, h := range held {
		if _, err := t.arrive(requests[h.RequestID], h); err != nil {
			return err
		}
	}
	return t.recordRulings(ctx, held, store.Arrived, by)
}

// arrive enters that the mail of an invite's last attempt, whose result is unknown, arrived when the attempt began.
func (t *Tx) arrive(request store.Request, h store.HeldInvite) (store.Invite, error) {
	next := h.Invite
	next.State, next.SentAt, next.NextAttempt, next.HeldAt = store.Sent, h.TriedAt, time.Time{}, time.Time{}
	next.Revision++
	if next.Kind == rules.Resend && !h.Overtaken {
		t.resent = append(t.resent, next)
	}
	if err := t.reportSent(request, next, h.MessageID, nil); err != nil {
		return next, err
	}
	t.count(h.Invite, next)
	t.write(h.Invite, next)
	return next, nil
}

// recordRulings stores who or what ended the holds.
func (t *Tx) recordRulings(ctx context.Context, held []store.HeldInvite, ruling store.Ruling, by string) error {
	if len(held) == 0 {
		return nil
	}
	return t.RecordRulings(ctx, held, ruling, by)
}

// WithdrawHeld asks the rules about held invites, as before a mail leaves, and skips those that may not leave any more
// (ADR 33). It sends no mail and changes nothing else.
func (t *Tx) WithdrawHeld(ctx context.Context, page []store.HeldInvite) error {
	if len(page) == 0 {
		return nil
	}
	queued := make([]store.Invite, len(page))
	for i, h := range page {
		queued[i] = h.Invite
	}
	candidates, err := t.AskAgain(ctx, queued)
	if err != nil {
		return err
	}
	for _, c := range candidates {
		if decision := t.Book.Decide(c.Ask, t.Now, t.ledger.Policy); !decision.Send() {
			if err := t.withdraw(c, decision); err != nil {
				return err
			}
		}
	}
	return nil
}
