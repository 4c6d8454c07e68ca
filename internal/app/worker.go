package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"portal-invites/internal/api"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
)

// WorkerCommand is the command line of a worker. Its settings stand at the top, where --help shows them.
type WorkerCommand struct {
	Worker
	Work        work             `cmd:"" default:"1" help:"Work until told to stop (the default)."`
	Healthcheck healthcheck      `cmd:"" help:"Ask the worker on this machine whether it is ready; exit code 0 or 1. For container engines."`
	Version     kong.VersionFlag `help:"Print the version and exit."`
}

type work struct{}

// Run is what kong calls.
func (work) Run(ctx context.Context, s Streams, c *WorkerCommand, k *kong.Kong, w NewWorker) error {
	return c.RunWorkers(ctx, k.Model.Name, s.Err, w)
}

type healthcheck struct{}

// Run is what kong calls.
func (healthcheck) Run(ctx context.Context, c *WorkerCommand) error { return askReady(ctx, c.Addr) }

// NewWorker is pipeline.NewInviteWorker or pipeline.NewBulkWorker.
type NewWorker func(pipeline.Config) *pipeline.Worker

// serviceConns are the database connections that the services have for themselves, so that they answer at once while the stages
// are busy.
const serviceConns = 4

// gcPercent is GOGC unless that is set: a worker's heap is some ten megabytes, and collecting it each time that it has doubled takes
// an eighth of its time.
const gcPercent = 400

// RunWorkers works until the context ends: it checks the configuration, waits for the database and the broker, and runs the workers.
func (w Worker) RunWorkers(ctx context.Context, name string, logTo io.Writer, workers ...NewWorker) error {
	cfg, databaseURL, err := w.config()
	if err != nil {
		return err
	}
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	log := w.Logger(logTo)
	cfg.Log = log
	log.Info().Str("version", Version).Msg(name + " starts")
	if record, content := cfg.SMTP.DKIM.Record(); record != "" {
		log.Info().Str("record", record).Str("txt", content).Msg("signs mails; the DNS must have this record")
	}

	metrics := newMetrics()
	cfg.Observer = metrics
	// Each stage needs a connection now and then, and a worker has about as many stages.
	cfg.Store, err = store.Open(ctx, databaseURL, int32(8*len(workers)))
	if err != nil {
		return UsageError{err}
	}
	defer cfg.Store.Close()
	if cfg.Reads, err = store.Open(ctx, databaseURL, serviceConns); err != nil {
		return UsageError{err}
	}
	defer cfg.Reads.Close()
	nc, js, err := w.KeepConnected(name, log)
	if err != nil {
		return err
	}
	defer nc.Close()
	cfg.JS = js

	health, err := serveHealth(ctx, w.Addr, metrics, log, map[string]check{
		"database": cfg.Store.Ping,
		"broker":   func(context.Context) error { return connected(nc) },
	})
	if err != nil {
		return err
	}
	defer health.stop()
	if err := migrate(ctx, databaseURL, log); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop while it waited
		}
		return err
	}
	health.started()

	return runAll(ctx, cfg, nc, workers)
}

// runAll runs the workers and the services until the context ends, or one of them gives up.
func runAll(ctx context.Context, cfg pipeline.Config, nc *nats.Conn, workers []NewWorker) error {
	group, groupCtx := errgroup.WithContext(ctx)
	running := make([]*pipeline.Worker, len(workers))
	for i, newWorker := range workers {
		running[i] = newWorker(cfg)
		group.Go(func() error { return running[i].Run(groupCtx) })
	}
	group.Go(func() error {
		return api.Serve(groupCtx, api.Config{Conn: nc, Answers: running[0].Answers(), Reads: cfg.Reads, Log: cfg.Log, Version: Version})
	})
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// migrate brings the schema up to date, and waits for a database that is away: said once, tried with growing pauses.
func migrate(ctx context.Context, databaseURL string, log zerolog.Logger) error {
	const shortest, longest = 200 * time.Millisecond, 5 * time.Second
	for tries := 0; ; tries++ {
		err := store.Migrate(ctx, databaseURL)
		if err == nil {
			if tries > 0 {
				log.Info().Msg("the database is there")
			}
			return nil
		}
		if ctx.Err() != nil || !store.Away(err) {
			return fmt.Errorf("prepare the database: %w", err)
		}
		if tries == 0 {
			log.Warn().Err(err).Msg("the database is away; waiting for it")
		}
		pause := min(shortest<<min(tries, 10), longest)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
	}
}
