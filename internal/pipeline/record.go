package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

const (
	// unrecordedPerConnection is how many mails may have left without their results being on record, for each connection: these
	// may leave twice if the worker dies.
	unrecordedPerConnection = 8
	// recordWithin is how long a result waits, while more mails are about to leave, for three quarters of as many to be recorded with:
	// the last quarter leaves meanwhile.
	recordWithin = 20 * time.Millisecond
)

// record writes results as they come in, those that have gathered meanwhile together.
func (d *delivery) record(ctx context.Context) error {
	for first := range d.results {
		batch := d.gather(first)
		if err := d.recordAll(ctx, batch); err != nil {
			return err // cut off: the attempts stay open, and the next worker takes their result for unknown
		}
		d.recorded(len(batch))
		d.window.giveBack(len(batch))
	}
	return nil
}

// recorded lets as many more mails leave.
func (d *delivery) recorded(n int) {
	for range n {
		select {
		case <-d.unrecorded:
		default: // a mail that was cut off has not left
		}
	}
}

func (d *delivery) gather(first result) []result {
	batch := []result{first}
	late := time.NewTimer(recordWithin)
	defer late.Stop()
	for open := true; open; {
		var r result
		select {
		case r, open = <-d.results:
		default:
			if len(batch) >= cap(d.unrecorded)*3/4 || len(d.jobs) == 0 {
				return batch
			}
			select {
			case r, open = <-d.results:
			case <-late.C:
				return batch
			}
		}
		if open {
			batch = append(batch, r)
		}
	}
	return batch
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
		attempts[i] = r.onRecord()
	}
	mine, err := tx.EndAttempts(ctx, attempts, l.now)
	if err != nil {
		return err
	}
	s := settlement{ledger: l}
	if s.before, err = tx.PutOffs(ctx, putOff(batch)); err != nil {
		return err
	}
	for i, r := range batch {
		if !mine[r.invite.ID] {
			continue // this worker was taken for dead, and another one has the invite
		}
		if err := s.settle(r, attempts[i]); err != nil {
			return err
		}
	}
	if err := tx.KeepPauses(ctx, s.pauses); err != nil {
		return err
	}
	return tx.SuppressBounced(ctx, s.bounced)
}

// onRecord is an attempt as it is kept.
func (r result) onRecord() store.Attempt {
	a := r.attempt
	a.Server, a.ServerName = r.Server, r.ServerName
	a.Verdict, a.Stage, a.SMTPCode, a.Enhanced, a.Said = string(r.Verdict), string(r.Stage), r.Code, r.Enhanced, r.Said
	return a
}

// settlement is what becomes of a batch of attempts.
type settlement struct {
	*ledger
	before  map[uuid.UUID]store.PutOff
	pauses  []store.Attempt  // with the pauses that they are followed by
	bounced []rules.EmailKey // nobody gets mail there
}

func (s *settlement) settle(r result, a store.Attempt) error {
	before, next := r.invite, r.invite
	switch {
	case r.Verdict == mail.Delivered:
		next.State, next.SentAt = store.Sent, s.now
		next.Revision++
		if next.Kind == rules.Resend {
			s.resent = append(s.resent, next)
		}
		if err := s.tellSent(r.request, next, a.MessageID); err != nil {
			return err
		}
	case r.Verdict == mail.Refused:
		if r.NoMailbox {
			s.bounced = append(s.bounced, rules.EmailKey{FirmID: before.FirmID, Email: before.Email.Normal})
		}
		return s.fail(r, a)
	case r.Verdict == mail.Unknown && s.w.OnUnknown == HoldUnknown:
		next.State, next.HeldAt = store.Queued, s.now
		s.w.Log.Warn().Str("firm", next.FirmID).Str("invite_id", next.ID.String()).Msg("a mail may or may not have arrived; its invite is held for a person to decide")
	case countsAgainst(r.Result):
		pause, over := backoff(r.Verdict, s.before[before.ID], s.w.RetryFor)
		if over {
			return s.fail(r, a)
		}
		a.Pause = pause
		s.pauses = append(s.pauses, a)
		next.State, next.NextAttempt = store.Queued, s.now.Add(pause)
	default:
		next.State, next.NextAttempt = store.Queued, s.now.Add(shortestPause+rand.N(2*shortestPause))
	}
	s.count(before, next)
	s.write(before, next)
	return nil
}

func (s *settlement) fail(r result, a store.Attempt) error {
	before, next := r.invite, r.invite
	next.State, next.NextAttempt = store.Failed, time.Time{}
	next.Revision++
	s.released = append(s.released, before)
	explanation, remedy := FailureWords(a, before)
	if err := s.tellFailed(r.request, next, a, explanation, remedy); err != nil {
		return err
	}
	s.count(before, next)
	s.write(before, next)
	return nil
}
