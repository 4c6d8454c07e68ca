package ctl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/app"
	"portal-invites/internal/events"
)

// requestMsg is a request that a command makes. A wrong one is a usage error: the workers would make it a dead letter,
// and here it can still be corrected.
func requestMsg(firm string, typ events.Type, source, id string, data any) (*nats.Msg, error) {
	subject, err := events.Subject(firm, typ)
	if err != nil {
		return nil, app.UsageError{Err: err}
	}
	msg, err := events.Outgoing{
		Subject: subject, Type: typ, Source: source, ID: id, Time: time.Now(), Data: data,
	}.Message()
	if err != nil {
		return nil, err
	}
	if _, err := events.Decode(msg.Subject, msg.Header, msg.Data); err != nil {
		return nil, app.UsageError{Err: err}
	}
	return msg, nil
}

// publish stores a request in the stream, and returns its sequence.
func (conn connection) publish(ctx context.Context, msg *nats.Msg) (sequence uint64, err error) {
	ack, err := conn.js.PublishMsg(ctx, msg)
	switch {
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return 0, noStream(events.EventsStream)
	case err != nil:
		return 0, fmt.Errorf("publish the request: %w. It may be stored or not; it is safe to try again", err)
	}
	return ack.Sequence, nil
}
