package app

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
)

// WorkerCommand is the command line of a worker. Its settings are at the top level, where --help shows them.
type WorkerCommand struct {
	Worker
	Work        work             `cmd:"" default:"1" help:"Work until asked to stop (the default)."`
	Migrate     migrate          `cmd:"" help:"Bring the database's schema up to date and exit. For the owner of the schema, if the workers run with MIGRATE=never."`
	Streams     streams          `cmd:"" help:"Create the streams and durables, or bring them up to date, and exit. For a user with the right to do so, if the workers run with NATS_TOPOLOGY=check."`
	LedgerID    ledgerID         `cmd:"" name:"ledger-id" help:"Print the id of this database, which the streams carry in their metadata."`
	Adopt       adopt            `cmd:"" help:"Give the streams of the broker to this database, although they belong to another one."`
	Check       checkCommand     `cmd:"" help:"Say whether the settings, the database, the broker, the mail servers and the DNS (SPF, DKIM, DMARC) are as they should be. It changes nothing and mails nobody."`
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

// serviceConns is the number of database connections that only the services use, so that they answer at once while the
// stages are busy.
const serviceConns = api.CallsAtOnce

// gcPercent is GOGC unless that is set (ADR 62). A worker's heap is some ten megabytes, and collecting it each time it
// has doubled takes an eighth of the worker's time.
const gcPercent = 400

// memoryLimit is GOMEMLIMIT for each worker of a process, unless that is set (ADR 83). Near it, garbage is collected
// more often than gcPercent says. It limits what Go manages, so the process may use some 20 MB more.
const memoryLimit = 128 << 20

// tuneMemory sets how this process uses memory. What its environment sets already, it leaves alone.
func tuneMemory(workers int) {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(int64(memoryLimit * workers))
	}
}

// RunWorkers checks the configuration, waits for the database and the broker, and runs the workers until the context
// ends.
func (w Worker) RunWorkers(ctx context.Context, name string, logTo io.Writer, workers ...NewWorker) error {
	return w.runWorkers(ctx, name, logTo, func() error { return nil }, workers...)
}

// runWorkers is RunWorkers with a call to ready once the workers accept work. An error of ready stops them.
func (w Worker) runWorkers(ctx context.Context, name string, logTo io.Writer, ready func() error,
	workers ...NewWorker) error {
	cfg, databaseURL, err := w.config()
	if err != nil {
		return err
	}
	tuneMemory(len(workers))
	log := w.Logger(logTo)
	cfg.Log = log
	log.Info().Str("version", Version).Msg(name + " starts")
	logRecords(cfg, log)
	if cfg.Portals.All() && name != "standalone" {
		log.Warn().Msg("PORTAL_HOSTS is not set, so a FirmUpserted may lead the links of mails to any host; " +
			"set it to the hosts of your portals, as in *.portal.example.com")
	}

	metrics := newMetrics()
	cfg.Observer = metrics
	// Each stage needs a connection now and then, and a worker has about this many stages.
	cfg.Store, err = store.Open(ctx, databaseURL, int32((8+len(cfg.Senders))*len(workers)))
	if err != nil {
		return UsageError{err}
	}
	defer cfg.Store.Close()
	if cfg.Reads, err = store.Open(ctx, databaseURL, serviceConns); err != nil {
		return UsageError{err}
	}
	defer cfg.Reads.Close()
	broker, err := w.keepConnected(name, log)
	if err != nil {
		return err
	}
	defer broker.close()
	cfg.JS = broker.js

	cfg.Pulse = &pipeline.Pulse{}
	health, err := serveHealth(ctx, w.Addr, metrics, log, cfg.Pulse, map[string]check{
		"database": cfg.Store.Ping,
		"broker":   func(context.Context) error { return broker.ready() },
		"stream":   metrics.streamReady,
		"durables": metrics.durablesMove,
		"ledger":   metrics.databaseKnows,
	})
	if err != nil {
		return err
	}
	defer health.stop()
	if err = w.prepareSchema(ctx, databaseURL, cfg.Store, log); err == nil {
		cfg.Topology.Ledger, err = ledgerOf(ctx, cfg.Store, log)
	}
	if err != nil && ctx.Err() != nil {
		return nil // asked to stop while it waited
	}
	if err != nil {
		return err
	}
	return runAll(ctx, cfg, broker, metrics, workers, func() error {
		health.started()
		log.Info().Msg(name + " is ready")
		return ready()
	})
}

