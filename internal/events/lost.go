package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// errLost says that the connection to the broker was lost during a question. [Away] holds for it.
var errLost = fmt.Errorf("the connection to the broker was lost during a question: %w", nats.ErrDisconnected)

// whileConnected returns a context that ends when the connection to the broker is lost. The broker never answers a
// question that was asked on a lost connection, and the library waits for five seconds. A question that is asked while
// there is no connection waits for the next one. end must be called with the error of the question.
func whileConnected(ctx context.Context, nc *nats.Conn) (asking context.Context, end func(*error)) {
	asking, cancel := context.WithCancelCause(ctx)
	lost := nc.StatusChanged(nats.DISCONNECTED, nats.RECONNECTING)
	go func() {
		for range lost { // until end closes it
			cancel(errLost)
		}
	}()
	return asking, func(err *error) {
		nc.RemoveStatusListener(lost)
		if ctx.Err() == nil && errors.Is(*err, context.Canceled) && errors.Is(context.Cause(asking), errLost) {
			*err = fmt.Errorf("%w (%v)", errLost, *err) //nolint:errorlint // nobody has cancelled anything
		}
		cancel(nil)
	}
}
