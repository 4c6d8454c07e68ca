package deliver

import (
	"context"
	"errors"
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/compose"
	"portal-invites/internal/pipeline/loop"
)

// send composes and sends one mail after the other until there are no more jobs. One goroutine per connection runs it.
func (d *Delivery) send(ctx context.Context) {
	for j := range d.jobs {
		select {
		case d.unrecorded <- struct{}{}:
		case <-ctx.Done(): // cut off; so is the recorder
		}
		began := time.Now()
		r := result{Job: j.Job}
		_, err := d.Safely("send", func() (bool, error) {
			r.Result = d.sendOne(ctx, j)
			return true, nil
		})
		if err != nil {
			r.Result = mail.Result{Verdict: mail.Refused, Step: mail.StepMessage, Said: "the mail could not be built"}
		}
		if ctx.Err() == nil { // a mail that was cut off says nothing about the server
			d.server.note(r.Result, began)
		}
		r.ended = d.Ledger.Now()
		if r.Verdict == mail.Delivered {
			d.server.took(r.ended)
		}
		d.Observer.Attempted(d.Lane, d.Sender, r.Verdict, time.Since(began))
		d.results <- r
	}
}

func (d *Delivery) sendOne(ctx context.Context, j claimed) mail.Result {
	if ctx.Err() != nil {
		return mail.Result{Verdict: mail.Retry, Step: mail.StepConnect, Said: "the worker is stopping"}
	}
	mayLeave := func() error { return d.mayLeave(ctx, j) }
	if err := mayLeave(); err != nil {
		return mail.Result{Verdict: mail.Retry, Step: mail.StepConnect, Said: err.Error(), Withheld: true}
	}
	if j.Draft.Unwritable != nil {
		return unbuildable(j.Draft.Unwritable)
	}
	inv := j.Draft.Invitation
	now := d.Ledger.Now()
	inv.RecipientName, inv.ExpiresAt, inv.WrittenAt = j.Invite.Name, j.Invite.ExpiresAt, now
	var err error
	if inv.Link, err = d.Keys.URL(inv.Firm.PortalURL, j.Invite.ID, j.Invite.Nonce); err != nil {
		return unbuildable(err)
	}
	content, err := compose.Mail(inv)
	if err != nil {
		return unbuildable(err)
	}
	return d.pool.Send(ctx, mail.Message{
		MessageID: j.Attempt.MessageID,
		FromName:  inv.Firm.Name,
		To:        j.Invite.Email.Written, ToName: j.Invite.Name,
		ReplyTo: j.Draft.ReplyTo,
		FirmID:  j.Invite.FirmID,
		Content: content,
		Date:    now,

		MayLeave: mayLeave,
	})
}

// mayLeave returns why a mail that was claimed may not leave any more. While it can't be found out whether its run was
// stopped, it waits: until the database answers, or the lease ends.
func (d *Delivery) mayLeave(ctx context.Context, j claimed) error {
	for {
		stopped, err := d.Stops.stopped(ctx, j.Invite)
		switch {
		case !d.Lease.Holds(j.term): // the database may have taken long to answer
			return errLeaseEnded
		case stopped:
			return errStopped
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return errStopping
		}
		loop.Wait(ctx, nil, stopsPatience)
	}
}

// stopsPatience is how long a mailer waits until it asks a database again that has failed.
const stopsPatience = 100 * time.Millisecond

var errStopping = errors.New("the mail was not sent: the worker is stopping")

var errLeaseEnded = errors.New("the mail was not sent: the worker's lease had ended, so another worker may send it")

// unbuildable is the result for a mail that can't be composed. The invite fails with an outcome, so nobody is lost.
func unbuildable(err error) mail.Result {
	return mail.Result{Verdict: mail.Refused, Step: mail.StepMessage, Said: err.Error()}
}
