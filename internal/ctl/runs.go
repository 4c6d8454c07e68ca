package ctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
)

// runsCmd lists bulk runs and replays, shows one, or watches one until it has completed.
type runsCmd struct {
	service
	ID      string        `arg:"" optional:"" name:"run" help:"Show this run: its id, or the beginning of it."`
	Kind    string        `enum:",invite,resend,replay" default:"" placeholder:"replay" help:"Only runs of this kind: invite, resend or replay."`
	State   string        `enum:",scheduled,walking,sending,completed" default:"" placeholder:"completed" help:"Only runs in this state: scheduled, walking, sending or completed."`
	Since   moment        `placeholder:"2h|TIME" help:"Only runs that began since then."`
	Limit   int           `default:"20" placeholder:"20" help:"How many to list, the newest first; 0 lists all."`
	Watch   bool          `help:"Follow the run, or the newest one, until it has completed."`
	Timeout time.Duration `placeholder:"1h" help:"With --watch: stop waiting after that long (1h if not given), with exit code 1. The run goes on."`
	Output  string        `short:"o" enum:"table,json,csv" default:"table" help:"table, json with one object a line, or csv."`
}

// Validate is called by kong once the flags are read.
func (c *runsCmd) Validate() error {
	switch {
	case c.Limit < 0:
		return errors.New("--limit: must not be below zero")
	case c.Timeout != 0 && !c.Watch:
		return errors.New("--timeout needs --watch")
	case c.Timeout < 0:
		return errTimeout
	case c.ID != "" && (c.Kind != "" || c.State != "" || !c.Since.IsZero()):
		return errors.New("--kind, --state and --since narrow the list; they can't be combined with a run's id")
	case c.ID != "":
		return errors.Join(checkFirm(c.Firm), checkPrefix("run", c.ID))
	}
	return checkFirm(c.Firm)
}

// Run asks, and prints the answer.
func (c *runsCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	if c.ID == "" && !c.Watch {
		runs, err := conn.runs(ctx, c.request(), c.Limit)
		if err == nil && len(runs) == 0 {
			err = conn.firmUnknown(ctx)
		}
		if err != nil {
			return err
		}
		return c.list(s, runs)
	}
	if c.Watch {
		return c.watch(ctx, s, conn)
	}
	run, err := c.find(ctx, conn)
	if err != nil {
		return err
	}
	return c.one(s.Out, run)
}

func (c *runsCmd) request() api.RunsRequest {
	return api.RunsRequest{Kind: c.Kind, State: api.RunState(c.State), Since: c.Since.Time}
}

// runs lists up to limit runs, or all of them for 0.
func (conn connection) runs(ctx context.Context, r api.RunsRequest, limit int) ([]api.Run, error) {
	var all []api.Run
	err := allPages(ctx, func(cursor string) (string, error) {
		r.Cursor, r.Limit = cursor, api.MaxLimit
		if limit > 0 {
			r.Limit = min(limit-len(all), api.MaxLimit)
		}
		page, err := conn.Runs(ctx, conn.firm, r)
		all = append(all, page.Runs...)
		if limit > 0 && len(all) >= limit {
			return "", err
		}
		return page.Next, err
	})
	return all, conn.explainError(ctx, err)
}

// find finds the run that is meant: by its id, by the beginning of its id, or the newest that matches.
func (c *runsCmd) find(ctx context.Context, conn connection) (api.Run, error) {
	if c.ID == "" {
		newest, err := conn.runs(ctx, c.request(), 1)
		if err == nil && len(newest) == 0 {
			err = cmp.Or(conn.firmUnknown(ctx), c.none())
		}
		if err != nil {
			return api.Run{}, err
		}
		return newest[0], nil
	}
	id := c.ID
	if len(id) < uuidLength {
		all, err := conn.runs(ctx, api.RunsRequest{}, 0)
		if err != nil {
			return api.Run{}, err
		}
		ids := make([]string, len(all))
		for i, run := range all {
			ids[i] = run.RunID.String()
		}
		if id, err = matchID("run", id, ids); err != nil {
			return api.Run{}, cmp.Or(conn.firmUnknown(ctx), err)
		}
	}
	return conn.run(ctx, id)
}

// run is the run with that id.
func (conn connection) run(ctx context.Context, id string) (api.Run, error) {
	answer, err := conn.Runs(ctx, conn.firm, api.RunsRequest{RunID: id})
	if err != nil {
		return api.Run{}, conn.explainError(ctx, err)
	}
	if len(answer.Runs) != 1 {
		return api.Run{}, fmt.Errorf("there is no run %s at firm %s", id, conn.firm)
	}
	return answer.Runs[0], nil
}

func (c *runsCmd) none() error {
	return fmt.Errorf("there is no such run at firm %s", c.Firm)
}

// watch opens the journal before it asks how far the run is, so that it can't miss the end.
func (c *runsCmd) watch(ctx context.Context, s app.Streams, conn connection) error {
	j, err := conn.openJournal(ctx, from{now: true}, runEvents)
	if err != nil {
		return err
	}
	run, err := c.find(ctx, conn)
	if err != nil {
		return err
	}
	if run.State == api.Completed {
		return c.one(s.Out, run)
	}
	waiting, cancel := within(ctx, c.Timeout)
	defer cancel()
	bar := newBar(s.Err)
	bar.show(run.Selected, run.Sent, run.Skipped, run.Failed, run.Pending)
	_, err = watchRun(waiting, j,
		func(o outcome) bool { return o.RunID == run.RunID.String() },
		func(o outcome) error {
			bar.show(o.Selected, o.Sent, o.Skipped, o.Failed, o.Pending)
			if c.Output == outputJSON {
				return printJSON(s.Out, o)
			}
			return nil
		})
	bar.done()
	if errors.Is(err, errStopped) {
		return fmt.Errorf("%w: watch it again with invitectl runs --firm %s --watch %s", err, c.Firm, run.RunID)
	}
	if err != nil || c.Output == outputJSON {
		return err
	}
	c.ID = run.RunID.String()
	if run, err = c.find(ctx, conn); err != nil {
		return err
	}
	return c.one(s.Out, run)
}

