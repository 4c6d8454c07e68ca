package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Mark is the highest sequence that any worker has been given. Times are those at which the broker stored a message, in
// nanoseconds.
type Mark struct {
	Sequence uint64
	Time     int64 // of the message with that sequence
	Newest   int64 // the greatest time of any message that a worker has been given
}

func (m *Mark) see(sequence uint64, stored int64) {
	if sequence > m.Sequence {
		m.Sequence, m.Time = sequence, stored
	}
	m.Newest = max(m.Newest, stored)
}

// WentBack compares the stream of events with the mark. If the stream went back, WentBack returns the first sequence
// that differs from what workers have been given, and the message before it as the new mark. Otherwise it returns 0.
//
// The stream went back if it ends before the mark, or if it has another message there. The messages that it got since
// then are newer than every message that workers have been given. So the first of those is the first that differs.
func WentBack(ctx context.Context, js jetstream.JetStream, mark Mark) (first uint64, before Mark, err error) {
	ctx, end := whileConnected(ctx, js.Conn())
	defer func() { end(&err) }()
	stream, err := js.Stream(ctx, EventsStream)
	if err != nil {
		return 0, Mark{}, fmt.Errorf("open stream %s: %w", EventsStream, err)
	}
	info := stream.CachedInfo().State
	if info.LastSeq >= mark.Sequence {
		at, err := messageAt(ctx, stream, mark.Sequence)
		if err != nil || at == nil || at.Sequence != mark.Sequence || at.Time.UnixNano() == mark.Time {
			return 0, Mark{}, err // the same message, or one that has expired
		}
	}
	if first, err = firstAfter(ctx, stream, mark); err != nil {
		return 0, Mark{}, err
	}
	before = Mark{Sequence: first - 1}
	last, err := messageAt(ctx, stream, first-1)
	if err != nil {
		return 0, Mark{}, err
	}
	if last != nil && last.Sequence == first-1 {
		before.Time, before.Newest = last.Time.UnixNano(), last.Time.UnixNano()
	}
	return first, before, nil
}

// firstAfter finds the first message that the broker stored after every message that workers have been given. It is up
// to the mark, or the next message that the stream will get.
func firstAfter(ctx context.Context, stream jetstream.Stream, mark Mark) (uint64, error) {
	state := stream.CachedInfo().State
	low, high := max(1, state.FirstSeq), min(state.LastSeq, mark.Sequence)+1 // the answer is from low to high
	for low < high {
		middle := low + (high-low)/2
		at, err := messageAt(ctx, stream, middle)
		switch {
		case err != nil:
			return 0, err
		case at == nil || at.Sequence >= high || at.Time.UnixNano() > mark.Newest: // or nothing is there
			high = middle
		default:
			low = at.Sequence + 1
		}
	}
	if state.LastSeq >= mark.Sequence && low > mark.Sequence {
		// The message at the mark is another one, and it is not newer than those before. So the broker's clock was set back,
		// and no time tells the old messages from the new ones. The whole stream counts as new.
		return 1, nil
	}
	return low, nil
}

// StoredAt is when the stream of events got a firm's message. It is zero if the stream no longer has it.
func StoredAt(ctx context.Context, js jetstream.JetStream, firm string, sequence uint64) (time.Time, error) {
	stream, err := js.Stream(ctx, EventsStream)
	if err != nil {
		return time.Time{}, fmt.Errorf("open stream %s: %w", EventsStream, err)
	}
	msg, err := messageAt(ctx, stream, sequence)
	if err != nil || msg == nil || msg.Sequence != sequence {
		return time.Time{}, err
	}
	if addr, err := parseSubject(msg.Subject); err != nil || addr.firm != firm {
		return time.Time{}, nil //nolint:nilerr // the sequence was used again
	}
	return msg.Time, nil
}

// messageAt returns the message with that sequence, or the next one, or nil if there is none.
func messageAt(ctx context.Context, stream jetstream.Stream, sequence uint64) (*jetstream.RawStreamMsg, error) {
	if sequence == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	msg, err := stream.GetMsg(ctx, sequence, jetstream.WithGetMsgSubject(">"))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, nil //nolint:nilnil // there is none
	case err != nil:
		return nil, fmt.Errorf("read message %d of stream %s: %w", sequence, EventsStream, err)
	default:
		return msg, nil
	}
}
