package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/app"
	"portal-invites/internal/bounce"
	"portal-invites/internal/events"
)

// bounceCmd turns delivery reports into EmailSuppressed events.
type bounceCmd struct {
	Inputs []string `arg:"" name:"input" placeholder:"FILE|MAILDIR|-" help:"A message, an mbox, a maildir (its new messages), or - for standard input."`
	Firm   string   `placeholder:"FIRM" help:"The firm whose mails came back, for reports that do not quote the mail's header; reports of other firms' mails are left alone. Without it each mail's header says whose it was."`
	DryRun bool     `help:"Say what would be done; publish nothing and leave maildirs as they are. Needs no broker."`
	Keep   bool     `help:"Leave the messages of a maildir in new/. Otherwise they go to cur/ once they are dealt with."`
	Output string   `short:"o" enum:"text,json" default:"text" help:"How to say what was found: text, or json with one object a line."`
	patience
	app.Broker
}

// Help is printed below the flags.
func (c *bounceCmd) Help() string {
	return `Reads delivery reports (RFC 3464) and complaints (RFC 5965). An address is suppressed only where the report leaves no doubt ` +
		`that the mailbox is not there or that its reader complained. Whatever else comes in is accounted for with the reason why nothing ` +
		`follows from it: delayed, mailbox full, refused as spam, no report at all.

Of a maildir the messages in new/ are read. Those that are dealt with go to cur/, marked as seen; what is no report goes to cur/ unseen, ` +
		`for a person to read; what needs a person (no firm known, unreadable) stays in new/, and the exit code is 1. The same report read twice is the same event, ` +
		`known by its id for two minutes; after that it suppresses again, also what was lifted meanwhile.`
}

// Validate is called by kong once the flags are read.
func (c *bounceCmd) Validate() error {
	if c.Firm == "" {
		return c.check()
	}
	return errors.Join(events.CheckFirm(c.Firm), c.check())
}

// Run reads everything, publishes what follows from it, and only then says it and moves the messages.
func (c *bounceCmd) Run(ctx context.Context, s app.Streams) error {
	read, err := c.read(s.In)
	if err != nil {
		return err
	}
	if !c.DryRun {
		if err := c.publish(ctx, s, read); err != nil {
			return fmt.Errorf("%w. No message was moved; run the same again: the same report is the same event", err)
		}
	}
	bounceSummary{read: read, dryRun: c.DryRun}.show(s, c.Output)
	if !c.DryRun && !c.Keep {
		if err := putAway(read); err != nil {
			return err
		}
	}
	for _, m := range read {
		if m.wantsAttention() {
			return app.ErrReported
		}
	}
	return nil
}

// bounced is a message with what was found in it.
type bounced struct {
	name, file string
	isNew      bool // file is one of a maildir's new ones
	findings   []bounce.Finding
	wrong      string // what keeps an unreadable one from being read
}

func (b bounced) wantsAttention() bool {
	for _, f := range b.findings {
		if f.Reason.WantsAttention() {
			return true
		}
	}
	return false
}

func (b bounced) isReport() bool { return b.findings[0].Reason != bounce.NoReport }

// read takes all inputs apart before anything is done: an input that is not there is wrong use.
func (c *bounceCmd) read(stdin io.Reader) ([]bounced, error) {
	var read []bounced
	for _, input := range c.Inputs {
		messages, err := bounce.Messages(input, stdin)
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil, app.Usagef("%s: there is no such file", input)
		case err != nil:
			return nil, app.Usagef("%s: %w", input, err)
		}
		for m := range messages {
			read = append(read, c.take(m))
		}
	}
	return read, nil
}

func (c *bounceCmd) take(m bounce.Message) bounced {
	b := bounced{name: m.Name, file: m.File, isNew: m.New}
	report, err := bounce.Report{}, m.Err
	if err == nil {
		report, err = bounce.Read(bytes.NewReader(m.Raw))
	}
	switch {
	case err == nil:
		b.findings = report.Findings(c.Firm)
	case errors.Is(err, bounce.ErrNoReport):
		b.findings = []bounce.Finding{{Reason: bounce.NoReport}}
	default:
		b.findings, b.wrong = []bounce.Finding{{Reason: bounce.Unreadable}}, err.Error()
	}
	return b
}

// publish sends what suppresses, each event once: two reports of the same mail and address are one.
func (c *bounceCmd) publish(ctx context.Context, s app.Streams, read []bounced) error {
	msgs, err := suppressions(read)
	if err != nil || len(msgs) == 0 {
		return err
	}
	nc, js, err := c.Connect("publisher")
	if err != nil {
		return err
	}
	defer nc.Close()
	return orCreate(ctx, js, c.Topology(), s.Err, func() error { return c.publishFacts(ctx, js, msgs, func(int) {}) })
}

func suppressions(read []bounced) ([]*nats.Msg, error) {
	var msgs []*nats.Msg
	seen := map[string]bool{}
	now := time.Now()
	for _, b := range read {
		for _, f := range b.findings {
			if !f.Reason.Suppresses() || seen[f.EventID()] {
				continue
			}
			seen[f.EventID()] = true
			out, err := f.Event(now)
			if err != nil {
				return nil, err
			}
			msg, err := out.Message()
			if err != nil {
				return nil, err
			}
			msgs = append(msgs, msg)
		}
	}
	return msgs, nil
}

// putAway moves the messages of maildirs that are dealt with. A file with several messages stays if one of them needs a person.
func putAway(read []bounced) error {
	stays, report := map[string]bool{}, map[string]bool{}
	for _, b := range read {
		stays[b.file] = stays[b.file] || !b.isNew || b.wantsAttention()
		report[b.file] = report[b.file] || b.isReport()
	}
	for file, stay := range stays {
		if stay {
			continue
		}
		if err := bounce.Done(file, report[file]); err != nil {
			return fmt.Errorf("put away: %w", err)
		}
	}
	return nil
}
