package store

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// silentFor is how long a connection may say nothing while somebody waits for it. Then it is closed, and whoever
	// waits gets an error for which [Away] holds. A network may swallow what is sent without a word.
	silentFor = 30 * time.Second
	// statementFor is how long a statement may take, its locks included. It is shorter than silentFor, so a slow
	// statement ends by itself and not with its connection.
	statementFor = 25 * time.Second
	// idleFor is how long a worker may do nothing within a transaction. A worker that was paused or cut off must not hold
	// its locks for longer than a lease lasts. What a stage writes is needed by others sooner, so the first tries of
	// [Store.Tx] have less time (ADR 126).
	idleFor      = 10 * time.Second
	firstIdleFor = 2 * time.Second

	// When one side hears nothing from the other, it asks every probeEvery, and gives up after probes.
	probeEvery = 3 * time.Second
	probes     = 4
)

// limitSilence bounds how long a worker waits for its database, and how long the database keeps what a silent worker
// has locked.
func limitSilence(cfg *pgxpool.Config) {
	settings := cfg.ConnConfig.RuntimeParams
	settings["statement_timeout"] = milliseconds(statementFor)
	settings["idle_in_transaction_session_timeout"] = milliseconds(idleFor)
	settings["tcp_keepalives_idle"] = seconds(probeEvery)
	settings["tcp_keepalives_interval"] = seconds(probeEvery)
	settings["tcp_keepalives_count"] = strconv.Itoa(probes)
	settings["tcp_user_timeout"] = milliseconds(probeEvery * probes)

	dialer := &net.Dialer{
		Timeout:         cfg.ConnConfig.ConnectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: probeEvery, Interval: probeEvery, Count: probes},
	}
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &impatient{Conn: conn, patience: silentFor}, nil
	}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }

// impatient is a connection whose reads and writes fail after its patience, unless its user has set a deadline.
type impatient struct {
	net.Conn

	patience time.Duration

	mu       sync.Mutex // guards the field below, and every change of a deadline
	deadline bool       // the user has set one
}

func (c *impatient) Read(b []byte) (int, error) {
	c.limit()
	return c.Conn.Read(b)
}

func (c *impatient) Write(b []byte) (int, error) {
	c.limit()
	return c.Conn.Write(b)
}

func (c *impatient) limit() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.deadline {
		_ = c.Conn.SetDeadline(time.Now().Add(c.patience)) // if it fails, so does what follows
	}
}

// SetDeadline is what pgx calls to end a read or a write when a context ends.
func (c *impatient) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = !t.IsZero()
	return c.Conn.SetDeadline(t)
}

// begin begins the nth try of a transaction. Each try may do nothing for twice as long as the one before, in case that
// the machine is busy.
func (s *Store) begin(try int, lock string) string {
	return "BEGIN; " + mayIdle(min(s.firstIdle<<min(try-1, 10), idleFor)) + "; " + lock
}

func mayIdle(d time.Duration) string {
	return "SET LOCAL idle_in_transaction_session_timeout = " + milliseconds(d)
}

// Patient lets the transaction do nothing for longer, because it waits for answers of the broker.
func (t *Tx) Patient(ctx context.Context) error {
	_, err := t.tx.Exec(ctx, mayIdle(idleFor))
	return err
}
