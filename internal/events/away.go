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
		context.DeadlineExceeded, errPullEnded,
	} {
		if errors.Is(err, away) {
			return true
		}
	}
	if Missing(err) {
		return true
	}
	var apiErr *jetstream.APIError
	return errors.As(err, &apiErr) && apiErr.Code >= http.StatusInternalServerError
}

// Missing says whether an error means that a stream or durable does not exist, perhaps because somebody removed it. The
// first worker that notices creates it again ([Topology.Ensure]).
func Missing(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) ||
		errors.Is(err, jetstream.ErrConsumerDeleted) || errors.Is(err, jetstream.ErrNoStreamResponse) ||
		errors.Is(err, jetstream.ErrConsumerDoesNotExist)
}
