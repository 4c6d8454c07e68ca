package events

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Stored is an event as the stream has it.
type Stored struct {
	Type     Type // by its subject
	Sequence uint64
	At       time.Time // when the stream got it

	subject string
	header  nats.Header
	data    []byte
}

// Decode is [Decode] of the message.
func (s Stored) Decode() (Event, error) { return Decode(s.subject, s.header, s.data) }

// Finder looks for the events of one firm by their source and id. It is for one question at a time.
type Finder struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	firm   string
	floors map[string]uint64 // of the durables, as they were at first
}

// OpenFinder makes a finder. What the durables acknowledge from now on, it finds all the same. It returns nil if there
// is no stream.
func OpenFinder(ctx context.Context, js jetstream.JetStream, firm string) (_ *Finder, err error) {
	ctx, end := whileConnected(ctx, js.Conn())
	defer func() { end(&err) }()
	f := &Finder{js: js, firm: firm, floors: map[string]uint64{}}
	if f.stream, err = js.Stream(ctx, EventsStream); errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil //nolint:nilnil // nothing was published yet
	}
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", EventsStream, err)
	}
	durables, _, err := deliveredBy(ctx, js)
	if err != nil {
		return nil, err
	}
	for name, info := range durables {
		f.floors[name] = info.AckFloor.Stream
	}
	return f, nil
}

// Created is when the broker created the stream.
func (f *Finder) Created() time.Time { return f.stream.CachedInfo().Created }

// At returns the event, if it has that sequence. If another message has it, or none any more, At returns nil.
func (f *Finder) At(ctx context.Context, source, id string, sequence uint64) (_ *Stored, err error) {
	ctx, end := whileConnected(ctx, f.js.Conn())
	defer func() { end(&err) }()
	msg, err := messageAt(ctx, f.stream, sequence)
	if err != nil || msg == nil || msg.Sequence != sequence || FirmOf(msg.Subject) != f.firm || !isEvent(msg, source, id) {
		return nil, err
	}
	return messageOf(msg), nil
}

// Unhandled looks for an event behind the durables' floors. It examines at most so many events of the firm, requests
// first. It returns nil if the event is not there.
func (f *Finder) Unhandled(ctx context.Context, source, id string, most int) (_ *Stored, err error) {
	ctx, end := whileConnected(ctx, f.js.Conn())
	defer func() { end(&err) }()
	for _, d := range []struct {
		name string
		of   Prefix
	}{{InviteDurable, Requests}, {BulkDurable, BulkRequests}, {FactsDurable, Facts}} {
		for after := f.floors[d.name]; most > 0; most-- {
			msg, err := nextMessage(ctx, f.stream, d.of.Of(f.firm), after)
			if err != nil {
				return nil, err
			}
			if msg == nil {
				break
			}
			if isEvent(msg, source, id) {
				return messageOf(msg), nil
			}
			after = msg.Sequence
		}
	}
	return nil, nil //nolint:nilnil // it is not there
}

// MissingFact returns the firm's first fact that is not applied, up to a sequence; nil if every fact is applied. own is
// the floor of the firm. It returns a report about a mail only if no other fact is missing.
func (f *Finder) MissingFact(ctx context.Context, last, own uint64) (_ *Stored, err error) {
	ctx, end := whileConnected(ctx, f.js.Conn())
	defer func() { end(&err) }()
	msg, _, err := nextFact(ctx, f.stream, f.firm, max(own, f.floors[FactsDurable]), last+1)
	if err != nil || msg == nil {
		return nil, err
	}
	return messageOf(msg), nil
}

func messageOf(msg *jetstream.RawStreamMsg) *Stored {
	s := &Stored{Sequence: msg.Sequence, At: msg.Time, subject: msg.Subject, header: msg.Header, data: msg.Data}
	s.Type = Type(msg.Subject[strings.LastIndexByte(msg.Subject, '.')+1:])
	return s
}

// isEvent says whether a message has that source and id.
func isEvent(msg *jetstream.RawStreamMsg, source, id string) bool {
	attrs, err := readAttributes(msg.Header, msg.Data)
	return err == nil && attrs.Source == source && attrs.ID == id
}
