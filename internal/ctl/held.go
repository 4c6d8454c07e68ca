package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
)

// heldCmd is about the invites whose mails may or may not have arrived, and that wait for a ruling.
type heldCmd struct {
	List    listHeldCmd    `cmd:"" default:"withargs" help:"List them, the newest first (the default)."`
	Send    sendHeldCmd    `cmd:"" help:"Send them again: the same mails with the same links. People who have one already get it twice."`
	Arrived arrivedHeldCmd `cmd:"" help:"Say that the people have them: the invites count as sent."`
}

// held has the flags that all commands about held invites share.
type held struct {
	service
	Output string `short:"o" enum:"table,json,csv" default:"table" help:"table, json with one object a line, or csv."`
}

type listHeldCmd struct {
	held
	State string `enum:"held,decided" default:"held" placeholder:"held" help:"held: somebody has to decide; decided: what was decided, and who did."`
}

// Validate is called by kong once the flags are read.
func (c *listHeldCmd) Validate() error { return checkFirm(c.Firm) }

// Run asks, and prints the answer.
func (c *listHeldCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	all, err := conn.held(ctx, api.HeldState(c.State))
	if err != nil {
		return err
	}
	if len(all) == 0 {
		if err := conn.firmUnknown(ctx); err != nil {
			return err
		}
	}
	if len(all) == 0 && c.Output == outputTable {
		fmt.Fprintf(s.Err, "%s\n", c.none())
		return nil
	}
	return c.show(s.Out, all)
}

func (c *listHeldCmd) none() string {
	if c.State == string(api.HeldDecided) {
		return fmt.Sprintf("No held invite of firm %s has been decided.", c.Firm)
	}
	return fmt.Sprintf("No invite of firm %s is held.", c.Firm)
}

func (conn connection) held(ctx context.Context, state api.HeldState) ([]api.HeldInvite, error) {
	request := api.HeldRequest{Action: api.ListHeld, State: state, Page: api.Page{Limit: api.MaxLimit}}
	var all []api.HeldInvite
	err := allPages(ctx, func(cursor string) (string, error) {
		request.Cursor = cursor
		page, err := conn.Held(ctx, conn.firm, request)
		all = append(all, page.Invites...)
		return page.Next, err
	})
	return all, conn.explainError(ctx, err)
}

// show prints one row, or one line of JSON, for each invite.
func (c held) show(w io.Writer, all []api.HeldInvite) error {
	if c.Output == outputJSON {
		for _, invite := range all {
			if err := printJSON(w, invite); err != nil {
				return err
			}
		}
		return nil
	}
	if c.Output == outputCSV {
		return writeCSV(w, heldRows(all))
	}
	waiting := table{head: []string{"INVITE", "SINCE (UTC)", "WHO", "CLIENT", "RUN", "SAID"}}
	decided := table{head: []string{"INVITE", "DECIDED (UTC)", "WHO", "CLIENT", "DECISION", "BY"}}
	for _, i := range all {
		id, who, client := shortInvite(i.InviteID), personCalled(i.Recipient), called(i.ClientID, i.ClientName)
		if i.Decision == "" {
			waiting.add(id, i.LostAt.UTC().Format("01-02 15:04"), who, client, fmt.Sprintf("%.8s", optional(i.RunID)), i.Said)
		} else {
			decided.add(id, i.DecidedAt.UTC().Format("01-02 15:04"), who, client, i.Decision, i.By)
		}
	}
	waiting.write(w)
	decided.write(w)
	return nil
}

// heldRows are the invites for a spreadsheet.
func heldRows(all []api.HeldInvite) [][]string {
	rows := [][]string{{
		"invite_id", "client_id", "client_name", "contact_id", "name", "email", "run_id", "lost_at", "said", "decision", "by",
		"decided_at",
	}}
	for _, i := range all {
		rows = append(rows, []string{
			i.InviteID.String(), i.ClientID, i.ClientName, i.Recipient.ContactID, i.Recipient.Name, i.Recipient.EmailMasked,
			optional(i.RunID), inCSV(i.LostAt), i.Said, i.Decision, i.By, inCSV(i.DecidedAt),
		})
	}
	return rows
}

// whichHeld says which of the held invites a command is about, and who decides.
type whichHeld struct {
	held
	IDs []string `arg:"" optional:"" name:"invite" help:"Their ids, or parts of them as the list shows them."`
	All bool     `help:"All that are held now."`
	By  string   `placeholder:"NAME" help:"Who decides; your login at this machine if not given."`
}

// Validate is called by kong once the flags are read.
func (c *whichHeld) Validate() error {
	errs := []error{checkFirm(c.Firm)}
	if c.All == (len(c.IDs) > 0) {
		errs = append(errs, errors.New("give the ids of invites, or --all"))
	}
	for _, id := range c.IDs {
		errs = append(errs, checkPrefix("invite", id))
	}
	return errors.Join(errs...)
}

// rule makes the same ruling on each of the invites. It prints those that are done even if a later one fails.
func (c *whichHeld) rule(ctx context.Context, s app.Streams, action string) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	ids, err := c.ids(ctx, conn)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		if err := conn.firmUnknown(ctx); err != nil {
			return err
		}
		fmt.Fprintf(s.Err, "No invite of firm %s is held.\n", c.Firm)
		return nil
	}
	var done []api.HeldInvite
	var errs []error
	for _, id := range ids {
		answer, err := conn.Held(ctx, conn.firm, api.HeldRequest{Action: action, ID: id, By: requester(c.By)})
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", id, conn.explainError(ctx, err)))
			continue
		}
		done = append(done, answer.Invites...)
	}
	return errors.Join(append(errs, c.show(s.Out, done))...)
}

// ids finds the invites that are meant. It finds all of them before a ruling changes the first.
func (c *whichHeld) ids(ctx context.Context, conn connection) ([]string, error) {
	ids := slices.Clone(c.IDs)
	if !c.All && !slices.ContainsFunc(ids, func(id string) bool { return len(id) < uuidLength }) {
		return ids, nil
	}
	all, err := conn.held(ctx, api.StillHeld)
	if err != nil {
		return nil, err
	}
	known := make([]string, len(all))
	for i, invite := range all {
		known[i] = invite.InviteID.String()
	}
	if c.All {
		return known, nil
	}
	for i, id := range ids {
		if len(id) < uuidLength {
			if ids[i], err = matchID("held invite", id, known); err != nil {
				return nil, err
			}
		}
	}
	return ids, nil
}

type sendHeldCmd struct{ whichHeld }

// Run asks, and prints the answer.
func (c *sendHeldCmd) Run(ctx context.Context, s app.Streams) error {
	return c.rule(ctx, s, api.SendHeld)
}

type arrivedHeldCmd struct{ whichHeld }

// Run asks, and prints the answer.
func (c *arrivedHeldCmd) Run(ctx context.Context, s app.Streams) error {
	return c.rule(ctx, s, api.HeldArrived)
}
