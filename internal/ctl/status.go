package ctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/rules"
)

// statusCmd shows people's status with a client's portal.
type statusCmd struct {
	service
	Client  string `placeholder:"ID" help:"Everybody on this client."`
	Contact string `placeholder:"ID" help:"This contact, on every client or on --client."`
	Email   string `placeholder:"EMAIL" help:"The person who has this email, or logs in with it."`
	Invite  string `placeholder:"ID" help:"The person this invite is for."`

	Attempts bool   `help:"Also list each attempt to send the last invite, and what the mail server said."`
	Locale   string `placeholder:"TAG" help:"The language of explanations and remedies, for example es; English if not given."`
	Output   string `short:"o" enum:"table,json" default:"table" help:"table, or json with one object a line."`
}

// Validate is called by kong once the flags are read.
func (c *statusCmd) Validate() error {
	others := c.Client != "" || c.Contact != "" || c.Email != ""
	switch {
	case c.Invite != "" && others:
		return errors.New("--invite can't be combined with --client, --contact or --email")
	case c.Invite == "" && !others:
		return errors.New("--client: missing (or --contact, --email or --invite)")
	case c.Contact != "" && c.Email != "":
		return errors.New("--contact and --email can't be combined")
	}
	return errors.Join(checkFirm(c.Firm), checkID("invite", c.Invite))
}

// Run asks, and prints the answer.
func (c *statusCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	request := api.StatusRequest{
		ClientID: c.Client, ContactID: c.Contact, Email: c.Email, InviteID: c.Invite, Attempts: c.Attempts,
		Locale: c.Locale,
	}
	request.Limit = api.MaxLimit
	var all []api.Status
	var behind api.Freshness
	var ofFirm []rules.Warning
	err = allPages(ctx, func(cursor string) (string, error) {
		request.Cursor = cursor
		page, err := conn.Status(ctx, conn.firm, request)
		all = append(all, page.Statuses...)
		ofFirm = page.Warnings
		if !page.FactsBehind.IsZero() {
			behind = page.Freshness
		}
		return page.Next, err
	})
	if err != nil {
		return c.orHowToFind(conn.explainError(ctx, err))
	}
	if len(all) == 0 {
		if err := conn.firmUnknown(ctx); err != nil {
			return err
		}
	}
	warnIfBehind(s.Err, behind) // also with -o json, whose objects are people
	printWarnings(s.Err, "", ofFirm)
	return printStatuses(s.Out, c.Output, all)
}

// orHowToFind adds to an error that nobody was found how to find the id. A name is often given instead.
func (c *statusCmd) orHowToFind(err error) error {
	refused, isRefusal := errors.AsType[*api.Error](err)
	if !isRefusal || refused.Code != http.StatusNotFound || c.Client == "" && c.Contact == "" {
		return err
	}
	return fmt.Errorf("%w. --client and --contact take an id and not a name. --email finds a person by their email, and "+
		"invitectl explain --firm %s --all-clients --all -o csv lists every name with its ids", err, c.Firm)
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
		say(w, "", "%s: %s", personOn(status.Person, status.ClientID, status.ClientName), status.Label)
		say(w, "  ", "%s", status.Sentence)
		for _, remedy := range status.Remedies {
			say(w, "    ", "→ %s", remedy)
		}
		printWarnings(w, "  ", status.Warnings)
		if last := status.LastInvite; last != nil {
			if len(all) == 1 {
				printLastInvite(w, *last)
			}
			printAttempts(w, last.AttemptLog)
		}
	}
	return nil
}

// printWarnings prints what was told and could not be taken as it was told.
func printWarnings(w io.Writer, indent string, warnings []rules.Warning) {
	for _, warning := range warnings {
		say(w, indent, "Note: %s", warning.Explanation)
	}
}

// printLastInvite prints the newest invite of one person on one client, with the ids to look further with.
func printLastInvite(w io.Writer, last api.LastInvite) {
	fmt.Fprintln(w)
	fields{
		{"last invite", last.InviteID.String()},
		{"request", string(last.Cause.Type) + " " + last.Cause.ID},
		{"run", optional(last.RunID)},
		{"replay", optional(last.ReplayID)},
		{"decided", shown(last.DecidedAt)},
		{"outcome", outcomeOf(last)},
		{"sent", shown(last.SentAt)},
		{"next attempt", nextAttempt(last)},
		{"mail server", smtpReply(last.Failure)},
	}.write(w)
}

// outcomeOf is the state of an invite. A skip has its reasons, as replay --reason takes them.
func outcomeOf(last api.LastInvite) string {
	codes := make([]string, len(last.Reasons))
	for i, reason := range last.Reasons {
		codes[i] = string(reason.Code)
	}
	return strings.TrimSuffix(last.State+": "+strings.Join(codes, ", "), ": ")
}

func nextAttempt(last api.LastInvite) string {
	if last.Held {
		return "none: it is held until somebody decides"
	}
	return shown(last.NextAttempt)
}

// smtpReply is how the mail server answered a failed attempt, and at which SMTP step.
func smtpReply(f *api.Failure) string {
	switch {
	case f == nil:
		return ""
	case f.SMTPCode == 0:
		return "no reply at " + f.Stage
	default:
		return replyCode(f.SMTPCode, f.EnhancedCode) + " at " + f.Stage
	}
}

func replyCode(code int, enhanced string) string {
	if code == 0 {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, enhanced))
}

func printAttempts(w io.Writer, attempts []api.Attempt) {
	list := table{head: []string{"ATTEMPT", "AT (UTC)", "STAGE", "REPLY", "RESULT", "SAID"}}
	for _, a := range attempts {
		list.add(strconv.Itoa(a.Number), a.StartedAt.UTC().Format("01-02 15:04:05"), a.Stage,
			replyCode(a.SMTPCode, a.EnhancedCode), cmp.Or(a.Verdict, "under way"), a.Said)
	}
	if len(attempts) > 0 {
		fmt.Fprintln(w)
		list.write(w)
		fmt.Fprintln(w)
	}
}

func optional(id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return id.String()
}