// logRecords says which records the DNS must have, so that receivers can verify the signatures of each sender.
func logRecords(cfg pipeline.Config, log zerolog.Logger) {
	for _, s := range append([]pipeline.Sender{{SMTP: cfg.SMTP}}, cfg.Senders...) {
		record, content := s.SMTP.DKIM.Record()
		if record == "" {
			continue
		}
		line := log.Info().Str("record", record).Str("txt", content)
		if s.Name != "" {
			line = line.Str("sender", s.Name)
		}
		line.Msg("mails are signed; the DNS must have this record")
	}
}

// senderSettings are the settings of the senders that operators may look at, by their names.
func senderSettings(cfg pipeline.Config) map[string]api.SenderSettings {
	all := map[string]api.SenderSettings{}
	first := pipeline.Sender{SMTP: cfg.SMTP, Rate: cfg.Rate, DomainRate: cfg.DomainRate}
	for _, s := range append([]pipeline.Sender{first}, cfg.Senders...) {
		record, _ := s.SMTP.DKIM.Record()
		all[s.Name] = api.SenderSettings{
			Host: s.SMTP.Host, Port: s.SMTP.Port, DKIMRecord: record, Rate: s.Rate, DomainRate: s.DomainRate,
		}
	}
	return all
}

// runAll runs the workers and the services until the context ends or one of them fails. It calls ready once the streams
// and durables exist and the services answer. Before that, published events would be lost and questions would not be
// answered.
func runAll(
	ctx context.Context, cfg pipeline.Config, broker *connection, calls api.Observer, workers []NewWorker,
	ready func() error,
) error {
	group, groupCtx := errgroup.WithContext(ctx)
	running := make([]*pipeline.Worker, len(workers))
	for i, newWorker := range workers {
		running[i] = newWorker(cfg)
		group.Go(func() error { return running[i].Run(groupCtx) })
	}
	group.Go(func() error { return watchSchema(groupCtx, cfg.Store) })
	group.Go(func() error {
		select {
		case <-broker.closed:
			return broker.whyClosed()
		case <-groupCtx.Done():
			return nil
		}
	})
	ours := make(chan struct{})
	group.Go(func() error { return watchOwner(groupCtx, cfg, broker, func() { close(ours) }) })
	serving := make(chan struct{})
	group.Go(func() error {
		select {
		case <-ours: // or calls about the other ledger's invites would be answered from this database
		case <-groupCtx.Done():
			return nil
		}
		return api.Serve(groupCtx, api.Config{
			Conn: broker.nc, Answers: running[0].Answers(), Reads: cfg.Reads, Log: cfg.Log, Version: Version,
			Observer: calls, Serving: func() { close(serving) }, Senders: senderSettings(cfg),
		})
	})
	group.Go(func() error {
		select {
		case <-serving:
		case <-groupCtx.Done():
			return nil
		}
		// This uses the services' connection: once the broker has answered here, it knows their endpoints, too.
		if err := awaitTopology(groupCtx, cfg); err != nil {
			return err // asked to stop
		}
		return ready()
	})
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// awaitTopology returns once the streams and durables exist. The workers' stages create them as well, and log what goes
// wrong.
func awaitTopology(ctx context.Context, cfg pipeline.Config) error {
	said := false
	for {
		err := cfg.Topology.Ensure(ctx, cfg.JS)
		if err == nil {
			logDifferences(ctx, cfg)
			return nil
		}
		if _, missing := errors.AsType[events.MissingError](err); missing && !said {
			said = true
			cfg.Log.Warn().Err(err).Msg("waiting for the operator of the broker")
		}
		cfg.Log.Debug().Err(err).Msg("the streams do not exist yet")
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}

// pause waits for about d, between half of it and all of it, or until the context ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d/2 + rand.N(d/2)):
		return nil
	}
}
