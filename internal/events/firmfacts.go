package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// AwaitFirmFacts waits until a firm's facts are applied, for at most patience. It waits for the facts that the stream
// has when it is called, and not for facts of other firms. It returns the zero time if they are applied, or if there is
// no stream. Otherwise it returns the time at which the stream stored the oldest fact that is not applied.
//
// It waits for reports about mails for half a second only (ADR 117).
//
// A fact counts as applied if the ack floor of the facts durable has passed it, or the floor of its firm. The function
// floor returns the firm's floor in the stream that was created at the given time.
func AwaitFirmFacts(
	ctx context.Context, js jetstream.JetStream, firm string, patience time.Duration,
	floor func(ctx context.Context, created time.Time) (uint64, error),
) (behindSince time.Time, err error) {
	filter := Facts.Of(firm)
	stream, err := js.Stream(ctx, EventsStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("open stream %s: %w", EventsStream, err)
	}
	newest, err := stream.GetLastMsgForSubject(ctx, filter)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("ask for the newest fact of %s: %w", firm, err)
	}
	began, enough := time.Now(), time.After(patience)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		oldest, isReport, err := oldestUnapplied(ctx, stream, firm, newest.Sequence, floor)
		if err != nil {
			return time.Time{}, err
		}
		if oldest == nil || isReport && time.Since(began) > ReportsTurn {
			return time.Time{}, nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-enough:
			return oldest.Time, nil
		case <-time.After(pause):
		}
	}
}

// oldestUnapplied returns a firm's first fact behind both floors, up to a sequence, or nil.
func oldestUnapplied(
	ctx context.Context, stream jetstream.Stream, firm string, last uint64,
	floor func(context.Context, time.Time) (uint64, error),
) (oldest *jetstream.RawStreamMsg, isReport bool, err error) {
	facts, err := stream.Consumer(ctx, FactsDurable) // which asks for its ack floor as well
	if err != nil {
		return nil, false, fmt.Errorf("ask how far facts are applied: %w", err)
	}
	oldest, isReport, err = nextFact(ctx, stream, firm, facts.CachedInfo().AckFloor.Stream, last+1)
	if err != nil || oldest == nil {
		return nil, false, err
	}
	own, err := floor(ctx, stream.CachedInfo().Created)
	if err != nil || own < oldest.Sequence {
		return oldest, isReport, err
	}
	return nextFact(ctx, stream, firm, own, last+1)
}
