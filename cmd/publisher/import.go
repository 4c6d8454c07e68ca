package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/address"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/importer"
	"portal-invites/internal/rules"
)

// importCmd publishes clients and contacts from a CSV export.
type importCmd struct {
	File    string `arg:"" placeholder:"FILE|-" help:"The export: one row for each contact on each client. Comma, semicolon or tab; UTF-8, UTF-16 or Windows-1252; - for standard input."`
	Firm    string `required:"" placeholder:"FIRM" help:"The firm the clients belong to."`
	Kind    string `enum:",individual,business" default:"" placeholder:"KIND" help:"The kind of the clients for which the file has none: individual or business."`
	Primary string `enum:",primary,other" default:"" placeholder:"primary|other" help:"What every contact is if the file has no column for it."`
	DryRun  bool   `help:"Show what would be published and what is wrong, but publish nothing. Needs no broker."`
	Strict  bool   `help:"Publish nothing at all if a row is refused."`
	Output  string `short:"o" enum:"text,json" default:"text" help:"Output form: text or json."`
	patience
	app.Broker
}

// Help is printed below the flags.
func (c *importCmd) Help() string {
	return `Column names are matched loosely: Client ID, client_no or Account #; Client name or Company; Type or Kind ` +
		`(Individual, Person, Business, Company, LLC ...); Status (Active, Archived, Inactive; empty is Active); ` +
		`Contact ID; Contact name, or First and Last name; Email or E-mail address; Primary? or Contact type (Primary, ` +
		`Other, yes, no; empty is Other); Language.

If a row can't be read, its whole client is left out: published without that row, the client would lose a ` +
		`contact. The other clients are published, and the exit code is 1. A missing or mistyped email is not refused: ` +
		`the outcome of each invite reports it. If the file has no ids, they are derived from names and emails, so the ` +
		`next import updates the same clients. But then a corrected email makes a new contact, so ids are better.`
}

// Validate is called by kong once the flags are read.
func (c *importCmd) Validate() error {
	if c.Firm == "" {
		return nil // kong says that the flag is missing
	}
	return errors.Join(events.CheckFirm(c.Firm), c.check())
}

// Run reads the file, publishes the clients without problems, and prints the problems of the rest. Contacts are
// published before the clients that name them.
func (c *importCmd) Run(ctx context.Context, s app.Streams) error {
	in, closeInput, err := open(c.File, s.In)
	if err != nil {
		return err
	}
	defer closeInput()
	read, err := importer.Read(in, importer.Options{Kind: rules.ClientKind(c.Kind), Primary: c.Primary})
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	items, err := c.facts(read)
	if err != nil {
		return err
	}
	stopped := c.Strict && len(read.Problems) > 0
	if !c.DryRun && !stopped && len(items) > 0 {
		if err := c.publish(ctx, s, items); err != nil {
			return err
		}
	}
	summary{read: read, items: items, file: c.File, dryRun: c.DryRun, stopped: stopped}.show(s, c.Output)
	if len(read.Problems) > 0 {
		return app.ErrReported
	}
	return nil
}

func (c *importCmd) publish(ctx context.Context, s app.Streams, items []item) error {
	nc, js, err := c.Connect("publisher")
	if err != nil {
		return err
	}
	defer nc.Close()
	if large := tooLarge(nc, items); len(large) > 0 {
		return fmt.Errorf("client with too many contacts: %s", large[0].Text)
	}
	bar := newProgress(s.Err, len(items))
	err = orCreate(ctx, js, c.Topology(), s.Err, func() error {
		return c.publishFacts(ctx, js, messages(items), bar.add)
	})
	bar.done()
	if err != nil {
		return fmt.Errorf("%w. Some of the facts may be published. To publish the rest, import the file again", err)
	}
	return nil
}

// facts makes the events. Their ids are new in every import: if a contact's email goes from A to B and back to A, those
// are three facts.
func (c *importCmd) facts(read *importer.Import) ([]item, error) {
	run, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make an id for the import: %w", err)
	}
	f := factory{firm: c.Firm, source: defaultSource(), run: run.String(), at: time.Now()}
	for _, contact := range read.Contacts {
		f.add(events.ContactUpserted, contact.ContactID, contact)
	}
	for _, client := range read.Clients {
		f.add(events.ClientUpserted, client.ClientID, client)
	}
	return f.items, f.err
}

type factory struct {
	firm, source, run string
	at                time.Time
	items             []item
	err               error
}

func (f *factory) add(t events.Type, about string, data any) {
	if f.err != nil {
		return
	}
	subject, err := events.Subject(f.firm, t)
	if err != nil {
		f.err = err
		return
	}
	msg, err := events.Outgoing{
		Subject: subject, Type: t, Source: f.source, ID: f.run + "." + strconv.Itoa(len(f.items)+1),
		Time: f.at, About: about, Data: data,
	}.Message()
	if err != nil {
		f.err = err
		return
	}
	f.items = append(f.items, item{msg: msg})
}

// maskedContact describes a contact in a form that may be printed.
func maskedContact(c events.Contact) string {
	email := address.Parse(c.Email).Masked()
	if email == "" {
		email = "no email"
	}
	return fmt.Sprintf("contact %s  %s  %s", c.ContactID, c.Name, email)
}

func shownClient(c events.Client) string {
	contacts := make([]string, len(c.Contacts))
	for i, contact := range c.Contacts {
		contacts[i] = contact.ContactID
		if contact.Primary {
			contacts[i] += " (Primary)"
		}
	}
	state := ""
	if !c.IsActive() {
		state = ", archived"
	}
	if len(contacts) == 0 {
		contacts = []string{"no contacts"}
	}
	return fmt.Sprintf("client %s  %s (%s%s): %s", c.ClientID, c.Name, c.Kind, state, strings.Join(contacts, ", "))
}
