package deliver

import (
	"context"
	"math/rand/v2"

	"github.com/google/uuid"

	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// settle ends the attempts of a batch and writes the next states of their invites.
func (d *Delivery) settle(ctx context.Context, tx *ledger.Tx, batch []result) error {
	attempts := make([]store.Attempt, len(batch))
	for i, r := range batch {
		attempts[i] = r.onRecord()
	}
	ended, err := tx.EndAttempts(ctx, d.Ledger.Worker, attempts, tx.Now)
	if err != nil {
		return err
	}
	s := settlement{Delivery: d, tx: tx}
	if s.before, err = tx.Deferrals(ctx, deferred(batch)); err != nil {
		return err
	}
	for i, r := range batch {
		batch[i].final = s.isFinal(r)
		if ended[r.Invite.ID] == store.NotMine {
			continue // another worker took this one for dead, and the invite went elsewhere
		}
		if ended[r.Invite.ID] == store.MineErased {
			refused := r.Verdict == mail.Refused || batch[i].final
			if err := tx.EndErasedAttempt(r.Job, attempts[i], r.Verdict == mail.Delivered, refused); err != nil {
				return err
			}
			continue
		}
		if err := s.settle(r, attempts[i]); err != nil {
			return err
		}
	}
	if err := tx.KeepPauses(ctx, s.pauses); err != nil {
		return err
	}
	if err := tx.CountFailures(ctx, s.failed); err != nil {
		return err
	}
	if err := tx.TakeBack(ctx, s.refused); err != nil {
		return err
	}
	return tx.SuppressBounced(ctx, s.bounced)
}

// onRecord is the attempt as it is stored.
func (r result) onRecord() store.Attempt {
	a := r.Attempt
	a.Server, a.ServerName = r.Server, r.ServerName
	a.Verdict, a.Stage, a.SMTPCode, a.Enhanced, a.Said = string(r.Verdict), string(r.Step), r.Code, r.Enhanced, r.Said
	return a
}

// settlement collects what follows from a batch of attempts. The recorder's goroutine owns it.
type settlement struct {
	*Delivery
	tx      *ledger.Tx
	before  map[uuid.UUID]store.Deferral // earlier deferrals, by invite
	pauses  []store.Attempt              // attempts with the pauses after them
	bounced []store.Bounced              // emails without a mailbox
	failed  []store.MailFailure          // the mails to them
	refused []ledger.Job                 // failed mails whose content no server was given
}

// isFinal says whether an unclear refusal is about the mail after all (ADR 101): the server refused this mail before,
// and has taken another one since.
func (s *settlement) isFinal(r result) bool {
	refused := s.before[r.Invite.ID].Unclear
	return r.Verdict == mail.Unclear && !refused.IsZero() && s.server.lastTaken().After(refused)
}

func (s *settlement) settle(r result, a store.Attempt) error {
	switch {
	case r.Verdict == mail.Delivered:
		return s.tx.Sent(r.Job)
	case r.Verdict == mail.Refused:
		if r.NoMailbox {
			key := rules.EmailKey{FirmID: r.Invite.FirmID, Email: r.Invite.Email.Normal}
			s.bounced = append(s.bounced, store.Bounced{EmailKey: key, At: s.tx.Now})
			s.failed = append(s.failed, store.MailFailure{
				FirmID: r.Invite.FirmID, InviteID: r.Invite.ID, Nonce: r.Invite.Nonce, Kind: store.CauseBounce,
				Sender: r.Invite.Sender, MailedAt: s.tx.Now,
			})
		}
		return s.fail(r, a)
	case s.isFinal(r):
		return s.fail(r, a)
	case r.Verdict == mail.Unknown && s.HoldUnknown:
		s.Log.Warn().Str("firm", r.Invite.FirmID).Str("invite_id", r.Invite.ID.String()).
			Msg(`a mail may or may not have arrived; its invite is held: rule on it with "invitectl held"`)
		s.tx.Hold(r.Job)
	case countsAgainst(r.Result):
		pause, over := backoff(r.Verdict, s.before[r.Invite.ID], s.RetryFor)
		if over {
			return s.fail(r, a)
		}
		if r.Verdict == mail.Unknown {
			s.Log.Warn().Str("firm", r.Invite.FirmID).Str("invite_id", r.Invite.ID.String()).Str("server", r.Result.Server).
				Msg("the mail server was given a mail and did not confirm it; it will be sent again with the same link, " +
					"so it may arrive twice; there is nothing to do")
		}
		a.Pause = pause
		s.pauses = append(s.pauses, a)
		s.tx.Defer(r.Job, pause)
	default: // this uses up no retry time; the breaker waits for the server
		s.tx.Defer(r.Job, shortestPause+rand.N(2*shortestPause))
	}
	return nil
}

// fail enters that a job has failed for good. A mail that ended before its content does not count against limits.
func (s *settlement) fail(r result, a store.Attempt) error {
	if r.Step != mail.StepData && r.Step != mail.StepBody {
		s.refused = append(s.refused, r.Job)
	}
	return s.tx.Fail(r.Job, a)
}
