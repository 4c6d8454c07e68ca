package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"portal-invites/internal/link"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/standalone"
)

// Standalone is everything in one process. It starts what the worker's settings do not name (a broker, a database, a
// mail server, a link key) itself, on this machine only.
type Standalone struct {
	Worker
	// Data holds streams, database, mails and the link key. A second start on the same folder continues where the first
	// ended.
	Data string `name:"data" env:"STANDALONE_DATA" default:"data" placeholder:"data" group:"Standalone" help:"Folder for all data."`
	// The ports' variables have a prefix, since many shells already set NATS_PORT or POSTGRES_PORT to something else.
	NATSPort     int `name:"nats-port" env:"STANDALONE_NATS_PORT" default:"4222" placeholder:"4222" group:"Standalone" help:"Port of the broker; 0 takes a free one. Not used with NATS_URL."`
	PostgresPort int `name:"postgres-port" env:"STANDALONE_POSTGRES_PORT" default:"0" placeholder:"0" group:"Standalone" help:"Port of the database; 0 takes a free one. Not used with DATABASE_URL."`
	CatcherPort  int `name:"catcher-port" env:"STANDALONE_CATCHER_PORT" default:"1025" placeholder:"1025" group:"Standalone" help:"Port of the mail catcher; 0 takes a free one. Not used with SMTP_HOST."`
	PagePort     int `name:"page-port" env:"STANDALONE_PAGE_PORT" default:"8025" placeholder:"8025" group:"Standalone" help:"Port of the page that shows caught mails; 0 takes a free one. Not used with SMTP_HOST."`
	ConsolePort  int `name:"console-port" env:"STANDALONE_CONSOLE_PORT" default:"8026" placeholder:"8026" group:"Standalone" help:"Port of the console; 0 takes a free one."`
	// ClientURL is as in the settings of the console.
	ClientURL string `name:"client-url" env:"CLIENT_URL" placeholder:"https://office.example/clients/{client_id}" group:"Standalone" help:"The address of a client's record in the firm's own software, for the console's links."`
}

// Parts are the parts that a Standalone has started itself. The others are nil.
type Parts struct {
	Broker   *standalone.Broker
	Postgres *standalone.Postgres
	Catcher  *standalone.Catcher
	Console  *consolePart
}

// Serve starts what is missing, runs both workers until the context ends, and stops everything. It calls started once
// all works: the streams and durables exist, the services answer, every address listens. It checks all settings and
// addresses before it changes anything.
func (s Standalone) Serve(ctx context.Context, logTo io.Writer, started func(Standalone, *Parts) error) error {
	if err := s.check(ctx); err != nil {
		return UsageError{err}
	}
	lock, err := standalone.LockFolder(s.Data)
	if err != nil {
		return UsageError{fmt.Errorf("STANDALONE_DATA: %w", err)}
	}
	defer func() { _ = lock.Unlock() }()
	return s.ServeLocked(ctx, logTo, started)
}

// ServeLocked is Serve for a caller that has checked the settings and locked the folder Data.
func (s Standalone) ServeLocked(ctx context.Context, logTo io.Writer,
	started func(Standalone, *Parts) error) (err error) {
	log := s.Logger(logTo)
	parts, err := s.bring(ctx, log)
	//nolint:contextcheck // stopping goes on after the context has ended
	defer func() { err = errors.Join(err, parts.stop()) }()
	if err != nil {
		return err
	}
	if err := s.supply(parts); err != nil {
		return err
	}
	ready := func() error {
		if parts.Catcher != nil {
			parts.Catcher.OpenPortal(portalPages{s.Connect})
		}
		if parts.Console, err = s.openConsole(ctx, log); err != nil {
			return err
		}
		return started(s, parts)
	}
	watched := s.watch(ctx, parts, log)
	return s.runWorkers(watched, "standalone", logTo, ready, pipeline.NewInviteWorker, pipeline.NewBulkWorker)
}

