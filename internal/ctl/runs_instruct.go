package ctl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
)

// runsCommands lists runs, and tells them what to do.
type runsCommands struct {
	List     runsCmd         `cmd:"" default:"withargs" help:"List runs, or show one (the default)."`
	Pause    pauseRunsCmd    `cmd:"" help:"Let no mail of a run leave for now. Nobody is skipped or fails because of that."`
	Resume   resumeRunsCmd   `cmd:"" help:"Let a paused run go on. The rules are asked anew before each mail."`
	Cancel   cancelRunsCmd   `cmd:"" help:"End a run: no more of its mails leave, and its walk stops where it is. Only a replay of the run goes on."`
	Schedule scheduleRunsCmd `cmd:"" help:"Change when a run starts that has not begun, or let it start at once."`
}

// whichRuns says which runs are told something, why, and by whom.
type whichRuns struct {
	service
	IDs     []string      `arg:"" name:"run" help:"Which runs or replays: their ids, or the beginnings of them."`
	Reason  string        `placeholder:"TEXT" help:"Why. Others read it in runs, and in the outcome."`
	By      string        `placeholder:"NAME" help:"Who does it; your login at this machine if not given."`
	Timeout time.Duration `default:"1m" placeholder:"1m" help:"How long to wait until the runs have obeyed."`
	Output  string        `short:"o" enum:"text,json" default:"text" help:"text, or json with one object a line."`
}

// Validate is called by kong once the flags are read.
func (c *whichRuns) Validate() error {
	err := checkFirm(c.Firm)
	for _, id := range c.IDs {
		err = errors.Join(err, checkPrefix("run", id))
	}
	if c.Timeout <= 0 {
		err = errors.Join(err, errTimeout)
	}
	return err
}

// published is an instruction that was published.
type published struct {
	run        string
	source, id string
}

// tell publishes an instruction to each of the runs, and says what became of it. A run that refuses leaves the others
// alone.
func (c *whichRuns) tell(ctx context.Context, s app.Streams, typ events.Type, data func(events.Instruction) any) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	asked := make([]published, len(c.IDs))
	for i, id := range c.IDs { // all of them are found before the first one is told anything
		run, err := (&runsCmd{service: c.service, ID: id}).find(ctx, conn)
		if err != nil {
			return err
		}
		asked[i].run = run.RunID.String()
	}
	for i := range asked {
		asked[i].source, asked[i].id = identity()
		in := events.Instruction{RunID: asked[i].run, Reason: c.Reason, RequestedBy: requester(c.By)}
		msg, err := requestMsg(c.Firm, typ, asked[i].source, asked[i].id, data(in))
		if err != nil {
			return err
		}
		if _, err := conn.publish(ctx, msg); err != nil {
			return err
		}
	}
	waiting, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	var refused error
	for _, a := range asked {
		in, err := conn.answerOf(waiting, a)
		if err != nil {
			return fmt.Errorf("run %s was told and has not obeyed yet: is bulk-worker running? See it with: "+
				"invitectl runs --firm %s %s: %w", a.run, c.Firm, a.run, err)
		}
		if in.Result == api.InstructionRefused {
			refused = errors.Join(refused, fmt.Errorf("run %s: %s", a.run, in.Answer))
		}
		switch {
		case c.Output == outputJSON:
			if err := printJSON(s.Out, in); err != nil {
				return err
			}
		case in.Result != api.InstructionRefused:
			fmt.Fprintf(s.Out, "run %s: %s\n", a.run, in.Answer)
		}
	}
	return refused
}

// answerEvery is how often a command asks whether a run has obeyed.
const answerEvery = 100 * time.Millisecond

// answerOf waits until a run has answered an instruction.
func (conn connection) answerOf(ctx context.Context, a published) (api.RunInstruction, error) {
	for {
		run, err := conn.run(ctx, a.run)
		if err != nil {
			return api.RunInstruction{}, err
		}
		for _, in := range run.Instructions {
			if in.Source == a.source && in.ID == a.id {
				return in, nil
			}
		}
		select {
		case <-ctx.Done():
			return api.RunInstruction{}, ctx.Err()
		case <-time.After(answerEvery):
		}
	}
}

func unchanged(in events.Instruction) any { return in }

type pauseRunsCmd struct{ whichRuns }

// Run pauses the runs.
func (c *pauseRunsCmd) Run(ctx context.Context, s app.Streams) error {
	return c.tell(ctx, s, events.RunPauseRequested, unchanged)
}

type resumeRunsCmd struct{ whichRuns }

// Run lets the runs go on.
func (c *resumeRunsCmd) Run(ctx context.Context, s app.Streams) error {
	return c.tell(ctx, s, events.RunResumeRequested, unchanged)
}

type cancelRunsCmd struct{ whichRuns }

// Run cancels the runs.
func (c *cancelRunsCmd) Run(ctx context.Context, s app.Streams) error {
	return c.tell(ctx, s, events.RunCancelRequested, unchanged)
}

type scheduleRunsCmd struct {
	whichRuns
	At  time.Time `xor:"start" required:"" placeholder:"TIME" help:"When they start, with an offset: 2026-03-08T08:00:00-05:00."`
	Now bool      `xor:"start" required:"" help:"They start at once."`
}

// Run changes when the runs start.
func (c *scheduleRunsCmd) Run(ctx context.Context, s app.Streams) error {
	return c.tell(ctx, s, events.RunScheduleRequested, func(in events.Instruction) any {
		schedule := events.Schedule{Instruction: in}
		if !c.Now {
			schedule.StartAt = &c.At
		}
		return schedule
	})
}
