package ctl

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
)

// recoverCmd takes what a restored database has lost from the stream of outcomes.
type recoverCmd struct {
	app.Broker
	DryRun bool `help:"Only count what is lost."`
	List   bool `help:"List the recovered invites that no request on the stream has asked for again."`
	Gaps   bool `help:"List the events that passed out of the stream before they were handled."`
	// Acknowledge ends what readiness and the metric say about the gaps.
	Acknowledge bool   `help:"Note that you know of these events, so that /readyz and the metric no longer tell of them."`
	By          string `placeholder:"NAME" help:"Who acknowledges; your login at this machine if not given."`
	Output      string `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// Validate is called by kong once the flags are read.
func (c *recoverCmd) Validate() error {
	given := ""
	for _, f := range []struct {
		name string
		set  bool
	}{{"--dry-run", c.DryRun}, {"--list", c.List}, {"--gaps", c.Gaps}, {"--acknowledge", c.Acknowledge}} {
		if f.set && given != "" {
			return fmt.Errorf("%s: can't be combined with %s", given, f.name)
		}
		if f.set {
			given = f.name
		}
	}
	if c.By != "" && !c.Acknowledge {
		return fmt.Errorf("--by: needs --acknowledge")
	}
	return nil
}

// Run asks, and prints the answer.
func (c *recoverCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := service{Firm: api.AllFirms, Broker: c.Broker}.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	switch {
	case c.Gaps, c.Acknowledge:
		return c.gaps(ctx, conn, s.Out)
	case c.List:
		return c.list(ctx, conn, s.Out)
	case c.DryRun:
		return c.check(ctx, conn, s.Out)
	default:
		return c.mend(ctx, conn, s)
	}
}

// check counts what is lost, call by call.
func (c *recoverCmd) check(ctx context.Context, conn connection, w io.Writer) error {
	total := api.RecoverAnswer{Lost: map[string]int{}}
	for request := (api.RecoverRequest{Action: api.CheckLost}); ; request.From = total.Next {
		part, err := conn.Recover(ctx, conn.firm, request)
		if err != nil {
			return conn.explainError(ctx, err)
		}
		for t, n := range part.Lost {
			total.Lost[t] += n
		}
		total.Known, total.Read, total.Last, total.Next = part.Known, part.Read, part.Last, part.Next
		if part.Next == 0 {
			break
		}
	}
	if c.Output == outputJSON {
		return printJSON(w, total)
	}
	if len(total.Lost) == 0 {
		fmt.Fprintf(w, "The database knows all outcomes of the stream, up to sequence %d. Nothing is lost.\n", total.Last)
		return nil
	}
	fmt.Fprintf(w, "The database knows the stream of outcomes up to sequence %d, and the stream ends at %d. It has "+
		"lost:\n", total.Known, total.Last)
	showLost(w, total.Lost)
	say(w, "", "Nothing was changed. Without --dry-run, the database takes this from the stream, and the workers go on.")
	return nil
}

// mend recovers, call by call.
func (c *recoverCmd) mend(ctx context.Context, conn connection, s app.Streams) error {
	var done api.RecoverAnswer
	for !done.Done {
		var err error
		if done, err = conn.Recover(ctx, conn.firm, api.RecoverRequest{Action: api.RecoverLost}); err != nil {
			return conn.explainError(ctx, err)
		}
		switch {
		case done.Done:
		case done.Read < done.Last:
			fmt.Fprintf(s.Err, "%d of %d outcomes are read\n", done.Read, done.Last)
		default:
			fmt.Fprintln(s.Err, "all outcomes are read, and are being entered")
		}
	}
	if c.Output == outputJSON {
		return printJSON(s.Out, done)
	}
	fmt.Fprintln(s.Out, "The database has taken from the stream what it had lost:")
	showLost(s.Out, done.Lost)
	say(s.Out, "", "The workers go on within a second. They read the facts and requests again that the database may "+
		"lack, and mail nobody whose mail is on the stream. When they have read all: invitectl recover --list")
	return nil
}

func showLost(w io.Writer, lost map[string]int) {
	list := table{head: []string{"OUTCOME", "LOST"}}
	for _, t := range slices.Sorted(maps.Keys(lost)) {
		list.add(t, fmt.Sprint(lost[t]))
	}
	list.write(w)
}

func (c *recoverCmd) list(ctx context.Context, conn connection, w io.Writer) error {
	a, err := conn.Recover(ctx, conn.firm, api.RecoverRequest{Action: api.ListUnasked, Limit: api.MaxLimit})
	if err != nil {
		return conn.explainError(ctx, err)
	}
	if c.Output == outputJSON {
		return printJSON(w, a)
	}
	if a.Total == 0 {
		fmt.Fprintln(w, "The request of each recovered invite is on record.")
		return nil
	}
	list := table{head: []string{"FIRM", "CLIENT", "CONTACT", "OUTCOME", "INVITE", "SEQUENCE"}}
	for _, i := range a.Invites {
		list.add(i.FirmID, i.ClientID, i.ContactID, string(i.Outcome), shortInvite(i.InviteID), fmt.Sprint(i.Sequence))
	}
	list.write(w)
	say(w, "", "%s of invites whose requests are on no stream, or have not been read again yet. Nobody is mailed for "+
		"them, and their links do not open.", count(a.Total, "outcome"))
	return nil
}

// gaps lists the events that passed unhandled, after it has acknowledged them if it shall.
func (c *recoverCmd) gaps(ctx context.Context, conn connection, w io.Writer) error {
	request := api.RecoverRequest{Action: api.ListGaps}
	if c.Acknowledge {
		request = api.RecoverRequest{Action: api.AcknowledgeGaps, By: requester(c.By)}
	}
	a, err := conn.Recover(ctx, conn.firm, request)
	if err != nil {
		return conn.explainError(ctx, err)
	}
	if c.Output == outputJSON {
		return printJSON(w, a)
	}
	if len(a.Gaps) == 0 {
		fmt.Fprintln(w, "Every event was handled before the stream deleted it.")
		return nil
	}
	list := table{head: []string{"DURABLE", "SEQUENCES", "EVENTS", "HANDLED UNTIL", "KEPT FROM", "ACKNOWLEDGED"}}
	for _, g := range a.Gaps {
		list.add(g.Durable, fmt.Sprintf("%d to %d", g.First, g.Last), fmt.Sprint(g.Events), shown(g.HandledUntil),
			shown(g.KeptFrom), g.AcknowledgedBy)
	}
	list.write(w)
	say(w, "", "The stream has deleted these events before the durable handled them. Let upstream publish what happened "+
		"in that time again.")
	return nil
}
