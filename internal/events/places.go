package events

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Places says what the stream of events still has, and how far each durable is.
type Places struct {
	Created  time.Time // when the broker created the stream
	First    uint64    // the oldest event that the stream has, or the next one that it gets
	FirstAt  time.Time // when that event came; zero if the stream is empty
	Durables map[string]DurablePlace
}

// DurablePlace is how far a durable is.
type DurablePlace struct {
	// Handled is the sequence up to which everything is handled that the durable gets. If nothing waits for it, that is
	// the end of the stream.
	Handled uint64
	// Age is how old its oldest event is that is not handled, as a share of the time for which the stream keeps events.
	// It is 0 if there is none.
	Age float64
}

// FindPlaces reads the places.
func FindPlaces(ctx context.Context, js jetstream.JetStream) (p Places, err error) {
	ctx, end := whileConnected(ctx, js.Conn())
	defer func() { end(&err) }()
	stream, err := js.Stream(ctx, EventsStream) // before the durables, which have handled at least what they had then
	if err != nil {
		return p, fmt.Errorf("open stream %s: %w", EventsStream, err)
	}
	state := stream.CachedInfo().State
	p = Places{Created: stream.CachedInfo().Created, First: state.FirstSeq, Durables: map[string]DurablePlace{}}
	if state.Msgs > 0 {
		p.FirstAt = state.FirstTime
	}
	durables, _, err := deliveredBy(ctx, js)
	if err != nil {
		return p, err
	}
	for name, info := range durables {
		if info.NumPending == 0 && info.NumAckPending == 0 {
			p.Durables[name] = DurablePlace{Handled: max(info.AckFloor.Stream, state.LastSeq)}
			continue
		}
		place := DurablePlace{Handled: info.AckFloor.Stream}
		oldest, err := nextMessage(ctx, stream, info.Config.FilterSubject, info.AckFloor.Stream)
		if err != nil {
			return p, err
		}
		if keep := stream.CachedInfo().Config.MaxAge; oldest != nil && keep > 0 {
			place.Age = max(0, time.Since(oldest.Time).Seconds()/keep.Seconds())
		}
		p.Durables[name] = place
	}
	return p, nil
}
