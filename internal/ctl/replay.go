package ctl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// replayCmd asks the workers to decide again about invites that were not sent.
type replayCmd struct {
	service
	assumption
	Reason   []rules.Code  `placeholder:"REASON" group:"What to decide again" help:"Only skips for these reasons, for example email_missing."`
	Client   []string      `sep:"none" placeholder:"ID" group:"What to decide again" help:"Only invites of these clients."`
	RunID    string        `name:"run" placeholder:"ID" group:"What to decide again" help:"Only invites of this run."`
	Since    moment        `placeholder:"2h|TIME" group:"What to decide again" help:"Only invites decided since then."`
	Until    moment        `placeholder:"2h|TIME" group:"What to decide again" help:"Only invites decided until then."`
	Outcomes []string      `name:"outcome" enum:"skipped,failed" placeholder:"skipped|failed" group:"What to decide again" help:"Only skips, or only failures."`
	MaxAge   time.Duration `default:"2160h" placeholder:"2160h" group:"What to decide again" help:"Leave out invites requested longer ago than this (2160h is 90 days): nobody wants to hear today of a file shared last spring."`

	DryRun      bool          `xor:"way" help:"Show who would be sent a mail and who would still be skipped, and send nothing."`
	Wait        bool          `xor:"way" aliases:"watch" help:"Wait until the replay has completed and print its sums; exits with 1 if a mail failed. Also --watch."`
	Timeout     time.Duration `placeholder:"1h" help:"With --wait: stop waiting after that long (1h if not given), with exit code 1. The replay goes on. With --dry-run: ask again for that long (30s if not given) while facts are not applied yet."`
	RequestedBy string        `placeholder:"NAME" help:"Who asks for it; your login at this machine if not given."`
	Output      string        `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// Validate is called by kong once the flags are read.
func (c *replayCmd) Validate() error {
	if c.Timeout != 0 && !c.Wait && !c.DryRun {
		return errors.New("--timeout needs --wait or --dry-run")
	}
	if c.Timeout < 0 {
		return errTimeout
	}
	if c.Assume != "" && !c.DryRun {
		return errors.New("--assume needs --dry-run: a replay goes by what is published")
	}
	return errors.Join(checkFirm(c.Firm), checkReasons(c.Reason), checkID("run", c.RunID))
}

func (c *replayCmd) request() events.ReplayRequest {
	return events.ReplayRequest{
		Filter: events.Filter{
			Reasons: c.Reason, ClientIDs: c.Client, RunID: c.RunID, Outcomes: c.Outcomes,
			Since: c.Since.pointer(), Until: c.Until.pointer(),
		},
		MaxAge: hours(c.MaxAge), RequestedBy: requester(c.RequestedBy),
	}
}

// Run publishes the request, or with --dry-run shows what it would do.
func (c *replayCmd) Run(ctx context.Context, s app.Streams) error {
	source, id := identity()
	msg, err := requestMsg(c.Firm, events.ReplayRequested, source, id, c.request())
	if err != nil {
		return err
	}
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	if err := conn.firmUnknown(ctx); err != nil {
		return err // its replay would complete, and look like one that found nothing to do
	}
	if c.DryRun {
		return c.preview(ctx, s, conn)
	}

	var j journal
	if c.Wait { // opened before publishing, so that it can't miss the end
		if j, err = conn.openJournal(ctx, from{now: true}, runEvents); err != nil {
			return err
		}
	}
	sequence, err := conn.publish(ctx, msg)
	if err != nil {
		return err
	}
	if !c.Wait {
		return c.accepted(s, source, id, sequence)
	}
	return c.wait(ctx, s, conn, j, source, id)
}

// preview asks the evaluator that the replay itself uses.
func (c *replayCmd) preview(ctx context.Context, s app.Streams, conn connection) error {
	request := c.request()
	assumed, err := c.assumed()
	if err != nil {
		return app.UsageError{Err: err}
	}
	answer, err := conn.explain(ctx, api.ExplainRequest{
		Type: events.ReplayRequested, Filter: &request.Filter, MaxAge: request.MaxAge, Assume: assumed,
	}, c.Timeout)
	if err != nil {
		return err
	}
	return answer.show(s, c.Output, c.sentence(answer.Totals), true)
}

// sentence is the answer in short: "Of 40 invites that did not go out 12 would be sent now; still 28 are not Primary".
func (c *replayCmd) sentence(t api.ExplainTotals) string {
	if t.Selected == 0 {
		return c.nothing(t)
	}
	text := fmt.Sprintf("Of %s that did not go out %d would be sent now", count(t.Selected, "invite"), t.WouldSend)
	if t.WouldSkip > 0 {
		text += "; still " + enumerate(t.ByReason)
	}
	if t.TooOld > 0 {
		text += fmt.Sprintf(". Besides, %s older than %s would be left alone (--max-age)", count(t.TooOld, "invite"),
			inWords(c.MaxAge))
	}
	return text + "."
}

// nothing says why a replay selects nobody, and what else to ask.
func (c *replayCmd) nothing(t api.ExplainTotals) string {
	if t.TooOld > 0 {
		return fmt.Sprintf("There is nothing to decide again: %s match, and all were requested more than %s ago (--max-age).",
			count(t.TooOld, "invite"), inWords(c.MaxAge))
	}
	switch t.Nothing {
	case api.NothingUndone:
		return "There is nothing to decide again: no invite of firm " + c.Firm + " was skipped or failed."
	case api.AllSettled:
		return "There is nothing to decide again: every invite that did not go out is settled. " +
			"It was skipped for a reason that nobody can fix."
	case api.NoMatch:
		return "There is nothing to decide again: the firm has invites that did not go out, and none of them matches. " +
			"Try again without a filter, or see them with: invitectl outcomes --firm " + c.Firm
	}
	return "There is nothing to decide again."
}

// replayAccepted is what -o json prints without --wait.
type replayAccepted struct {
	Firm     string `json:"firm_id"`
	Source   string `json:"source"`
	ID       string `json:"id"`
	Sequence uint64 `json:"sequence"`
}

func (c *replayCmd) accepted(s app.Streams, source, id string, sequence uint64) error {
	if c.Output == outputJSON {
		return printJSON(s.Out, replayAccepted{c.Firm, source, id, sequence})
	}
	say(s.Out, "", "The replay is requested (sequence %d). See it with: invitectl runs --firm %s", sequence, c.Firm)
	return nil
}

// wait follows the run of this request until it has completed.
func (c *replayCmd) wait(ctx context.Context, s app.Streams, conn connection, j journal, source, id string) error {
	waiting, cancel := within(ctx, c.Timeout)
	defer cancel()
	bar := newBar(s.Err)
	completed, err := watchRun(waiting, j,
		func(o outcome) bool { return o.Cause.Source == source && o.Cause.ID == id },
		func(o outcome) error {
			bar.show(o.Selected, o.Sent, o.Skipped, o.Failed, o.Pending)
			return nil
		})
	bar.done()
	if errors.Is(err, errStopped) {
		return fmt.Errorf("%w: see it with invitectl runs --firm %s. If it has not begun, is bulk-worker running?",
			err, c.Firm)
	}
	if err != nil {
		return err
	}
	if c.Output == outputJSON {
		err = printJSON(s.Out, completed.Raw)
	} else {
		err = c.report(ctx, s, conn, completed.RunID)
	}
	if completed.Failed > 0 {
		return errors.Join(err, fmt.Errorf("%s could not be delivered: "+
			"invitectl outcomes --firm %s --run %s --type InviteFailed",
			count(completed.Failed, "mail"), c.Firm, completed.RunID))
	}
	return err
}

// report prints what became of a replay.
func (c *replayCmd) report(ctx context.Context, s app.Streams, conn connection, id string) error {
	run, err := conn.run(ctx, id)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "replay %s has completed.\n", run.RunID)
	printSums(s.Out, run)
	if run.Selected > 0 {
		return nil
	}
	request := c.request()
	asked, err := conn.explain(ctx,
		api.ExplainRequest{Type: events.ReplayRequested, Filter: &request.Filter, MaxAge: request.MaxAge}, 0)
	if err != nil || asked.Totals.Selected > 0 { // somebody was skipped only now
		return err
	}
	say(s.Out, "", "%s", c.nothing(asked.Totals))
	return nil
}

// hours writes a duration as the contract has it: 2160h, without zero minutes and seconds.
func hours(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.String()
}
