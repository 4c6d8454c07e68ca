package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// Recent returns the identities ([Outgoing.Identity]) of the last n events of a stream that allows direct gets, with
// their sequences. A publisher that got no answer finds out that way which of its events are stored, even after the
// window in which the stream itself drops duplicates. The identities are made of subject, source and id: a worker of
// another version may have written another Nats-Msg-Id.
func Recent(
	ctx context.Context, js jetstream.JetStream, streamName string, n int,
) (ids map[string]uint64, err error) {
	ctx, end := whileConnected(ctx, js.Conn())
	defer func() { end(&err) }()
	stream, err := js.Stream(ctx, streamName)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", streamName, err)
	}
	state := stream.CachedInfo().State
	ids = map[string]uint64{}
	if state.Msgs == 0 {
		return ids, nil
	}
	first := state.FirstSeq
	if last := state.LastSeq; last > uint64(n) {
		first = max(first, last-uint64(n)+1)
	}
	for next := first; next <= state.LastSeq; {
		msgs, err := jetstreamext.GetBatch(ctx, js, streamName, batchLimit, jetstreamext.GetBatchSeq(next))
		if err != nil {
			return nil, fmt.Errorf("read the end of stream %s: %w", streamName, err)
		}
		read := false
		for msg, err := range msgs {
			if errors.Is(err, jetstreamext.ErrNoMessages) {
				return ids, nil
			}
			if err != nil {
				return nil, fmt.Errorf("read the end of stream %s: %w", streamName, err)
			}
			ids[identity(msg.Subject, msg.Header.Get("ce-source"), msg.Header.Get("ce-id"))] = msg.Sequence
			next, read = msg.Sequence+1, true
		}
		if !read {
			return ids, nil
		}
	}
	return ids, nil
}
