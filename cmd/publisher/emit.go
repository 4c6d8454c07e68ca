package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/ctl"
	"portal-invites/internal/events"
)

// emitCmd publishes one event from flags, or many from NDJSON.
type emitCmd struct {
	Firm string `placeholder:"FIRM" help:"The firm that the events are for: 1 to 64 of A-Z a-z 0-9 _ -. With --ndjson, each line can name it instead, in the attribute \"firm\"."`

	Type    string `xor:"what" required:"" placeholder:"TYPE" group:"One event" help:"Its type, for example InviteRequested."`
	Data    string `default:"-" placeholder:"JSON|@FILE|-" group:"One event" help:"The event's data: JSON, @ and a file's name, or - for standard input (the default)."`
	ID      string `name:"id" placeholder:"ID" group:"One event" help:"The event's id; a new UUID if not given. Two events with the same source and id are the same event."`
	Source  string `placeholder:"URI" group:"One event" help:"The event's source; publisher/<host> if not given."`
	Subject string `placeholder:"TEXT" group:"One event" help:"What the event is about (the CloudEvents subject)."`

	NDJSON  string `name:"ndjson" xor:"what" required:"" placeholder:"FILE|-" group:"Many events" help:"A file of CloudEvents as JSON, one a line, or - for standard input. All are checked before the first is published."`
	SkipBad bool   `group:"Many events" help:"Publish the good lines even if others are bad (the exit code is still 1)."`

	Wait   bool   `group:"One event" help:"Wait until everybody has an outcome, for as long as --timeout, and print it. The exit code is 1 if somebody was skipped or failed, and 3 if something waits still."`
	Output string `short:"o" enum:"text,json" default:"text" help:"Output form: text, or json with one object a line."`
	patience
	app.Broker
}

// Validate is called by kong once the flags are read.
func (c *emitCmd) Validate() error {
	if c.NDJSON != "" && (c.Data != "-" || c.ID != "" || c.Source != "" || c.Subject != "") {
		return errors.New("--data, --id, --source and --subject need --type: with --ndjson, the lines have them")
	}
	if c.Wait && c.NDJSON != "" {
		return errors.New("--wait needs --type: it waits for one event")
	}
	if c.Type != "" {
		if c.Firm == "" {
			return errors.New("--firm: missing (example: --firm acme-cpa)")
		}
		if err := checkType(c.Type); err != nil {
			return err
		}
		if c.SkipBad {
			return errors.New("--skip-bad needs --ndjson")
		}
	}
	if c.Firm != "" {
		return errors.Join(events.CheckFirm(c.Firm), c.check())
	}
	return c.check()
}

func checkType(name string) error {
	if slices.Contains(events.IncomingTypes(), events.Type(name)) {
		return nil
	}
	var names []string
	for _, t := range events.IncomingTypes() {
		names = append(names, string(t))
	}
	return fmt.Errorf("--type: must be one of %s", strings.Join(names, ", "))
}

// Run checks all events before it publishes the first one.
func (c *emitCmd) Run(ctx context.Context, s app.Streams) error {
	items, found, err := c.read(s)
	if err != nil {
		return err
	}
	if c.refuse(s, items, found) {
		return app.ErrReported
	}
	nc, js, err := c.Connect("publisher")
	if err != nil {
		return err
	}
	defer nc.Close()
	if large := tooLarge(nc, items); len(large) > 0 {
		found = append(found, large...)
		items = slices.DeleteFunc(items, func(it item) bool {
			return slices.ContainsFunc(large, func(p problem) bool { return p.Line == it.line })
		})
		if c.refuse(s, items, large) {
			return app.ErrReported
		}
	}
	var receipts []receipt
	bar := newProgress(s.Err, len(items))
	err = orCreate(ctx, js, c.Topology(), s.Err, func() error {
		var err error
		receipts, err = c.publishAcked(ctx, js, messages(items), bar.add)
		return err
	})
	bar.done()
	c.show(s, receipts)
	if err != nil {
		return fmt.Errorf("%w. At least %s published. "+
			"Run the command again: an event that is stored twice is the same event",
			err, count(len(receipts), "event"))
	}
	if len(found) > 0 {
		return app.ErrReported
	}
	if c.Wait {
		return c.await(ctx, s, nc, receipts[0])
	}
	return nil
}

