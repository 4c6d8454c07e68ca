package demo

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/examples"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/importer"
	"portal-invites/internal/standalone"
)

// tour is one run of the demo.
type tour struct {
	out     io.Writer
	feed    feed
	watcher *watcher
	catcher *standalone.Catcher
	names   map[string]string // of clients and contacts, by their ids
	emails  map[string]string // of contacts, by their ids
	request string            // the id of the first bulk request

	expected examples.Expected
	checks   checks
}

// show publishes the example step by step, prints what comes out, and fails if a sum does not hold.
func show(ctx context.Context, out io.Writer, running app.Standalone, parts *app.Parts) error {
	nc, err := nats.Connect(running.Broker.URL, nats.Name("demo"))
	if err != nil {
		return fmt.Errorf("connect to the broker: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("open JetStream: %w", err)
	}
	w, err := watch(ctx, js)
	if err != nil {
		return err
	}
	defer w.stop()
	files, err := examples.Acme()
	if err != nil {
		return err
	}
	t := &tour{out: out, feed: feed{js, files}, watcher: w, catcher: parts.Catcher}
	if t.expected, err = examples.AcmeExpected(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{t.facts, t.requests, t.bulk, t.fix, t.mail, t.returned, t.sums} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *tour) facts(ctx context.Context) error {
	if _, err := t.feed.file(ctx, events.FirmUpserted, examples.AcmeFirmFile); err != nil {
		return err
	}
	read, err := t.feed.csv(ctx, examples.AcmeClients)
	if err != nil {
		return err
	}
	t.names, t.emails = names(read), emails(read)
	if _, err := t.feed.ndjson(ctx, examples.AcmeFacts); err != nil {
		return err
	}
	t.heading("Acme CPA moves in")
	t.say("%d clients and %d contacts came from the firm's CSV export, with everything that real data has: spouses "+
		"who share an email, businesses with only \"Other\" contacts, missing and mistyped emails, an archived client, "+
		"people who use the portal already.", len(read.Clients), len(read.Contacts))
	return nil
}

func names(read *importer.Import) map[string]string {
	byID := map[string]string{}
	for _, client := range read.Clients {
		byID[client.ClientID] = client.Name
	}
	for _, contact := range read.Contacts {
		byID[contact.ContactID] = contact.Name
	}
	return byID
}

func emails(read *importer.Import) map[string]string {
	byID := map[string]string{}
	for _, contact := range read.Contacts {
		byID[contact.ContactID] = contact.Email
	}
	return byID
}

func (t *tour) requests(ctx context.Context) error {
	recipients, err := t.feed.ndjson(ctx, examples.AcmeRequests)
	if err != nil {
		return err
	}
	list, err := t.watcher.individual(ctx, recipients)
	if err != nil {
		return err
	}
	t.heading("The office shares files and asks for signatures; these invite people, too")
	t.processes(list)
	t.say("Why the others were not invited, with an example:")
	t.reasons(list)
	t.checks.every(recipients, list, t.expected.Individual)
	return nil
}

func (t *tour) bulk(ctx context.Context) error {
	completed, list, err := t.runBulk(ctx, "first bulk run", t.expected.Bulk)
	if err != nil {
		return err
	}
	t.request = completed.Cause.ID
	t.heading("A bulk invite of every active client")
	t.sum(completed)
	t.say("Why the others were skipped, with an example:")
	t.reasons(list)
	return nil
}

func (t *tour) fix(ctx context.Context) error {
	if _, err := t.feed.ndjson(ctx, examples.AcmeFixes); err != nil {
		return err
	}
	completed, list, err := t.runBulk(ctx, "second bulk run", t.expected.BulkAfterFixes)
	if err != nil {
		return err
	}
	t.heading("Two contacts are fixed, and the bulk invite runs again")
	t.sum(completed)
	t.say("Exactly those two went out; the first run's %d were not mailed again:", t.expected.Bulk.Sent)
	for _, o := range list {
		if o.Type == events.InviteSent {
			fmt.Fprintf(t.out, "    %s on %s, %s\n",
				t.names[o.Recipient.ContactID], t.names[o.ClientID], o.Recipient.EmailMasked)
		}
	}
	fmt.Fprintln(t.out)
	return nil
}

func (t *tour) runBulk(ctx context.Context, name string, expected examples.Sums) (outcome, []outcome, error) {
	request, err := t.feed.file(ctx, events.BulkInviteRequested, examples.AcmeBulk)
	if err != nil {
		return outcome{}, nil, err
	}
	completed, list, err := t.watcher.run(ctx, request)
	if err != nil {
		return outcome{}, nil, err
	}
	t.checks.run(name, completed, list, expected)
	return completed, list, nil
}

// mail shows the mail of an eSign request, which contains the most.
func (t *tour) mail(ctx context.Context) error {
	messages, err := t.catcher.Messages(ctx, standalone.Query{Search: "signature", Limit: 1})
	if err == nil && len(messages) == 0 {
		messages, err = t.catcher.Messages(ctx, standalone.Query{Limit: 1})
	}
	if err != nil {
		return fmt.Errorf("list the mails: %w", err)
	}
	if len(messages) == 0 {
		return errors.New("the catcher has no mail")
	}
	mail, err := t.catcher.Load(messages[0].ID)
	if err != nil {
		return fmt.Errorf("read a mail: %w", err)
	}
	t.heading("One of the mails: its text part, with the link cut short")
	t.text(mail)
	return nil
}

func (t *tour) sums(ctx context.Context) error {
	seen, err := t.watcher.until(ctx, "nothing more", func([]outcome) bool { return true })
	if err != nil {
		return err
	}
	t.checks.mails(seen, t.catcher.Count())
	t.heading("Every invite accounted for")
	return t.checks.report(t.out)
}
