package deliver

import (
	"context"
	"errors"
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/compose"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/pipeline/loop"
)

// send sends one mail after the other until there are no more jobs. One goroutine per connection runs it.
func (d *Delivery) send(ctx context.Context) {
	for j := range d.jobs {
		select {
		case d.unrecorded <- struct{}{}:
		case <-ctx.Done(): // cut off; so is the recorder
		}
		d.sendChain(ctx, &departure{claimed: j, began: time.Now()})
	}
}

// write composes and builds a mail. It returns nil if the mail may not leave or can't be built. Then its result is
// known.
func (d *Delivery) write(ctx context.Context, p *departure) (m *smtp.Mail) {
	_, err := d.Safely("write", func() (bool, error) {
		message, failed := d.compose(ctx, p.claimed)
		if failed != nil {
			d.finish(ctx, p, *failed)
			return true, nil
		}
		m = d.pool.Build(ctx, message, func(r mail.Result) { d.finish(ctx, p, r) })
		return true, nil
	})
	if err != nil && !p.ended {
		d.finish(ctx, p, unbuilt)
	}
	return m
}

// finish gives the result of a job to the recorder.
func (d *Delivery) finish(ctx context.Context, p *departure, r mail.Result) {
	p.ended = true
	if ctx.Err() == nil { // a mail that was cut off says nothing about the server
		d.server.note(r, p.began)
	}
	ended := d.Ledger.Now()
	if r.Verdict == mail.Delivered {
		d.server.took(ended)
	}
	d.Observer.Attempted(d.Lane, d.Sender, r.Verdict, time.Since(p.began))
	d.results <- result{Job: p.Job, Result: r, ended: ended}
}

// compose makes the message of a job. If it can't, it returns the result of the job.
func (d *Delivery) compose(ctx context.Context, j claimed) (mail.Message, *mail.Result) {
	if ctx.Err() != nil {
		return mail.Message{}, &mail.Result{Verdict: mail.Retry, Step: mail.StepConnect, Said: "the worker is stopping"}
	}
	mayLeave := func() error { return d.mayLeave(ctx, j) }
	if err := mayLeave(); err != nil {
		return mail.Message{}, &mail.Result{
			Verdict: mail.Retry, Step: mail.StepConnect, Said: err.Error(), Withheld: true,
		}
	}
	if j.Draft.Unwritable != nil {
		return mail.Message{}, unbuildable(j.Draft.Unwritable)
	}
	inv := j.Draft.Invitation
	now := d.Ledger.Now()
	inv.RecipientName, inv.ExpiresAt, inv.WrittenAt = j.Invite.Name, j.Invite.ExpiresAt, now
	var err error
	if inv.Link, err = d.Keys.URL(inv.Firm.PortalURL, j.Invite.ID, j.Invite.Nonce); err != nil {
		return mail.Message{}, unbuildable(err)
	}
	content, err := compose.Mail(inv)
	if err != nil {
		return mail.Message{}, unbuildable(err)
	}
	return mail.Message{
		MessageID: j.Attempt.MessageID,
		FromName:  inv.Firm.Name,
		To:        j.Invite.Email.Written, ToName: j.Invite.Name,
		ReplyTo: j.Draft.ReplyTo,
		FirmID:  j.Invite.FirmID,
		Content: content,
		Date:    now,

		MayLeave: mayLeave,
	}, nil
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
func unbuildable(err error) *mail.Result {
	return &mail.Result{Verdict: mail.Refused, Step: mail.StepMessage, Said: err.Error()}
}
