package app

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// connection is a worker's connection to the broker. It lasts as long as the process.
type connection struct {
	nc *nats.Conn
	js jetstream.JetStream

	address string
	log     zerolog.Logger
	denied  denials
	closed  chan struct{} // closed when the connection is closed for good
	again   chan struct{} // has an element after each connect

	mu   sync.Mutex
	up   *nats.Conn // nil until the first connect has returned; guarded by mu
	said trouble    // why the broker can't be reached, as the log has it; guarded by mu
	away time.Time  // when the connection was lost, or zero; guarded by mu
}

// keepConnected returns a connection at once, even if the broker is away, and reconnects for as long as the process
// lives. It logs when an outage begins, why it lasts, and when it ends.
func (b Broker) keepConnected(name string, log zerolog.Logger) (*connection, error) {
	c := &connection{
		address: b.Address(), log: log, closed: make(chan struct{}), again: make(chan struct{}, 1),
	}
	nc, js, err := b.connect(name,
		nats.RetryOnFailedConnect(true),
		nats.Timeout(reconnectWithin),
		nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pings),
		nats.MaxReconnects(-1),      // the default gives up after 60
		nats.IgnoreAuthErrorAbort(), // the default gives up after the second refused login
		nats.CustomReconnectDelay(func(int) time.Duration {
			c.stillAway(c.lastError())
			return reconnectWait + rand.N(reconnectWait)
		}),
		nats.DisconnectErrHandler(c.lost),
		nats.ConnectHandler(func(nc *nats.Conn) { c.connected(nc, "connected to the broker") }),
		nats.ReconnectHandler(func(nc *nats.Conn) { c.connected(nc, "connected to the broker again") }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { c.stillAway(err) }),
		nats.ErrorHandler(func(nc *nats.Conn, _ *nats.Subscription, err error) { c.reported(nc, err) }),
		nats.ClosedHandler(func(*nats.Conn) { close(c.closed) }),
	)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.nc, c.js, c.up = nc, js, nc
	c.mu.Unlock()
	return c, nil
}

// reconnectWait is the least time between two attempts to connect.
const reconnectWait = 500 * time.Millisecond

const (
	// reconnectWithin is how long an attempt to connect may take. An attempt that began while the broker was away may go
	// nowhere, and the next one begins after it.
	reconnectWithin = 2 * time.Second
	// A connection on which the broker answers no ping of several is replaced. The library's defaults take minutes.
	pingEvery = 5 * time.Second
	pings     = 2
)

// meanwhile says what becomes of the work while the broker is away.
const meanwhile = "Events wait at the broker, and outcomes wait in the database; no restart is needed"

// lost is called when a connection ends.
func (c *connection) lost(_ *nats.Conn, err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	if c.said == noTrouble {
		c.said = unreachable
	}
	c.away = time.Now()
	c.mu.Unlock()
	c.log.Warn().Err(err).Str("broker", c.address).
		Msg("lost the connection to the broker; if the broker is down, start it. This process reconnects by itself. " +
			meanwhile)
}

func (c *connection) connected(nc *nats.Conn, text string) {
	c.mu.Lock()
	c.said = noTrouble
	line := c.log.Info().Str("broker", redact(nc.ConnectedUrl()))
	if !c.away.IsZero() {
		line = line.Stringer("after", time.Since(c.away).Round(100*time.Millisecond))
		c.away = time.Time{}
	}
	c.mu.Unlock()
	c.denied.forget() // the broker may have other permissions for this user now
	select {
	case c.again <- struct{}{}:
	default:
	}
	line.Msg(text)
}

// lastError is why the last attempt to connect has failed. The library calls no handler for some of the reasons.
func (c *connection) lastError() error {
	c.mu.Lock()
	nc := c.up
	c.mu.Unlock()
	if nc == nil {
		return nil
	}
	return nc.LastError()
}

// stillAway logs why a connect has failed, once for each kind of reason.
func (c *connection) stillAway(err error) {
	kind := kindOf(err)
	if kind == noTrouble {
		return
	}
	c.mu.Lock()
	known := c.said == kind
	c.said = kind
	c.mu.Unlock()
	if known {
		return
	}
	c.log.Warn().Err(explained(err)).Str("broker", c.address).
		Msg("can't connect to the broker; trying again until it works, with the files as they are then. " + meanwhile)
}

// reported is called with what the broker says about this connection.
func (c *connection) reported(nc *nats.Conn, err error) {
	switch {
	case errors.Is(err, nats.ErrPermissionViolation):
		if what, first := c.denied.add(err, time.Now()); first {
			c.log.Warn().Err(err).
				Msgf("the broker does not permit this worker to %s; docs/security.md lists what it needs", what)
		}
	case errors.Is(err, errNewKey):
		c.log.Error().Err(err).Msg("this process ends, so that its next start uses the new key")
		nc.Close()
	case kindOf(err) != unreachable: // of a connect
		c.stillAway(err)
	default:
		c.log.Warn().Err(err).Msg("the broker reports an error")
	}
}

// ready returns an error if the connection is not up now, or if the broker forbids what the worker needs. It is a
// readiness check.
func (c *connection) ready() error {
	if !c.nc.IsConnected() {
		return errors.New("not connected to the broker")
	}
	return c.denied.current(time.Now())
}

// errClosed says that the client library will not connect again by itself.
var errClosed = errors.New("the connection to the broker is closed for good; " +
	"this process ends, so that it is started again")

// close ends the connection. closed is closed after that as well.
func (c *connection) close() { c.nc.Close() }

// whyClosed is the error with which a process ends whose connection was closed for good.
func (c *connection) whyClosed() error {
	if err := c.nc.LastError(); err != nil {
		return fmt.Errorf("%w: %w", errClosed, explained(err))
	}
	return errClosed
}
