package ctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
)

// firmCmd pauses firms and ends pauses.
type firmCmd struct {
	List   listPausesCmd `cmd:"" default:"withargs" help:"List the firms that are paused (the default)."`
	Pause  pauseFirmCmd  `cmd:"" help:"Let no mail of a firm or a lane of it leave. Nobody is skipped or fails because of that."`
	Resume resumeFirmCmd `cmd:"" help:"Let the mails of a firm, or of one lane of it, leave again."`
}

type listPausesCmd struct {
	app.Broker
	Output string `short:"o" enum:"table,json" default:"table" help:"table, or json with one object a line."`
}

// Run asks, and prints the answer.
func (c *listPausesCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := service{Firm: api.AllFirms, Broker: c.Broker}.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	rows, found := table{head: []string{"FIRM", "LANES", "SINCE (UTC)", "CAUSE", "BY", "WHY"}}, 0
	err = allPages(ctx, func(cursor string) (string, error) {
		page, err := conn.Pauses(ctx, api.AllFirms, api.PausesRequest{Page: api.Page{Limit: api.MaxLimit, Cursor: cursor}})
		found += len(page.Firms)
		for _, p := range page.Firms {
			if c.Output == outputJSON {
				err = errors.Join(err, printJSON(s.Out, p))
			} else {
				rows.add(p.FirmID, cmp.Or(p.Lane, "both"), shown(p.Since), p.Cause, p.By, p.Reason)
			}
		}
		return page.Next, err
	})
	switch {
	case err != nil:
		return conn.explainError(ctx, err)
	case c.Output == outputJSON:
	case found == 0:
		fmt.Fprintln(s.Err, "No firm is paused.")
	default:
		rows.write(s.Out)
	}
	return nil
}

// whichFirm says which firm is paused or resumed, why, and by whom.
type whichFirm struct {
	service
	Lane   string `enum:"individual,bulk," default:"" help:"Only this lane: individual or bulk; both if not given."`
	Reason string `required:"" placeholder:"TEXT" help:"Why. Others read it in queue and in this list."`
	By     string `placeholder:"NAME" help:"Who does it; your login at this machine if not given."`
	Output string `short:"o" enum:"text,json" default:"text" help:"text or json."`
}

// Validate is called by kong once the flags are read.
func (c *whichFirm) Validate() error { return checkFirm(c.Firm) }

func (c *whichFirm) run(ctx context.Context, s app.Streams, action, done, doneLane string) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	answer, err := conn.Pauses(ctx, api.AllFirms,
		api.PausesRequest{Action: action, FirmID: c.Firm, Lane: c.Lane, Reason: c.Reason, By: requester(c.By)})
	if err != nil {
		return conn.explainError(ctx, err)
	}
	if c.Output == outputJSON {
		return printJSON(s.Out, answer.Firms[0])
	}
	if c.Lane != "" {
		say(s.Out, "", doneLane, c.Firm, c.Lane)
		return nil
	}
	say(s.Out, "", done, c.Firm)
	return nil
}

type pauseFirmCmd struct{ whichFirm }

// Run pauses the firm.
func (c *pauseFirmCmd) Run(ctx context.Context, s app.Streams) error {
	return c.run(ctx, s, api.PauseFirm,
		"Firm %[1]s is paused. Its mails wait until: invitectl firm resume --firm %[1]s",
		"The %[2]s lane of firm %[1]s is paused. Its mails wait until: invitectl firm resume --firm %[1]s --lane %[2]s")
}

type resumeFirmCmd struct{ whichFirm }

// Run ends the firm's pause.
func (c *resumeFirmCmd) Run(ctx context.Context, s app.Streams) error {
	return c.run(ctx, s, api.ResumeFirm, "The mails of firm %s leave again.",
		"The mails of the %[2]s lane of firm %[1]s leave again.")
}
