package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
)

// personCmd is about what is kept about one person.
type personCmd struct {
	Export  exportPersonCmd `cmd:"" help:"Everything that is kept about one person, and about nobody else, as JSON."`
	Erasure erasureCmd      `cmd:"" help:"Whether a person was erased, what was left out since, and until when the streams have them."`
}

type exportPersonCmd struct {
	service
	whoFlags
	Output string `short:"o" enum:"json" default:"json" help:"json, the only form."`
}

// whoFlags say which person is meant.
type whoFlags struct {
	Contact string `placeholder:"ID" xor:"who" help:"The contact."`
	Email   string `placeholder:"EMAIL" xor:"who" help:"Whoever has this email: one contact, or a person who was added by email."`
}

type erasureCmd struct {
	service
	whoFlags
	Output string `short:"o" enum:"text,json" default:"text" help:"text, or json: the answer."`
}

func (w whoFlags) check(firm string) error {
	if w.Contact == "" && w.Email == "" {
		return errors.Join(checkFirm(firm), errors.New("--contact: missing (or --email)"))
	}
	return checkFirm(firm)
}

// Validate is called by kong once the flags are read.
func (c *erasureCmd) Validate() error { return c.check(c.Firm) }

// Run asks, and prints the erasure.
func (c *erasureCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	answer, err := conn.Person(ctx, conn.firm, api.PersonRequest{ContactID: c.Contact, Email: c.Email})
	if err != nil {
		return conn.explainError(ctx, err)
	}
	e := answer.Erasure
	if e == nil {
		return errors.New("this person was not erased")
	}
	if c.Output == "json" {
		return printJSON(s.Out, e)
	}
	return printErasure(s.Out, e)
}

func printErasure(w io.Writer, e *api.Erasure) error {
	var text strings.Builder
	fmt.Fprintf(&text, "Erased at %s, as %s asked: %s\n", e.ErasedAt.Format(time.RFC3339), e.RequestedBy, e.Reason)
	if e.LiftedAt != nil {
		fmt.Fprintf(&text, "Lifted at %s, as %s asked: %s\n", e.LiftedAt.Format(time.RFC3339), e.LiftedBy, e.LiftedBecause)
	}
	fmt.Fprintf(&text, "Left out since then: %d facts and requests", e.LeftOut)
	if e.LeftOutAt != nil {
		fmt.Fprintf(&text, ", the newest at %s", e.LeftOutAt.Format(time.RFC3339))
	}
	text.WriteString(".\nWhat was published before is on the streams until:\n")
	for _, held := range e.Streams {
		until := "for good: the stream has no limit of time"
		if held.Until != nil {
			until = held.Until.Format(time.RFC3339)
		}
		fmt.Fprintf(&text, "  %-20s %s\n", held.Stream, until)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// Validate is called by kong once the flags are read.
func (c *exportPersonCmd) Validate() error { return c.check(c.Firm) }

// exported is what is kept about a person, by table.
type exported struct {
	Firm       string                       `json:"firm"`
	ContactIDs []string                     `json:"contact_ids"`
	Emails     []string                     `json:"emails"`
	Tables     map[string][]json.RawMessage `json:"tables"`
}

// Run asks, and prints the answer.
func (c *exportPersonCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	all := exported{Firm: conn.firm, Tables: map[string][]json.RawMessage{}}
	request := api.PersonRequest{ContactID: c.Contact, Email: c.Email, Page: api.Page{Limit: api.MaxLimit}}
	err = allPages(ctx, func(cursor string) (string, error) {
		request.Cursor = cursor
		page, err := conn.Person(ctx, conn.firm, request)
		warnIfBehind(s.Err, page.Freshness)
		all.ContactIDs, all.Emails = page.ContactIDs, page.Emails
		for _, row := range page.Rows {
			all.Tables[row.Table] = append(all.Tables[row.Table], row.Data)
		}
		return page.Next, err
	})
	if err != nil {
		return conn.explainError(ctx, err)
	}
	return printJSON(s.Out, all)
}
