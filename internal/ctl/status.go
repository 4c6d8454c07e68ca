package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"

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
	for _, status := range all {
		say(w, "", "%s: %s", personOn(status.Person, status.ClientID, status.ClientName), words(status.State))
		say(w, "  ", "%s", status.Sentence)
	}
	if len(all) == 1 && all[0].LastInvite != nil {
		printLastInvite(w, *all[0].LastInvite)
	}
	return nil
}

func words(state api.State) string { return strings.ReplaceAll(string(state), "_", " ") }

// printLastInvite says all there is to say of the newest invite of one person on one client.
func printLastInvite(w io.Writer, last api.LastInvite) {
	fmt.Fprintln(w)
	facts{
		{"last invite", last.InviteID.String()},
		{"request", string(last.Cause.Type) + " " + last.Cause.ID},
		{"run", optional(last.RunID)},
		{"replay", optional(last.ReplayID)},
		{"decided", shown(last.DecidedAt)},
		{"outcome", last.State},
		{"sent", shown(last.SentAt)},
		{"next attempt", shown(last.NextAttempt)},
		{"refused", smtpReply(last.Failure)},
	}.write(w)
	printRemedies(w, last.Reasons)
}

func smtpReply(f *api.Failure) string {
	switch {
	case f == nil:
		return ""
	case f.SMTPCode == 0:
		return "at " + f.Stage + ": no reply"
	default:
		return strings.TrimSpace(fmt.Sprintf("at %s: %d %s", f.Stage, f.SMTPCode, f.EnhancedCode))
	}
}

func optional(id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return id.String()
}
