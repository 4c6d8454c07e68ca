package pipeline

import (
	"context"
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/compose"
)

// send composes and sends one mail after the other until there are no more jobs. There are as many of it as there may be
// connections.
func (d *delivery) send(ctx context.Context) {
	for j := range d.jobs {
		select {
		case d.unrecorded <- struct{}{}:
		case <-ctx.Done(): // cut off, and so is the recorder
		}
		began := time.Now()
		r := result{job: j}
		_, err := d.safely("send", func() (bool, error) {
			r.Result = d.sendOne(ctx, j)
			return true, nil
		})
		if err != nil {
			r.Result = mail.Result{Verdict: mail.Refused, Stage: mail.StageMessage, Said: "the mail could not be built"}
		}
		if ctx.Err() == nil { // a mail that was cut off says nothing of the server
			d.server.note(r.Result, began)
		}
		d.Observer.Attempted(d.lane, r.Verdict, time.Since(began))
		d.results <- r
	}
}

func (d *delivery) sendOne(ctx context.Context, j job) mail.Result {
	if ctx.Err() != nil {
		return mail.Result{Verdict: mail.Retry, Stage: mail.StageConnect, Said: "the worker is stopping"}
	}
	if j.letter.unwritable != nil {
		return unbuildable(j.letter.unwritable)
	}
	inv := j.letter.invitation
	inv.RecipientName, inv.ExpiresAt = j.invite.Name, j.invite.ExpiresAt
	var err error
	if inv.Link, err = d.Keys.URL(inv.Firm.PortalURL, j.invite.ID, j.invite.Nonce); err != nil {
		return unbuildable(err)
	}
	content, err := compose.Mail(inv)
	if err != nil {
		return unbuildable(err)
	}
	return d.pool.Send(ctx, mail.Message{
		MessageID: j.attempt.MessageID,
		FromName:  inv.Firm.Name,
		To:        j.invite.Email.Written, ToName: j.invite.Name,
		ReplyTo: j.letter.replyTo,
		FirmID:  j.invite.FirmID,
		Content: content,
		Date:    d.Now(),
	})
}

// unbuildable is a mail that can't be made of what is known: nobody is lost over it, the invite stands as failed.
func unbuildable(err error) mail.Result {
	return mail.Result{Verdict: mail.Refused, Stage: mail.StageMessage, Said: err.Error()}
}