// await prints what became of the event. It is stored, whatever the workers answer.
func (c *emitCmd) await(ctx context.Context, s app.Streams, nc *nats.Conn, stored receipt) error {
	answer, err := ctl.AwaitReceipt(ctx, api.NewClient(nc), c.Firm, api.ReceiptRequest{
		Source: stored.Source, ID: stored.ID, Sequence: stored.Sequence,
	}, c.Timeout)
	if err != nil {
		fmt.Fprintf(s.Err, "The event is stored, and what becomes of it is not known: %s\n"+
			"Ask later: invitectl event --firm %s --sequence %d %s %s\n",
			err, c.Firm, stored.Sequence, stored.Source, stored.ID)
		return app.ErrWaits
	}
	if c.Output == outputJSON {
		printJSON(s.Out, answer)
	} else {
		ctl.PrintReceipt(s.Out, c.Firm, answer)
	}
	return ctl.ReceiptError(answer)
}

func (c *emitCmd) read(s app.Streams) ([]item, []problem, error) {
	if c.NDJSON == "" {
		msg, found, err := c.one(s)
		return []item{{msg: msg}}, found, err
	}
	in, closeInput, err := open(c.NDJSON, s.In)
	if err != nil {
		return nil, nil, err
	}
	defer closeInput()
	items, found, err := readNDJSON(in, firmChoice{given: c.Firm})
	if err == nil && len(items)+len(found) == 0 {
		err = errors.New("there is no event in the input")
	}
	return items, found, err
}

// refuse prints the problems, and says whether they stop the command.
func (c *emitCmd) refuse(s app.Streams, items []item, found []problem) bool {
	if len(found) == 0 {
		return false
	}
	for _, p := range found {
		fmt.Fprintln(s.Err, p)
	}
	if c.SkipBad && len(items) > 0 {
		fmt.Fprintf(s.Err, "%s refused; the others are published.\n", count(badLines(found), "event"))
		return false
	}
	fmt.Fprintf(s.Err, "%s refused; nothing was published.\n", count(badLines(found), "event"))
	return true
}

// one builds the event that the flags describe, and checks it against the contract as the workers will.
func (c *emitCmd) one(s app.Streams) (*nats.Msg, []problem, error) {
	data, err := readData(c.Data, s.In)
	if err != nil {
		return nil, nil, err
	}
	id, source := c.ID, c.Source
	if id == "" {
		id = uuid.NewString()
	}
	if source == "" {
		source = defaultSource()
	}
	subject, err := events.Subject(c.Firm, events.Type(c.Type))
	if err != nil {
		return nil, nil, app.UsageError{Err: err}
	}
	msg, err := events.Outgoing{
		Subject: subject, Type: events.Type(c.Type), Source: source, ID: id, Time: time.Now(), About: c.Subject,
		Data: struct{}{},
	}.Message()
	if err != nil {
		return nil, nil, err
	}
	msg.Data = data // unchanged: Decode names what is wrong with it, and where
	if err := events.Strict(events.Decode(msg.Subject, msg.Header, msg.Data)); err != nil {
		return nil, problems(err), nil
	}
	return msg, nil, nil
}

func messages(items []item) []*nats.Msg {
	msgs := make([]*nats.Msg, len(items))
	for i, it := range items {
		msgs[i] = it.msg
	}
	return msgs
}

// show prints what the stream has stored: a sentence for many events, or a line for each with -o json.
func (c *emitCmd) show(s app.Streams, receipts []receipt) {
	if c.Output == outputJSON {
		for _, r := range receipts {
			printJSON(s.Out, r)
		}
		return
	}
	if len(receipts) == 0 {
		return
	}
	if c.NDJSON == "" {
		r := receipts[0]
		fmt.Fprintf(s.Out, "%s id=%s sequence=%d stream=%s\n", r.Subject, r.ID, r.Sequence, r.Stream)
		return
	}
	first, last := receipts[0], receipts[len(receipts)-1]
	fmt.Fprintf(s.Out, "%s published to %s, sequences %d to %d\n",
		count(len(receipts), "event"), first.Stream, first.Sequence, last.Sequence)
}