// bring starts the parts that no setting names, all at the same time.
func (s Standalone) bring(ctx context.Context, log zerolog.Logger) (*Parts, error) {
	parts := &Parts{}
	quiet := log
	if log.GetLevel() == zerolog.InfoLevel {
		quiet = log.Level(zerolog.WarnLevel) // of the parts' own logs, only the trouble is worth reading here
	}
	if !given("DATABASE_URL", s.Database.URL) && !standalone.HasPostgres(s.postgresDir()) {
		log.Info().Str("data", s.Data).Msg("first start in this folder: creating a database, which takes some seconds")
	}
	group, groupCtx := errgroup.WithContext(ctx)
	if given("NATS_URL", s.Broker.URL) {
		log.Info().Str("broker", s.Address()).Msg("using the broker that NATS_URL names")
	} else {
		group.Go(func() (err error) {
			cfg := standalone.BrokerConfig{Dir: filepath.Join(s.Data, "nats"), Port: s.NATSPort}
			parts.Broker, err = standalone.StartBroker(cfg, quiet)
			return wrapPart("the broker (STANDALONE_NATS_PORT)", err)
		})
	}
	if given("DATABASE_URL", s.Database.URL) {
		log.Info().Msg("using the database that DATABASE_URL names")
	} else {
		group.Go(func() (err error) {
			parts.Postgres, err = standalone.StartPostgres(groupCtx, standalone.PostgresConfig{
				Dir: s.postgresDir(), Port: s.PostgresPort, Logger: quiet,
			})
			return wrapPart("the database (STANDALONE_POSTGRES_PORT)", err)
		})
	}
	if s.Host != "" {
		log.Info().Msg("using the mail server that SMTP_HOST names: mails are really sent")
	} else {
		group.Go(func() (err error) {
			parts.Catcher, err = standalone.StartCatcher(standalone.CatcherConfig{
				Dir: filepath.Join(s.Data, "mail"), SMTPAddr: onLoopback(s.CatcherPort), HTTPAddr: onLoopback(s.PagePort),
				Logger: quiet,
			})
			return wrapPart("the mail catcher (STANDALONE_CATCHER_PORT, STANDALONE_PAGE_PORT)", err)
		})
	}
	return parts, group.Wait()
}

func (s Standalone) postgresDir() string { return filepath.Join(s.Data, "postgres") }

func given(name, value string) bool { return value != "" || os.Getenv(name+"_FILE") != "" }

func wrapPart(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func onLoopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// supply fills in the settings that lead to the parts, and a link key that is kept with the data.
func (s *Standalone) supply(parts *Parts) error {
	if parts.Broker != nil {
		s.Broker.URL = parts.Broker.URL()
	}
	if parts.Postgres != nil {
		s.Database.URL = parts.Postgres.URL()
	}
	if parts.Catcher != nil {
		host, port, err := net.SplitHostPort(parts.Catcher.SMTPAddr())
		if err != nil {
			return fmt.Errorf("address of the mail catcher: %w", err)
		}
		s.Host, s.TLS = host, "none"
		if s.Port, err = strconv.Atoi(port); err != nil {
			return fmt.Errorf("address of the mail catcher: %w", err)
		}
		if s.From == "" {
			s.From = catcherFrom
		}
	}
	if !given("INVITE_LINK_KEY", s.LinkKey) {
		key, err := standalone.Secret(s.Data, "invite-link-key", link.NewKey)
		if err != nil {
			return fmt.Errorf("INVITE_LINK_KEY: %w", err)
		}
		s.LinkKey = key
	}
	return nil
}

// watch ends the context if the private database ends by itself: it does not come back, so waiting would be of no use.
func (s Standalone) watch(ctx context.Context, parts *Parts, log zerolog.Logger) context.Context {
	if parts.Postgres == nil {
		return ctx
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		select {
		case <-ctx.Done():
		case <-parts.Postgres.Done():
			if ctx.Err() == nil {
				log.Error().Msg("the private PostgreSQL has ended by itself; stopping")
			}
		}
	}()
	return ctx
}

// stop ends the parts. It ends a part that others need after those others.
func (p *Parts) stop() error {
	if p == nil {
		return nil
	}
	if p.Console != nil {
		_ = p.Console.stop() // it has nothing that could be lost
	}
	if p.Catcher != nil {
		p.Catcher.Stop()
	}
	if p.Broker != nil {
		p.Broker.Stop()
	}
	if p.Postgres != nil {
		return p.Postgres.Stop()
	}
	return nil
}
