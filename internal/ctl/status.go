package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
)

// statusCmd says where people stand with a client's portal.
type statusCmd struct {
	service
	Client  string `placeholder:"ID" help:"Everybody on this client."`
	Contact string `placeholder:"ID" help:"This contact, on every client or on --client."`
	Email   string `placeholder:"EMAIL" help:"Whoever has this email, or logs in with it."`
	Invite  string `placeholder:"ID" help:"Whom this invite is for."`
	Output  string `short:"o" enum:"table,json" default:"table" help:"table, or json with one object a line."`
}

// Validate is called by kong once the flags are read.
func (c *statusCmd) Validate() error {
	others := c.Client != "" || c.Contact != "" || c.Email != ""
	switch {
	case c.Invite != "" && others:
		return errors.New("--invite stands alone")
	case c.Invite == "" && !others:
		return errors.New("--client: missing (or --contact, --email or --invite)")
	case c.Contact != "" && c.Email != "":
		return errors.New("--contact or --email: one of them is enough")
	}
	return errors.Join(checkFirm(c.Firm), checkID("invite", c.Invite))
}

// Run asks, and prints the answer.
func (c *statusCmd) Run(ctx context.Context, s app.Streams) error {
	l, err := c.dial()
	if err != nil {
		return err
	}
	defer l.close()
	request := api.StatusRequest{ClientID: c.Client, ContactID: c.Contact, Email: c.Email, InviteID: c.Invite}
	request.Limit = api.MaxLimit
	var all []api.Status
	err = allPages(ctx, func(cursor string) (string, error) {
		request.Cursor = cursor
		page, err := l.Status(ctx, l.firm, request)
		all = append(all, page.Statuses...)
		return page.Next, err
	})
	if err != nil {
		return l.explainError(err)
	}
	return printStatuses(s.Out, c.Output, all)
}

func printStatuses(w io.Writer, output string, all []api.Status) error {
	if output == outputJSON {
		for _, status := range all {
			if err := printJSON(w, status); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 1 {
		printStatus(w, all[0])
		return nil
	}
	list := table{head: []string{"CLIENT", "PERSON", "STATE", "IN WORDS"}}
	for _, status := range all {
		list.add(called(status.ClientID, status.ClientName), personCalled(status.Person), words(status.State), status.Sentence)
	}
	list.write(w)
	return nil
}

func words(state api.State) string { return strings.ReplaceAll(string(state), "_", " ") }

// printStatus says all there is to say of one person on one client.
func printStatus(w io.Writer, status api.Status) {
	say(w, "", "%s on %s: %s", personCalled(status.Person), called(status.ClientID, status.ClientName), words(status.State))
	say(w, "  ", "%s", status.Sentence)
	last := status.LastInvite
	if last == nil {
		return
	}
	fmt.Fprintln(w)
	facts := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(facts, "last invite\t%s\n", last.InviteID)
	fmt.Fprintf(facts, "asked by\t%s\n", printable(string(last.Cause.Type)+" "+last.Cause.ID))
	if last.RunID != nil {
		fmt.Fprintf(facts, "run\t%s\n", last.RunID)
	}
	if last.ReplayID != nil {
		fmt.Fprintf(facts, "replay\t%s\n", last.ReplayID)
	}
	fmt.Fprintf(facts, "decided\t%s\n", shown(last.DecidedAt))
	fmt.Fprintf(facts, "outcome\t%s\n", last.State)
	if !last.SentAt.IsZero() {
		fmt.Fprintf(facts, "sent\t%s\n", shown(last.SentAt))
	}
	if !last.NextAttempt.IsZero() {
		fmt.Fprintf(facts, "next attempt\t%s\n", shown(last.NextAttempt))
	}
	if last.Failure != nil {
		fmt.Fprintf(facts, "refused\tat %s: %s\n", last.Failure.Stage, smtpReply(*last.Failure))
	}
	_ = facts.Flush()
	for _, reason := range last.Reasons {
		say(w, "  ", "%s: %s", reason.Code, reason.Explanation)
		say(w, "    ", "→ %s", reason.Remedy)
	}
}

func smtpReply(f api.Failure) string {
	if f.SMTPCode == 0 {
		return "no reply"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", f.SMTPCode, f.EnhancedCode))
}
