package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// Recent returns the Nats-Msg-Ids of the last n messages of a stream that allows direct gets. A publisher that got no
// answer finds out that way which of its messages are stored, even after the window in which the stream itself drops
// duplicates.
func Recent(ctx context.Context, js jetstream.JetStream, streamName string, n int) (map[string]bool, error) {
	stream, err := js.Stream(ctx, streamName)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", streamName, err)
	}
	state := stream.CachedInfo().State
	ids := map[string]bool{}
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
			ids[msg.Header.Get(nats.MsgIdHdr)] = true
			next, read = msg.Sequence+1, true
		}
		if !read {
			return ids, nil
		}
	}
	return ids, nil
}
