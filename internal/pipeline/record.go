package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// recordBatch is the most results written in one transaction.
const recordBatch = 200

// record writes results as they come in, those that have gathered meanwhile together.
func (d *delivery) record(ctx context.Context) error {
	for first := range d.results {
		batch := []result{first}
		for more := true; more && len(batch) < recordBatch; {
			select {
			case r, open := <-d.results:
				if more = open; open {
					batch = append(batch, r)
				}
			default:
				more = false
			}
		}
		if err := d.recordAll(ctx, batch); err != nil {
			return err // cut off: the attempts stay open, and the next worker takes their result for unknown
		}
		d.giveBack(len(batch))
	}
	return nil
}

// recordAll does not give up while it may go on: what it holds is the only knowledge of mails that have left.
func (d *delivery) recordAll(ctx context.Context, batch []result) error {
	out := d.outage("record")
	defer out.over()
	for {
		err := d.commit(ctx, func(tx *store.Tx, l *ledger) error { return d.settle(ctx, tx, l, batch) })
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the results of %d mails could not be recorded: %w", len(batch), err)
		}
		out.wait(ctx, err)
	}
}

// settle ends attempts and writes what becomes of their invites.
func (d *delivery) settle(ctx context.Context, tx *store.Tx, l *ledger, batch []result) error {
	attempts := make([]store.Attempt, len(batch))
	for i, r := range batch {
		a := r.attempt
		a.Verdict, a.Stage, a.SMTPCode, a.Enhanced, a.Said = string(r.Verdict), string(r.Stage), r.Code, r.Enhanced, r.Said
		attempts[i] = a
	}
	mine, err := tx.EndAttempts(ctx, d.id, attempts, l.now)
	if err != nil {
		return err
	}
	for i, r := range batch {
		before, still := mine[r.invite.ID]
		if !still {
			continue // this worker was taken for dead, and another one has the invite
		}
		if err := l.settle(r, before, attempts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) settle(r result, before store.Invite, a store.Attempt) error {
	next := before
	switch {
	case r.Verdict == mail.Delivered:
		next.State, next.SentAt = store.Sent, l.now
		next.Revision++
		if next.Kind == rules.Resend {
			l.resent = append(l.resent, next)
		}
		if err := l.tellSent(r.request, next, a.MessageID); err != nil {
			return err
		}
	case r.Verdict == mail.Refused || l.now.Sub(before.DecidedAt) > retryFor:
		next.State, next.NextAttempt = store.Failed, time.Time{}
		next.Revision++
		l.released = append(l.released, before)
		explanation, remedy := FailureWords(a, before)
		if err := l.tellFailed(r.request, next, a, explanation, remedy); err != nil {
			return err
		}
	case r.Verdict == mail.Unknown && l.w.OnUnknown == HoldUnknown:
		next.State, next.NextAttempt = store.Queued, rules.Forever
		l.w.Log.Warn().Str("firm", next.FirmID).Str("invite_id", next.ID.String()).Msg("a mail may or may not have arrived; its invite is held for a person to decide")
	default:
		next.State, next.NextAttempt = store.Queued, l.now.Add(backoff(r.Verdict, r.Stage, a.Number))
	}
	l.count(before, next)
	l.write(before, next)
	return nil
}

// retryFor is how long a mail is tried before the invite fails.
const retryFor = 72 * time.Hour

// backoff is how long an invite waits before its next attempt: exponentially longer with full jitter, from a minute to two
// hours. Where the server could not be reached or does not let us in, the wait is the breaker's and not the invite's.
func backoff(v mail.Verdict, stage mail.Stage, attempt int) time.Duration {
	const shortest, longest = time.Minute, 2 * time.Hour
	switch {
	case v == mail.Misconfigured || stage == mail.StageConnect:
		return 0
	case v == mail.Throttled:
		return shortest + rand.N(shortest)
	case v == mail.Unknown:
		return rand.N(shortest) // the sooner it leaves again, the likelier the two are seen as one
	}
	ceiling := min(shortest<<min(max(attempt-1, 0), 10), longest)
	return ceiling/2 + rand.N(ceiling/2)
}
