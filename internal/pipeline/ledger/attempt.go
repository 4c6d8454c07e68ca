package ledger

import (
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Job is an attempt to send an invite's mail.
type Job struct {
	Request store.Request
	Invite  store.Invite // in the state sending
	Attempt store.Attempt
	Draft   Draft

	Warnings []rules.Warning // about facts that the decision to send should have been made on
}

// attempt makes the job of the next attempt at an invite.
func (t *Tx) attempt(c Candidate, invite store.Invite) Job {
	c.Ask.Person = invite.Person
	draft, err := NewDraft(t.Book, c)
	if err == nil {
		err = t.ledger.Portals.Check(draft.Invitation.Firm.PortalURL)
	}
	draft.Unwritable = err
	invite.State, invite.NextAttempt = store.Sending, time.Time{}
	invite.Attempt++
	return Job{
		Request: c.Request, Invite: invite, Draft: draft, Warnings: t.Book.Warnings(c.Ask),
		Attempt: store.Attempt{
			InviteID: invite.ID, Number: invite.Attempt, Email: invite.Email.Normal, Sender: invite.Sender,
			MessageID: mail.MessageID(invite.ID, invite.Nonce,
				t.ledger.Proofs.Of(invite.FirmID, invite.ID, invite.Email.Normal), t.ledger.Senders[invite.Sender]),
		},
	}
}

func invitesOf(jobs []Job) []store.Invite {
	invites := make([]store.Invite, len(jobs))
	for i, j := range jobs {
		invites[i] = j.Invite
	}
	return invites
}

func attemptsOf(jobs []Job) []store.Attempt {
	attempts := make([]store.Attempt, len(jobs))
	for i, j := range jobs {
		attempts[i] = j.Attempt
	}
	return attempts
}

// Sent enters that the mail server has accepted the mail of a job.
func (t *Tx) Sent(j Job) error {
	next := j.Invite
	next.State, next.SentAt = store.Sent, t.Now
	next.Revision++
	if next.Kind == rules.Resend {
		t.resent = append(t.resent, next)
	}
	if err := t.reportSent(j.Request, next, j.Attempt.MessageID, j.Warnings); err != nil {
		return err
	}
	t.count(j.Invite, next)
	t.write(j.Invite, next)
	return nil
}

// Fail enters that a job has failed for good. The attempt says why. The access that the invite began ends (ADR 13).
func (t *Tx) Fail(j Job, a store.Attempt) error {
	next := j.Invite
	next.State, next.NextAttempt = store.Failed, time.Time{}
	next.Revision++
	t.released = append(t.released, j.Invite)
	if err := t.reportFailed(j.Request, next, a, j.Warnings); err != nil {
		return err
	}
	t.count(j.Invite, next)
	t.write(j.Invite, next)
	return nil
}

// Defer puts a job back into the queue. It is due after the pause.
func (t *Tx) Defer(j Job, pause time.Duration) { t.queueAgain(j, t.Now.Add(pause), time.Time{}) }

// Hold holds the invite of a job whose mail may or may not have arrived. It stays queued and is not due (ADR 71).
func (t *Tx) Hold(j Job) { t.queueAgain(j, time.Time{}, t.Now) }

func (t *Tx) queueAgain(j Job, nextAttempt, heldAt time.Time) {
	next := j.Invite
	next.State, next.NextAttempt, next.HeldAt = store.Queued, nextAttempt, heldAt
	t.count(j.Invite, next)
	t.write(j.Invite, next)
}
