package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/app"
	"portal-invites/internal/events"
)

const (
	// window is how many events are published at once, before their acks are awaited. The client stalls at 4,000, and the
	// progress bar needs small steps.
	window = 500
	// batch is how many facts an import publishes at once: the size of the broker's largest atomic batch.
	batch = 1000
)

// patience is how long the stream may take to acknowledge a window or a batch. That takes seconds on the slowest disk.
type patience struct {
	Timeout time.Duration `default:"30s" placeholder:"30s" help:"How long the broker may take to acknowledge events. After that, the command ends with exit code 1."`
}

func (p patience) check() error {
	if p.Timeout <= 0 {
		return errors.New("--timeout: must be above zero (example: 30s)")
	}
	return nil
}

// receipt is the stream's acknowledgement of an event.
type receipt struct {
	Subject  string `json:"subject"`
	Type     string `json:"type"`
	Source   string `json:"source"`
	ID       string `json:"id"`
	Stream   string `json:"stream"`
	Sequence uint64 `json:"sequence"`
}

// publishAcked publishes the messages in order and returns a receipt for each. After an error, the same messages may be
// published again: the workers recognise a copy by its source and id.
func (p patience) publishAcked(
	ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg, progress func(int),
) ([]receipt, error) {
	receipts := make([]receipt, 0, len(msgs))
	for chunk := range slices.Chunk(msgs, window) {
		got, err := p.publishWindow(ctx, js, chunk)
		receipts = append(receipts, got...)
		if err != nil {
			return receipts, err
		}
		progress(len(chunk))
	}
	return receipts, nil
}

func (p patience) publishWindow(ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg) ([]receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	acks, err := events.Emit(ctx, js, msgs)
	receipts := make([]receipt, len(acks))
	for i, ack := range acks {
		receipts[i] = receiptFor(msgs[i], ack)
	}
	return receipts, p.inOneSentence(ctx, js.Conn(), err)
}

func receiptFor(msg *nats.Msg, ack *jetstream.PubAck) receipt {
	return receipt{
		Subject: msg.Subject, Type: msg.Header.Get("ce-type"),
		Source: msg.Header.Get("ce-source"), ID: msg.Header.Get("ce-id"),
		Stream: ack.Stream, Sequence: ack.Sequence,
	}
}

// publishFacts publishes facts in order, in atomic batches, which cost one disk sync each. Its error is one sentence,
// however many facts the stream did not acknowledge.
func (p patience) publishFacts(
	ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg, progress func(int),
) error {
	for chunk := range slices.Chunk(msgs, batch) {
		if err := p.publishBatch(ctx, js, chunk); err != nil {
			return err
		}
		progress(len(chunk))
	}
	return nil
}

func (p patience) publishBatch(ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg) error {
	within, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	return p.inOneSentence(within, js.Conn(), events.EmitMany(within, js, msgs))
}

// inOneSentence returns the error of publishing within a context: what ended the wait, or the first of many errors.
func (p patience) inOneSentence(ctx context.Context, nc *nats.Conn, err error) error {
	switch {
	case err != nil && ctx.Err() != nil:
		return p.noAnswer(ctx, nc)
	case err != nil:
		return firstOf(err)
	}
	return nil
}

// noAnswer returns the error for a wait that ended before the stream answered.
func (p patience) noAnswer(ctx context.Context, nc *nats.Conn) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return errors.New("stopped before the stream had acknowledged everything")
	}
	if denied := app.Denied(nc); denied != nil {
		return denied
	}
	return fmt.Errorf("no answer from the stream within %s: is the broker (NATS_URL) still there?", p.Timeout)
}

// firstOf returns the first of joined errors and the number of the others. Hundreds of errors of one sort tell no more
// than that.
func firstOf(err error) error {
	many, joined := err.(interface{ Unwrap() []error })
	if !joined || len(many.Unwrap()) < 2 {
		return err
	}
	all := many.Unwrap()
	return fmt.Errorf("%w (and %d more like it)", all[0], len(all)-1)
}

// orCreate publishes. If the stream does not exist, it creates the streams and publishes again, so that events from
// before the first worker are not lost. It does not change existing streams, since the workers keep their settings.
func orCreate(
	ctx context.Context, js jetstream.JetStream, topology events.Topology, notes io.Writer, publish func() error,
) error {
	err := publish()
	if !errors.Is(err, jetstream.ErrNoStreamResponse) {
		return err
	}
	if _, lookup := js.Stream(ctx, events.EventsStream); !errors.Is(lookup, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("stream %s does not answer: %w", events.EventsStream, cmp.Or(lookup, err))
	}
	if err := topology.Ensure(ctx, js); err != nil {
		return fmt.Errorf("stream %s does not exist and could not be created: %w", events.EventsStream, err)
	}
	fmt.Fprintf(notes, "The stream %s did not exist yet: created it.\n", events.EventsStream)
	return publish()
}

// tooLarge returns a problem for each message that the broker would refuse for its size. It is called before the first
// message is published.
func tooLarge(nc *nats.Conn, items []item) []problem {
	var problems []problem
	for _, it := range items {
		if int64(it.msg.Size()) > nc.MaxPayload() {
			text := fmt.Sprintf("is larger than the broker accepts (%d bytes)", nc.MaxPayload())
			problems = append(problems, problem{it.line, "data", text})
		}
	}
	return problems
}
