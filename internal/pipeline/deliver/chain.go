package deliver

import (
	"context"
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/smtp"
)

// departure is a job that a mailer has.
type departure struct {
	claimed
	began time.Time
	ended bool // its result is known
}

// sendChain sends a mail, and behind it, over the same connection, mails for which no other connection is free. Each
// gets a result, whatever happens.
func (d *Delivery) sendChain(ctx context.Context, first *departure) {
	taken := []*departure{first}
	_, err := d.Safely("send", func() (bool, error) {
		if m := d.write(ctx, first); m != nil {
			d.pool.SendChain(ctx, m, func() *smtp.Mail {
				for {
					p := d.follower(ctx)
					if p == nil {
						return nil
					}
					taken = append(taken, p)
					if m := d.write(ctx, p); m != nil {
						return m
					}
				}
			})
		}
		return true, nil
	})
	if err == nil {
		return
	}
	said := unbuilt
	for _, p := range taken {
		if !p.ended {
			d.finish(ctx, p, said)
			said = notBegun // of the mails behind it, no content has left
		}
	}
}

// slowServer is the mean time of a mail above which a server is slow. Then no mail waits behind another, because some
// connection may be free sooner, and the way to the server hardly counts.
const slowServer = time.Second

// follower takes a job whose mail may follow another one over its connection. There is one only while no connection is
// free, because a free one would have taken it.
func (d *Delivery) follower(ctx context.Context) *departure {
	if ctx.Err() != nil || len(d.jobs) == 0 || d.window.meanTime() > slowServer {
		return nil
	}
	select {
	case d.unrecorded <- struct{}{}:
	default: // first the results of others are recorded
		return nil
	}
	select {
	case j, open := <-d.jobs:
		if open {
			return &departure{claimed: j, began: time.Now()}
		}
	default:
	}
	d.recorded(1)
	return nil
}

var (
	// unbuilt is the result of a mail whose job has panicked.
	unbuilt = mail.Result{Verdict: mail.Refused, Step: mail.StepMessage, Said: "the mail could not be built"}
	// notBegun is the result of a mail that was to follow it.
	notBegun = mail.Result{
		Verdict: mail.Retry, Step: mail.StepConnect, Said: "the mail was not sent: the one before it could not be built",
		Withheld: true,
	}
)
