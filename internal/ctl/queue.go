package ctl

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/rules"
)

// queueCmd shows the invites that are decided and have not been sent yet.
type queueCmd struct {
	service
	Output string `short:"o" enum:"table,json,csv" default:"table" help:"table, json or csv."`
}

// Validate is called by kong once the flags are read.
func (c *queueCmd) Validate() error { return checkFirm(c.Firm) }

// Run asks, and prints the answer.
func (c *queueCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	answer, err := conn.Queue(ctx, conn.firm, api.QueueRequest{})
	if err != nil {
		return conn.explainError(ctx, err)
	}
	if waiting(answer) == 0 {
		if err := conn.firmUnknown(ctx); err != nil {
			return err
		}
	}
	if c.Output == outputJSON {
		return printJSON(s.Out, answer)
	}
	if c.Output == outputCSV {
		return writeCSV(s.Out, laneRows(answer.Lanes))
	}
	c.show(s.Out, answer, time.Now())
	return nil
}

// laneRows are the lanes for a spreadsheet.
func laneRows(lanes []api.QueuedLane) [][]string {
	rows := [][]string{{
		"lane", "queued", "sending", "retrying", "held", "sender_unknown", "oldest_at", "next_attempt_at", "postponed",
		"postponed_until",
	}}
	for _, l := range lanes {
		rows = append(rows, []string{
			l.Lane, strconv.Itoa(l.Queued), strconv.Itoa(l.Sending), strconv.Itoa(l.Retrying), strconv.Itoa(l.Held),
			strconv.Itoa(l.SenderUnknown), inCSV(l.OldestAt), inCSV(l.NextAttempt), string(l.Postponed), inCSV(l.PostponedUntil),
		})
	}
	return rows
}

// waiting is the number of mails that have not been sent.
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
	} else {
		list.write(w)
	}
	if p := answer.Pause; p != nil {
		say(w, "", "The firm is paused (firm_paused), so its mails wait: %s. "+
			"An operator ends that with invitectl firm resume.", p)
	} else {
		warnIfPostponed(w, answer.Sender, answer.Postponed)
	}
	c.showPausedRuns(w, answer.PausedRuns)
	for _, lane := range answer.Lanes {
		if last := lane.LastAttempt; last != nil {
			reply := smtpReply(&api.Failure{Stage: last.Stage, SMTPCode: last.SMTPCode, EnhancedCode: last.EnhancedCode})
			say(w, "", "%s: the mail server did not take the newest mail that was tried (%s, %s). %s",
				lane.Lane, reply, shown(last.FinishedAt), last.Said)
		}
		if p := lane.Pause; p != nil {
			say(w, "", "%s: this lane of the firm is paused (firm_paused), so its mails wait: "+
				"%s has paused it at %s: %s. An operator ends that with invitectl firm resume --lane %[1]s.",
				lane.Lane, p.By, shown(p.Since), p.Reason)
		}
		if lane.Postponed == rules.OutsideHours {
			say(w, "", "%s: the mails wait for the hours in which the firm sends (send_hours), until %s.",
				lane.Lane, shown(lane.PostponedUntil))
		}
		if lane.Postponed == rules.OverFirmRate {
			say(w, "", "%s: the firm may send only so many mails in an hour (firm_rate). The next one leaves at %s, "+
				"the last one at about %s.", lane.Lane, shown(lane.PostponedUntil), shown(lane.LastLeavesAt))
		}
		if lane.SenderUnknown > 0 {
			say(w, "", "%s: %s for a sender that is not configured. Add it to SMTP_SENDERS and restart the workers.",
				lane.Lane, waitingMails(lane.SenderUnknown))
		}
		if lane.Held > 0 {
			say(w, "", "%s: %s may or may not have arrived: somebody must decide (INVITE_ON_UNKNOWN=hold). See invitectl held.",
				lane.Lane, count(lane.Held, "mail"))
		}
	}
}

// showPausedRuns says whose runs wait for somebody to resume them.
func (c *queueCmd) showPausedRuns(w io.Writer, runs []api.PausedRun) {
	for _, r := range runs {
		say(w, "", "%s of run %s, which is paused since %s. To go on: invitectl runs resume --firm %s %[2]s",
			waitingMails(r.Pending), r.RunID, stopped(&api.RunStop{At: r.At, By: r.By, Reason: r.Reason}), c.Firm)
	}
}

func waitingMails(n int) string {
	if n == 1 {
		return "1 mail waits"
	}
	return count(n, "mail") + " wait"
}

// since says how long ago something was, to the minute.
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
