package ctl

import (
	"context"
	"errors"
	"fmt"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
)

// suppressionsCmd is about the emails to which no mail may go.
type suppressionsCmd struct {
	List listSuppressionsCmd `cmd:"" default:"withargs" help:"List them, the newest first (the default)."`
	Lift liftSuppressionsCmd `cmd:"" help:"Lift those of one cause, all in one step. Another cause of the same email stays."`
}

// whichSuppressions says which suppressions a command is about.
type whichSuppressions struct {
	service
	Email  string `placeholder:"EMAIL" help:"Only this email."`
	From   moment `placeholder:"2h|TIME" help:"Only what was suppressed then or later."`
	Until  moment `placeholder:"2h|TIME" help:"Only what was suppressed before that."`
	Output string `short:"o" enum:"table,json" default:"table" help:"table, or json with one object a line."`
}

func (c whichSuppressions) request(action, cause string) api.SuppressionsRequest {
	return api.SuppressionsRequest{Action: action, Cause: cause, Email: c.Email, From: c.From.Time, Until: c.Until.Time}
}

func (c whichSuppressions) check() error {
	errs := []error{checkFirm(c.Firm)}
	if !c.From.IsZero() && !c.Until.IsZero() && !c.From.Before(c.Until.Time) {
		errs = append(errs, errors.New("--until: must be later than --from"))
	}
	return errors.Join(errs...)
}

type listSuppressionsCmd struct {
	whichSuppressions
	Cause string `enum:"bounce,complaint,manual,all" default:"all" placeholder:"all" help:"Only this cause: bounce, complaint or manual."`
}

// Validate is called by kong once the flags are read.
func (c *listSuppressionsCmd) Validate() error { return c.check() }

// Run asks, and prints the answer.
func (c *listSuppressionsCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	cause := c.Cause
	if cause == "all" {
		cause = ""
	}
	request := c.request(api.ListSuppressions, cause)
	request.Limit = api.MaxLimit
	rows, found := table{head: []string{"SINCE (UTC)", "EMAIL", "CAUSE"}}, 0
	err = allPages(ctx, func(cursor string) (string, error) {
		request.Cursor = cursor
		page, err := conn.Suppressions(ctx, conn.firm, request)
		found = page.Count
		for _, one := range page.Suppressions {
			if c.Output == outputJSON {
				err = errors.Join(err, printJSON(s.Out, one))
			} else {
				rows.add(shown(one.Since), one.Email, one.Cause)
			}
		}
		return page.Next, err
	})
	if err != nil {
		return conn.explainError(ctx, err)
	}
	if c.Output == outputJSON {
		return nil
	}
	if found == 0 {
		fmt.Fprintf(s.Err, "No email of firm %s is suppressed so.\n", c.Firm)
		return nil
	}
	rows.write(s.Out)
	return nil
}

type liftSuppressionsCmd struct {
	whichSuppressions
	Cause  string `enum:"bounce,complaint,manual" required:"" placeholder:"CAUSE" help:"The cause that is lifted: bounce, complaint or manual."`
	DryRun bool   `help:"Say how many there are, and lift none."`
	By     string `placeholder:"NAME" help:"Who lifts them; your login at this machine if not given."`
}

// Validate is called by kong once the flags are read.
func (c *liftSuppressionsCmd) Validate() error { return c.check() }

// Run asks, and prints the answer.
func (c *liftSuppressionsCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	request := c.request(api.LiftSuppressions, c.Cause)
	request.DryRun = c.DryRun
	if !c.DryRun {
		request.By = requester(c.By)
	}
	answer, err := conn.Suppressions(ctx, conn.firm, request)
	if err != nil {
		return conn.explainError(ctx, err)
	}
	if c.Output == outputJSON {
		return printJSON(s.Out, answer)
	}
	what := count(answer.Count, "suppression") + " with the cause " + c.Cause
	if c.DryRun {
		fmt.Fprintf(s.Out, "%s would be lifted. Nothing is changed.\n", what)
		return nil
	}
	fmt.Fprintf(s.Out, "%s lifted.\n", what)
	if answer.Count > 0 {
		fmt.Fprintf(s.Out, "Send what was skipped or failed: invitectl replay --firm %s\n", c.Firm)
	}
	return nil
}
