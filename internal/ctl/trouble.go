package ctl

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
)

// troubleCmd lists the firms with something to look at, those with the most trouble first.
type troubleCmd struct {
	app.Broker
	Limit  int    `default:"10" placeholder:"10" help:"How many to list: 1 to 1000."`
	Output string `short:"o" enum:"table,json,csv" default:"table" help:"table, json with one object a line, or csv."`
}

// Run asks, and prints the answer.
func (c *troubleCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := service{Firm: api.EveryFirm, Broker: c.Broker}.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	answer, err := conn.Trouble(ctx, conn.firm, api.TroubleRequest{Limit: c.Limit})
	if err != nil {
		return conn.explainError(ctx, err)
	}
	if c.Output == outputJSON {
		for _, f := range answer.Firms {
			if err := printJSON(s.Out, f); err != nil {
				return err
			}
		}
		return nil
	}
	if len(answer.Firms) == 0 {
		fmt.Fprintln(s.Err, "Nothing waits, runs or has failed at any firm.")
		return nil
	}
	if c.Output == outputCSV {
		return writeCSV(s.Out, firmRows(answer.Firms))
	}
	now := time.Now()
	list := table{head: []string{
		"FIRM", "TROUBLE", "QUEUED", "RETRYING", "HELD", "LETTERS", "FAILED", "SPAM", "RUNS", "OLDEST WAITS",
	}}
	for _, f := range answer.Firms {
		list.add(f.FirmID, strconv.Itoa(f.Trouble), strconv.Itoa(f.Queued), strconv.Itoa(f.Retrying), strconv.Itoa(f.Held),
			strconv.Itoa(f.DeadLetters), strconv.Itoa(f.Failed), strconv.Itoa(f.Complaints), strconv.Itoa(f.Runs),
			since(f.OldestAt, now))
	}
	list.write(s.Out)
	if answer.More {
		say(s.Err, "", "There are more firms: --limit lists them.")
	}
	return nil
}

// firmRows are the firms for a spreadsheet.
func firmRows(firms []api.FirmNow) [][]string {
	rows := [][]string{{
		"firm_id", "name", "trouble", "paused", "queued", "sending", "retrying", "held", "oldest_at", "dead_letters",
		"failed", "complaints", "runs",
	}}
	for _, f := range firms {
		rows = append(rows, []string{
			f.FirmID, f.Name, strconv.Itoa(f.Trouble), strconv.FormatBool(f.Paused), strconv.Itoa(f.Queued),
			strconv.Itoa(f.Sending), strconv.Itoa(f.Retrying), strconv.Itoa(f.Held), inCSV(f.OldestAt),
			strconv.Itoa(f.DeadLetters), strconv.Itoa(f.Failed), strconv.Itoa(f.Complaints), strconv.Itoa(f.Runs),
		})
	}
	return rows
}
