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

// bounceCmd turns delivery reports into MailReported events, and those that quote no mail of ours into EmailSuppressed.
type bounceCmd struct {
	Inputs   []string `arg:"" name:"input" placeholder:"FILE|MAILDIR|-" help:"A message, an mbox, a maildir (its new messages), or - for standard input."`
	Firm     string   `placeholder:"FIRM" help:"The firm whose mails came back, for reports that do not quote the mail's header. Reports about other firms' mails are left alone. Without this flag, each mail's header names the firm."`
	Unproven bool     `help:"Also count reports that do not quote our Message-ID, as of mails from before an upgrade. Anybody can write such reports, and have any address suppressed."`
	DryRun   bool     `help:"Show what would be done. Publish nothing and move no messages. Needs no broker."`
	Keep     bool     `help:"Leave the messages of a maildir in new/. Otherwise handled messages are moved to cur/."`
	Output   string   `short:"o" enum:"text,json" default:"text" help:"Output form: text, or json with one object a line."`
	patience
	app.Broker
}

// Help is printed below the flags.
func (c *bounceCmd) Help() string {
	return `Reads delivery reports (RFC 3464) and complaints (RFC 5965). What became of a mail is published as ` +
		`MailReported: it was delivered, is delayed, or came back. An address is suppressed only if the report leaves no ` +
		`doubt that the mailbox does not exist or that its reader complained. All other messages are listed with the ` +
		`reason why they change nothing.

Of a maildir, the messages in new/ are read. Reports that were handled are moved to cur/, marked as seen. Messages ` +
		`that are not reports are moved to cur/ unseen, for a person to read. Reports that a person must look at (no ` +
		`firm known, unreadable) stay in new/, and the exit code is 1. A report that is read again later changes nothing, ` +
		`unless --unproven counts one that quotes no mail of ours: then it suppresses the address again, even if that was ` +
		`lifted meanwhile.`
}

// Validate is called by kong once the flags are read.
func (c *bounceCmd) Validate() error {
	if c.Firm == "" {
		return c.check()
	}
	return errors.Join(events.CheckFirm(c.Firm), c.check())
}

// Run reads all messages and publishes what follows. Only then it prints the summary and moves the messages.
func (c *bounceCmd) Run(ctx context.Context, s app.Streams) error {
	read, err := c.read(s.In)
	if err != nil {
		return err
	}
	if !c.DryRun {
		if err := c.publish(ctx, s, read); err != nil {
			return fmt.Errorf("%w. No message was moved. Run the command again: the same report is the same event", err)
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

// bounced is a message with its findings.
type bounced struct {
	name, file string
	isNew      bool // the file is in a maildir's folder new
	findings   []bounce.Finding
	wrong      string // why the message can't be read; "" if it can
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

// read reads all inputs before anything is published, since a missing input is wrong use.
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
		b.findings = report.Findings(bounce.Asked{Firm: c.Firm, Unproven: c.Unproven})
	case errors.Is(err, bounce.ErrNoReport):
		b.findings = []bounce.Finding{{Reason: bounce.NoReport}}
	default:
		b.findings, b.wrong = []bounce.Finding{{Reason: bounce.Unreadable}}, err.Error()
	}
	return b
}

// publish publishes what follows, each event once: two reports about the same mail and address are one event.
func (c *bounceCmd) publish(ctx context.Context, s app.Streams, read []bounced) error {
	msgs, err := eventsOf(read)
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

func eventsOf(read []bounced) ([]*nats.Msg, error) {
	var msgs []*nats.Msg
	seen := map[string]bool{}
	now := time.Now()
	for _, b := range read {
		for _, f := range b.findings {
			if !f.Published() || seen[f.EventID()] {
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

// putAway moves the handled messages of maildirs. A file with several messages stays if a person must look at one of
// them.
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
			return fmt.Errorf("move a handled message: %w", err)
		}
	}
	return nil
}
