package ctl

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
)

// sendersCmd lists the senders with what waits for them and what became of their mails.
type sendersCmd struct {
	app.Broker
	Output string `short:"o" enum:"table,json,csv" default:"table" help:"table, json with one object a line, or csv."`
}

// Run asks, and prints the answer.
func (c *sendersCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := service{Firm: api.EveryFirm, Broker: c.Broker}.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	answer, err := conn.Senders(ctx, conn.firm, api.SendersRequest{})
	if err != nil {
		return conn.explainError(ctx, err)
	}
	switch c.Output {
	case outputJSON:
		for _, one := range answer.Senders {
			if err := printJSON(s.Out, one); err != nil {
				return err
			}
		}
		return nil
	case outputCSV:
		return writeCSV(s.Out, senderRows(answer.Senders))
	}
	now := time.Now()
	list := table{head: []string{
		"SENDER", "FROM", "FIRMS", "QUEUED", "MAILS", "BOUNCED", "SPAM", "OLDEST",
	}}
	for _, one := range answer.Senders {
		list.add(senderName(one.Sender), one.From, strconv.Itoa(one.Firms), strconv.Itoa(one.Queued),
			strconv.Itoa(one.Mails), strconv.Itoa(one.Bounces), strconv.Itoa(one.Complaints), since(one.OldestAt, now))
	}
	list.write(s.Out)
	for _, one := range answer.Senders {
		if !one.Configured {
			say(s.Out, "", "No worker is configured for the sender %s, so the mails of %s wait. Add it to SMTP_SENDERS of all "+
				"workers, or publish a FirmUpserted with another sender.", one.Sender, count(one.Firms, "firm"))
		}
		if last := one.LastAttempt; last != nil {
			say(s.Out, "", "%s: the server did not accept %s. The last attempt was %s: %s", senderName(one.Sender),
				count(one.Retrying, "mail"), last.Verdict, cmp.Or(last.Said, "the server said nothing"))
		}
	}
	return nil
}

// senderName is what a sender is called; the default one has no name.
func senderName(name string) string { return cmp.Or(name, "(default)") }

// senderRows are the senders for a spreadsheet.
func senderRows(senders []api.SenderNow) [][]string {
	rows := [][]string{{
		"sender", "configured", "from", "host", "port", "dkim_record", "firms", "paused_firms", "queued", "sending",
		"retrying", "held", "oldest_at", "mails", "bounces", "complaints",
	}}
	for _, one := range senders {
		rows = append(rows, []string{
			one.Sender, strconv.FormatBool(one.Configured), one.From, one.Host, strconv.Itoa(one.Port), one.DKIMRecord,
			strconv.Itoa(one.Firms), strconv.Itoa(one.PausedFirms), strconv.Itoa(one.Queued), strconv.Itoa(one.Sending),
			strconv.Itoa(one.Retrying), strconv.Itoa(one.Held), inCSV(one.OldestAt), strconv.Itoa(one.Mails),
			strconv.Itoa(one.Bounces), strconv.Itoa(one.Complaints),
		})
	}
	return rows
}