func (c *runsCmd) list(s app.Streams, runs []api.Run) error {
	if c.Output == outputJSON {
		for _, run := range runs {
			if err := printJSON(s.Out, run); err != nil {
				return err
			}
		}
		return nil
	}
	if c.Output == outputCSV {
		return writeCSV(s.Out, runRows(runs))
	}
	if len(runs) == 0 {
		fmt.Fprintf(s.Err, "%v.\n", c.none())
		return nil
	}
	list := table{head: []string{"RUN", "BEGAN (UTC)", "KIND", "STATE", "SELECTED", "SENT", "SKIPPED", "FAILED"}}
	for _, run := range runs {
		list.add(run.RunID.String()[:8], run.CreatedAt.UTC().Format("01-02 15:04"), run.Kind, stateOf(run),
			strconv.Itoa(run.Selected), strconv.Itoa(run.Sent), strconv.Itoa(run.Skipped), strconv.Itoa(run.Failed))
	}
	list.write(s.Out)
	return nil
}

// runRows are the runs for a spreadsheet.
func runRows(runs []api.Run) [][]string {
	rows := [][]string{{
		"run_id", "kind", "state", "requested_by", "created_at", "completed_at", "selected", "sent", "skipped", "failed",
		"pending",
	}}
	for _, run := range runs {
		rows = append(rows, []string{
			run.RunID.String(), run.Kind, string(run.State), run.RequestedBy, inCSV(run.CreatedAt), inCSV(run.CompletedAt),
			strconv.Itoa(run.Selected), strconv.Itoa(run.Sent), strconv.Itoa(run.Skipped), strconv.Itoa(run.Failed),
			strconv.Itoa(run.Pending),
		})
	}
	return rows
}

func stateOf(run api.Run) string {
	switch {
	case run.State == api.Completed && run.Cancelled != nil:
		return "cancelled"
	case run.State == api.Completed, run.State == api.Scheduled && run.Paused == nil:
		return string(run.State)
	case run.Cancelled != nil:
		return fmt.Sprintf("cancelling %d%%", int(run.Progress*100))
	case run.Paused != nil:
		return fmt.Sprintf("paused %d%%", int(run.Progress*100))
	}
	return fmt.Sprintf("%s %d%%", run.State, int(run.Progress*100))
}

func (c *runsCmd) one(w io.Writer, run api.Run) error {
	if c.Output == outputCSV {
		return writeCSV(w, runRows([]api.Run{run}))
	}
	if c.Output == outputJSON {
		return printJSON(w, run)
	}
	fields{
		{"run", run.RunID.String()},
		{"kind", run.Kind},
		{"state", stateOf(run)},
		{"request", string(run.Cause.Type) + " " + run.Cause.ID},
		{"requested by", run.RequestedBy},
		{"replays", optional(run.Replays)},
		{"began", shown(run.CreatedAt)},
		{"starts", shown(run.StartAt)},
		{"plan", optional(run.Plan)},
		{"holds", holding(run)},
		{"paused", stopped(run.Paused)},
		{"cancelled", stopped(run.Cancelled)},
		{"completed", shown(run.CompletedAt)},
	}.write(w)
	fmt.Fprintln(w)
	printSums(w, run)
	if run.NotReached > 0 {
		say(w, "", "%s not reached. To walk on there: invitectl replay --firm %s --run %s",
			count(run.NotReached, "recipient"), c.Firm, run.RunID)
	}
	c.listNotPlanned(w, run)
	return nil
}

// holding says why no mail of a run leaves yet; "" if the run holds none.
func holding(run api.Run) string {
	if !run.Holds {
		return ""
	}
	return "no mail leaves before everybody is decided"
}

// listNotPlanned lists whom a run would mail that are not in its plan.
func (c *runsCmd) listNotPlanned(w io.Writer, run api.Run) {
	if run.NotPlanned == 0 {
		return
	}
	fmt.Fprintf(w, "\nNOT IN THE PLAN (%d)\n", run.NotPlanned)
	for _, r := range run.NotPlannedRecipients {
		say(w, "  ", "%s", personOn(r.Recipient, r.ClientID, r.ClientName))
	}
	if more := run.NotPlanned - len(run.NotPlannedRecipients); more > 0 {
		say(w, "  ", "and %d more", more)
	}
	if run.Paused != nil {
		say(w, "", "To mail them, too: invitectl runs resume --firm %s %s", c.Firm, run.RunID)
		say(w, "", "To end the run: invitectl runs cancel --firm %s %s", c.Firm, run.RunID)
	}
}

// stopped says who has paused or cancelled a run, when and why; "" if nobody has.
func stopped(stop *api.RunStop) string {
	if stop == nil {
		return ""
	}
	text := shown(stop.At) + " by " + stop.By
	if stop.Reason != "" {
		text += ": " + stop.Reason
	}
	return text
}
