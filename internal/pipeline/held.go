package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// An invite is held where a mail server may or may not have taken its mail and INVITE_ON_UNKNOWN says hold. It stays queued, and is
// due at no time, until somebody decides, or until it is decided by what happens.

// What decides by itself, as it stands on record beside the names of people.
const (
	byLink    = "the link was opened"
	byResend  = "a resend has been sent since"
	bySetting = "INVITE_ON_UNKNOWN=resend"
)

// ErrNotHeld says that a firm has no such invite, or that it waits for nobody to decide.
var ErrNotHeld = errors.New("the invite is not held")

// DecideHeld does with a held invite what somebody has decided. [ErrNotHeld] where another one was first.
func (w *Worker) DecideHeld(ctx context.Context, firm string, id uuid.UUID, decision store.Decision, by string) error {
	return w.commit(ctx, func(tx *store.Tx, l *ledger) error {
		held, err := tx.LockHeld(ctx, []uuid.UUID{id})
		switch {
		case err != nil:
			return err
		case len(held) == 0 || held[0].FirmID != firm:
			return ErrNotHeld
		case decision == store.Arrived:
			return l.arrive(ctx, tx, held, by)
		default:
			return l.sendAgain(ctx, tx, held, by)
		}
	})
}

// sendAgain makes held invites due: the same mails, with the same Message-ID and link.
func (l *ledger) sendAgain(ctx context.Context, tx *store.Tx, held []store.HeldInvite, by string) error {
	for _, h := range held {
		next := h.Invite
		next.NextAttempt, next.HeldAt = l.now, time.Time{}
		l.count(h.Invite, next)
		l.write(h.Invite, next)
	}
	return tx.RecordDecisions(ctx, held, store.HeldDecision{Decision: store.SendAgain, By: by, At: l.now})
}

// arrive enters that the mails of held invites are with their recipients, since they left. The link of a resend is the valid
// one from now on, unless a later resend has overtaken it.
func (l *ledger) arrive(ctx context.Context, tx *store.Tx, held []store.HeldInvite, by string) error {
	requestIDs := make([]uuid.UUID, len(held))
	for i, h := range held {
		requestIDs[i] = h.RequestID
	}
	requests, err := tx.LoadRequests(ctx, requestIDs)
	if err != nil {
		return err
	}
	for _, h := range held {
		next := h.Invite
		next.State, next.SentAt, next.HeldAt = store.Sent, h.TriedAt, time.Time{}
		next.Revision++
		if next.Kind == rules.Resend && !h.Overtaken {
			l.resent = append(l.resent, next)
		}
		if err := l.tellSent(requests[next.RequestID], next, h.MessageID); err != nil {
			return err
		}
		l.count(h.Invite, next)
		l.write(h.Invite, next)
	}
	return tx.RecordDecisions(ctx, held, store.HeldDecision{Decision: store.Arrived, By: by, At: l.now})
}

// arriveByLink ends the hold of an invite whose link somebody has followed: the mail is there. It is written before whatever the
// link does, since the link of a held resend is the valid one only from now on.
func (w *Worker) arriveByLink(ctx context.Context, tx *store.Tx, invite store.Invite) error {
	if !invite.Held() {
		return nil
	}
	l := newLedger(w)
	if err := lockedThen(ctx, tx, []store.HeldInvite{{Invite: invite}}, byLink, l.arrive); err != nil {
		return err
	}
	return l.save(ctx, tx)
}

const (
	heldBatch = 500
	// heldEvery is how long it may take until what has happened ends a hold.
	heldEvery = time.Second
)

// heldWatch looks at the held invites of a lane, one page after the other and from the beginning again, for those that have
// been decided by what happened.
type heldWatch struct {
	*Worker
	after uuid.UUID // the last one looked at
}

func (h *heldWatch) look(ctx context.Context) (bool, error) {
	var page []store.HeldInvite
	err := h.commit(ctx, func(tx *store.Tx, l *ledger) (err error) {
		page, err = tx.HeldPage(ctx, h.lane, h.after, heldBatch)
		if err != nil || len(page) == 0 {
			return err
		}
		return h.endHeld(ctx, tx, l, page)
	})
	if err != nil {
		return false, err
	}
	h.after = uuid.UUID{}
	if len(page) == heldBatch {
		h.after = page[heldBatch-1].ID
	}
	wait(ctx, nil, heldEvery)
	return true, nil
}

// endHeld ends the holds that need nobody to decide: of who has had a resend since, of everybody where the operator wants to
// send again after all, and of whom the rules let nothing be sent to any more.
func (w *Worker) endHeld(ctx context.Context, tx *store.Tx, l *ledger, page []store.HeldInvite) error {
	var overtaken, waiting []store.HeldInvite
	for _, h := range page {
		if h.Overtaken {
			overtaken = append(overtaken, h)
		} else {
			waiting = append(waiting, h)
		}
	}
	if err := lockedThen(ctx, tx, overtaken, byResend, l.arrive); err != nil {
		return err
	}
	if w.OnUnknown != HoldUnknown {
		return lockedThen(ctx, tx, waiting, bySetting, l.sendAgain)
	}
	return l.withdrawHeld(ctx, tx, waiting)
}

// lockedThen decides about those of these invites that are still held once they are locked.
func lockedThen(ctx context.Context, tx *store.Tx, page []store.HeldInvite, by string,
	decide func(context.Context, *store.Tx, []store.HeldInvite, string) error,
) error {
	if len(page) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, len(page))
	for i, h := range page {
		ids[i] = h.ID
	}
	held, err := tx.LockHeld(ctx, ids)
	if err != nil || len(held) == 0 {
		return err
	}
	return decide(ctx, tx, held, by)
}

// withdrawHeld asks the rules about held invites as before a mail leaves, and skips those that may not leave any more. No mail
// leaves here, and nothing else changes.
func (l *ledger) withdrawHeld(ctx context.Context, tx *store.Tx, page []store.HeldInvite) error {
	if len(page) == 0 {
		return nil
	}
	queued := make([]store.Invite, len(page))
	for i, h := range page {
		queued[i] = h.Invite
	}
	candidates, err := l.askAgain(ctx, tx, queued)
	if err != nil {
		return err
	}
	for _, c := range candidates {
		if decision := l.book.Decide(c.ask, l.now, l.w.Policy); !decision.Send() {
			if err := l.withdraw(c, decision); err != nil {
				return err
			}
		}
	}
	return nil
}
