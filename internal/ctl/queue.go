package ctl

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
)

// queueCmd shows what has been decided to go out and has not left yet.
type queueCmd struct {
	service
	Output string `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// Validate is called by kong once the flags are read.
func (c *queueCmd) Validate() error { return checkFirm(c.Firm) }

// Run asks, and prints the answer.
func (c *queueCmd) Run(ctx context.Context, s app.Streams) error {
	l, err := c.dial()
	if err != nil {
		return err
	}
	defer l.close()
	answer, err := l.Queue(ctx, l.firm, api.QueueRequest{})
	if err != nil {
		return l.explainError(ctx, err)
	}
	if waiting(answer) == 0 {
		if err := l.firmUnknown(ctx); err != nil {
			return err
		}
	}
	if c.Output == outputJSON {
		return printJSON(s.Out, answer)
	}
	c.show(s.Out, answer, time.Now())
	return nil
}

// waiting is how many mails have not left.
func waiting(answer api.QueueAnswer) (n int) {
	for _, lane := range answer.Lanes {
		n += lane.Queued + lane.Sending
	}
	return n
}

func (c *queueCmd) show(w io.Writer, answer api.QueueAnswer, now time.Time) {
	list := table{head: []string{"LANE", "QUEUED", "SENDING", "RETRYING", "OLDEST WAITS", "NEXT ATTEMPT"}}
	for _, lane := range answer.Lanes {
		list.add(lane.Lane, strconv.Itoa(lane.Queued), strconv.Itoa(lane.Sending), strconv.Itoa(lane.Retrying),
			since(lane.OldestAt, now), shown(lane.NextAttempt))
	}
	if waiting(answer) == 0 {
		fmt.Fprintf(w, "No mail of firm %s waits to be sent.\n", c.Firm)
		return
	}
	list.write(w)
	for _, lane := range answer.Lanes {
		if last := lane.LastAttempt; last != nil {
			reply := smtpReply(&api.Failure{Stage: last.Stage, SMTPCode: last.SMTPCode, EnhancedCode: last.EnhancedCode})
			say(w, "", "%s: the mail server did not take the newest one that was tried (%s, %s). %s", lane.Lane, reply, shown(last.FinishedAt), last.Said)
		}
		if lane.Held > 0 {
			say(w, "", "%s: %s may or may not have arrived, and wait for a person to decide (INVITE_ON_UNKNOWN=hold). See invitectl held.", lane.Lane, count(lane.Held, "mail"))
		}
	}
}

// since is how long ago something was, to the minute.
func since(at, now time.Time) string {
	switch {
	case at.IsZero():
		return ""
	case now.Sub(at) < time.Minute:
		return "under a minute"
	default:
		return inWords(now.Sub(at).Truncate(time.Minute))
	}
}
