// Package part has the programs that run as separate processes beside the benchmark: the broker, the SMTP sink and the
// peers.
package part

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"portal-invites/bench/internal/rig"
)

// Parts are the command line of `part`.
type Parts struct {
	Broker    broker    `cmd:"" help:"A NATS server with JetStream."`
	Sink      sink      `cmd:"" help:"An SMTP server that counts mails."`
	Echo      echo      `cmd:"" help:"Floor of an individual invite: subscribe, one SMTP transaction, publish."`
	RiverNoop riverNoop `cmd:"" help:"Peer of deciding: River inserts and works jobs that do nothing."`
	River     river     `cmd:"" help:"Peer of sending: a River job for each invite."`
	Worker    worker    `cmd:"" help:"A worker of the pipeline, with its profiles written."`
	Watermill watermill `cmd:"" help:"Peer of events in: a Watermill router, JetStream in, SQL, JetStream out."`
}

// ready prints the line that tells the benchmark that this part is up.
func ready(w io.Writer, where ...any) {
	fmt.Fprint(w, rig.Ready)
	fmt.Fprintln(w, where...)
}

// settings are a peer's settings, from the same environment variables as a worker's.
type settings struct {
	databaseURL, natsURL string
	smtpHost             string
	smtpPort             int
	connections          int
}

func readSettings() (settings, error) {
	s := settings{databaseURL: os.Getenv("DATABASE_URL"), natsURL: os.Getenv("NATS_URL"), smtpHost: os.Getenv("SMTP_HOST")}
	var err error
	if s.smtpPort, err = strconv.Atoi(os.Getenv("SMTP_PORT")); err != nil {
		return s, fmt.Errorf("SMTP_PORT: %w", err)
	}
	if s.connections, err = strconv.Atoi(os.Getenv("SMTP_CONNECTIONS")); err != nil {
		return s, fmt.Errorf("SMTP_CONNECTIONS: %w", err)
	}
	return s, nil
}

// untilStopped waits until the process is asked to stop.
func untilStopped(ctx context.Context) { <-ctx.Done() }
