package ctl

import (
	"context"
	"encoding/json"
	"errors"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
)

// personCmd is about what is kept about one person.
type personCmd struct {
	Export exportPersonCmd `cmd:"" help:"Everything that is kept about one person, and about nobody else, as JSON."`
}

type exportPersonCmd struct {
	service
	Contact string `placeholder:"ID" xor:"who" help:"The contact."`
	Email   string `placeholder:"EMAIL" xor:"who" help:"Whoever has this email: one contact, or a person who was added by email."`
	Output  string `short:"o" enum:"json" default:"json" help:"json, the only form."`
}

// Validate is called by kong once the flags are read.
func (c *exportPersonCmd) Validate() error {
	if c.Contact == "" && c.Email == "" {
		return errors.Join(checkFirm(c.Firm), errors.New("--contact: missing (or --email)"))
	}
	return checkFirm(c.Firm)
}

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
