package events

import (
	"context"
	"errors"
	"net/http"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Away says whether an error means that the broker can't be reached or can't serve just now. The same work will succeed
// once the broker is back.
func Away(err error) bool {
	for _, away := range []error{
		nats.ErrTimeout, nats.ErrNoResponders, nats.ErrConnectionClosed, nats.ErrDisconnected,
		nats.ErrReconnectBufExceeded, nats.ErrNoServers,
		jetstream.ErrNoStreamResponse, jetstream.ErrNoHeartbeat, jetstream.ErrTooManyStalledMsgs,
		jetstream.ErrJetStreamNotEnabled,
		// A stream or durable that was removed is created again by the first worker that notices.
		jetstream.ErrStreamNotFound, jetstream.ErrConsumerNotFound, jetstream.ErrConsumerDeleted,
		context.DeadlineExceeded, errPullEnded,
	} {
		if errors.Is(err, away) {
			return true
		}
	}
	var apiErr *jetstream.APIError
	return errors.As(err, &apiErr) && apiErr.Code >= http.StatusInternalServerError
}
