package demo

import (
	"context"
	"fmt"
	"time"

	"portal-invites/internal/events"
)

// returned lets one mail of the first bulk run come back after a mail server has taken it.
func (t *tour) returned(ctx context.Context) error {
	before, sent, err := t.watcher.run(ctx, t.request)
	if err != nil {
		return err
	}
	mail := firstSent(sent)
	report, err := event(events.MailReported, map[string]any{
		"kind": "bounced", "message_id": mail.MessageID, "email": t.emails[mail.Recipient.ContactID],
		"code": "550 5.1.1", "said": "User unknown", "at": time.Now().UTC(), "reporter": "demo",
	})
	if err != nil {
		return err
	}
	if err := t.feed.publish(ctx, report); err != nil {
		return err
	}
	after, failed, err := t.watcher.revised(ctx, t.request, mail.InviteID)
	if err != nil {
		return err
	}
	t.heading("A mail of the first run comes back")
	t.say("The server took it. Later, the provider reports that %s has no such mailbox. The run's sums before and "+
		"after the report:", mail.Recipient.EmailMasked)
	t.sum(before)
	t.sum(after)
	t.say("What became of %s on %s: sent, and now failed.", t.names[mail.Recipient.ContactID], t.names[mail.ClientID])
	fmt.Fprintf(t.out, "%s\n%s\n\n", wrap(failed.Explanation, "       "), wrap("→ "+failed.Remedy, "         "))
	t.checks.revised(before, after)
	return nil
}

// firstSent returns the sent mail of a run whose client and contact come first in the order of their ids.
func firstSent(list []outcome) (first outcome) {
	for _, o := range list {
		if o.Type == events.InviteSent && (first.Type == "" || o.ClientID+" "+o.Recipient.ContactID <
			first.ClientID+" "+first.Recipient.ContactID) {
			first = o
		}
	}
	return first
}
