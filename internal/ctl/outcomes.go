package ctl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// outcomesCmd prints what became of invites, straight from the stream.
type outcomesCmd struct {
	Firm   string        `placeholder:"FIRM" help:"Only of this firm; all firms if not given."`
	Since  moment        `placeholder:"2h|TIME" help:"Begin that long ago, or at a time in RFC 3339. Without it: at the beginning of the stream, or with --follow only new outcomes."`
	Type   []events.Type `placeholder:"TYPE" help:"Only of these types: InviteSent, InviteSkipped, InviteFailed, InviteDelivered, InviteAccepted, InviteDeclined, InviteExpired, AccessRemoved, RunProgressed, RunCompleted, RunRevised, RunPaused, RunResumed, RunCancelled, RunScheduled, FirmChanged."`
	Reason []rules.Code  `placeholder:"REASON" help:"Only skips for these reasons, for example email_shared: the first rule that failed."`
	RunID  string        `name:"run" placeholder:"ID" help:"Only of this run or replay."`
	Follow bool          `short:"f" help:"At the end of the stream go on with new outcomes, until Ctrl-C."`
	Output string        `short:"o" enum:"table,json" default:"table" help:"table, or json with one object a line."`
	app.Broker
}

// Validate is called by kong once the flags are read.
func (c *outcomesCmd) Validate() error {
	if c.Firm != "" {
		if err := checkFirm(c.Firm); err != nil {
			return err
		}
	}
	for _, t := range c.Type {
		if !slices.Contains(events.OutcomeTypes(), t) {
			return fmt.Errorf("--type: %q is not a type of outcome (example: %s)", t, events.InviteSkipped)
		}
	}
	if len(c.Reason) > 0 && len(c.Type) > 0 && !slices.Contains(c.Type, events.InviteSkipped) {
		return errors.New("--reason: only InviteSkipped has a reason; leave out --type, or add that type to it")
	}
	return errors.Join(checkReasons(c.Reason), checkID("run", c.RunID))
}

// Run reads until the end of the stream, or until it is asked to stop.
func (c *outcomesCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := service{c.Firm, c.Broker}.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	journal, err := c.open(ctx, s, conn)
	if err != nil {
		return err
	}
	each, found := c.printer(s), false
	err = journal.read(ctx, c.Follow, func(o outcome) error {
		if c.RunID != "" && !o.ofRun(c.RunID) {
			return nil
		}
		found = true
		return each(o)
	})
	if err == nil && !found && !c.Follow {
		err = conn.firmUnknown(ctx)
	}
	return err
}

// open asks the workers about one firm. All firms are read from the stream itself.
func (c *outcomesCmd) open(ctx context.Context, s app.Streams, conn connection) (journal, error) {
	start := from{since: c.Since.Time, now: c.Follow && c.Since.IsZero()}
	if c.Firm == "" {
		return openStream(ctx, conn.js, start, events.OutcomeSubjects("", c.Type, c.Reason)...)
	}
	ask := api.OutcomesRequest{Types: c.Type, Reasons: c.Reason, RunID: c.RunID}
	j, err := conn.openJournal(ctx, start, ask)
	if err != nil {
		return nil, err
	}
	j.resync = func() {
		say(s.Err, "", "The stream of outcomes was made anew. What follows begins at its beginning.")
	}
	return j, nil
}

func (c *outcomesCmd) printer(s app.Streams) func(outcome) error {
	if c.Output == outputJSON {
		return func(o outcome) error { return printJSON(s.Out, o) }
	}
	rows := rowWriter{s.Out, []int{14, 9, 12, 15, 22}} // 80 columns, with the gaps between them
	if c.Firm == "" {
		rows.widths = []int{14, 9, 8, 8, 9, 22}
	}
	begun := false
	return func(o outcome) error {
		if !begun {
			begun = true
			rows.write(c.cells("TIME (UTC)", "OUTCOME", "FIRM", "CLIENT", "RECIPIENT", "DETAIL")...)
		}
		client := o.ClientID
		if client == "" {
			client = "run " + o.RunID[:min(8, len(o.RunID))] // -o json has all of it
		}
		rows.write(c.cells(o.Time.UTC().Format("01-02 15:04:05"), o.short(), o.FirmID, client, o.person(), o.detail())...)
		return nil
	}
}

// cells leaves the firm out if all rows have the same one.
func (c *outcomesCmd) cells(at, what, firm, client, person, detail string) []string {
	if c.Firm == "" {
		return []string{at, what, firm, client, person, detail}
	}
	return []string{at, what, client, person, detail}
}

// Checks of flags that several commands share.

func checkFirm(firm string) error {
	if firm == "" {
		return errors.New("--firm: missing (example: --firm acme-cpa)")
	}
	if firm == noFirm {
		return nil
	}
	if err := events.CheckFirm(firm); err != nil {
		return fmt.Errorf("--firm: %s", strings.TrimPrefix(err.Error(), "firm: "))
	}
	return nil
}

func checkReasons(reasons []rules.Code) error {
	for _, reason := range reasons {
		if !reason.Known() {
			return fmt.Errorf("--reason: %q is not a reason code (example: email_shared); docs/contract.md lists them", reason)
		}
	}
	return nil
}

// checkID checks that an optional id is a UUID, as in outcomes.
func checkID(flag, id string) error {
	if id == "" {
		return nil
	}
	if _, err := uuid.Parse(id); err != nil {
		return fmt.Errorf("--%s: must be a UUID, as in outcomes", flag)
	}
	return nil
}
