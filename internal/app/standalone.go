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
	"text/tabwriter"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"portal-invites/internal/link"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/rules"
	"portal-invites/internal/standalone"
)

// Standalone is everything in one process. What the worker's settings do not name (a broker, a database, a mail server, a
// link key) it brings along, on this machine only.
type Standalone struct {
	Worker
	// Data holds streams, database, mails and the link key. A second start on the same folder goes on where the first ended.
	Data         string `default:"data" placeholder:"DIR" group:"Standalone" help:"Folder for everything that is kept."`
	NATSPort     int    `name:"nats-port" default:"4222" placeholder:"PORT" group:"Standalone" help:"Port of the broker; 0 takes a free one. Not used with NATS_URL."`
	PostgresPort int    `name:"postgres-port" default:"0" placeholder:"PORT" group:"Standalone" help:"Port of the database; 0 takes a free one. Not used with DATABASE_URL."`
	CatcherPort  int    `name:"catcher-port" default:"1025" placeholder:"PORT" group:"Standalone" help:"Port of the mail catcher; 0 takes a free one. Not used with SMTP_HOST."`
	PagePort     int    `name:"page-port" default:"8025" placeholder:"PORT" group:"Standalone" help:"Port of the page that shows caught mails; 0 takes a free one. Not used with SMTP_HOST."`
}

// Parts is what a Standalone has brought along. What it did not bring is nil.
type Parts struct {
	Broker   *standalone.Broker
	Postgres *standalone.Postgres
	Catcher  *standalone.Catcher
}

// Serve brings along what is missing, runs both workers until the context ends, and stops all of it. started is called when
// the parts are up, before the workers are.
func (s Standalone) Serve(ctx context.Context, logTo io.Writer, started func(Standalone, *Parts) error) (err error) {
	if err := s.Service.check(); err != nil {
		return UsageError{err}
	}
	log := s.Logger(logTo)
	lock, err := standalone.LockFolder(s.Data)
	if err != nil {
		return UsageError{fmt.Errorf("--data: %w", err)}
	}
	defer func() { _ = lock.Unlock() }()

	parts, err := s.bring(ctx, log)
	defer func() { err = errors.Join(err, parts.stop()) }() //nolint:contextcheck // stopping goes on after the context has ended
	if err != nil {
		return err
	}
	if err := s.supply(parts); err != nil {
		return err
	}
	if err := started(s, parts); err != nil {
		return err
	}
	return s.RunWorkers(s.watch(ctx, parts, log), "standalone", logTo, pipeline.NewInviteWorker, pipeline.NewBulkWorker)
}

// bring starts the parts that no setting names, all at once.
func (s Standalone) bring(ctx context.Context, log zerolog.Logger) (*Parts, error) {
	parts := &Parts{}
	quiet := log
	if log.GetLevel() == zerolog.InfoLevel {
		quiet = log.Level(zerolog.WarnLevel) // of a database's own life, a person here wants to know the troubles only
	}
	group, groupCtx := errgroup.WithContext(ctx)
	if given("NATS_URL", s.Broker.URL) {
		log.Info().Msg("using the broker that NATS_URL names")
	} else {
		group.Go(func() (err error) {
			parts.Broker, err = standalone.StartBroker(standalone.BrokerConfig{Dir: filepath.Join(s.Data, "nats"), Port: s.NATSPort}, quiet)
			return wrapPart("the broker (--nats-port)", err)
		})
	}
	if given("DATABASE_URL", s.Database.URL) {
		log.Info().Msg("using the database that DATABASE_URL names")
	} else {
		group.Go(func() (err error) {
			parts.Postgres, err = standalone.StartPostgres(groupCtx, standalone.PostgresConfig{
				Dir: filepath.Join(s.Data, "postgres"), Port: s.PostgresPort, Logger: quiet,
			})
			return wrapPart("the database (--postgres-port)", err)
		})
	}
	if s.Host != "" {
		log.Info().Msg("using the mail server that SMTP_HOST names: mails really leave")
	} else {
		group.Go(func() (err error) {
			parts.Catcher, err = standalone.StartCatcher(standalone.CatcherConfig{
				Dir: filepath.Join(s.Data, "mail"), SMTPAddr: onLoopback(s.CatcherPort), HTTPAddr: onLoopback(s.PagePort), Logger: quiet,
			})
			return wrapPart("the mail catcher (--catcher-port, --page-port)", err)
		})
	}
	return parts, group.Wait()
}

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
			s.From = "Client portal <invites@portal.example>"
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

// watch ends the context when the private database ends by itself: without it there is nothing to wait for.
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

// stop ends the parts, those that others need last.
func (p *Parts) stop() error {
	if p == nil {
		return nil
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

// Describe says where everything is, without passwords.
func (p *Parts) Describe(w io.Writer, s Standalone) {
	fmt.Fprintf(w, "portal-invites is up. What it keeps is in %s; a second start goes on from there.\n\n", s.Data)
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	if p.Catcher != nil {
		fmt.Fprintf(table, "  mails\t%s\t(every mail is caught; SMTP on %s)\n", p.Catcher.URL(), p.Catcher.SMTPAddr())
	}
	if p.Broker != nil {
		fmt.Fprintf(table, "  broker\t%s\t(JetStream)\n", p.Broker.URL())
	}
	if p.Postgres != nil {
		fmt.Fprintf(table, "  database\t%s\t(password in %s)\n", p.Postgres.Addr(), filepath.Join(s.Data, "postgres", "password"))
	}
	if _, port, err := net.SplitHostPort(s.Addr); err == nil && port != "0" { // a free port is in the log
		fmt.Fprintf(table, "  health\thttp://%s/readyz\t(and /livez, /metrics)\n", s.Addr)
	}
	_ = table.Flush()
	fmt.Fprintln(w, "\nCtrl-C stops all of it.")
}

// ForDemo is a Standalone on free ports with everything in one folder, whatever the environment says.
func ForDemo(data string, log Log) Standalone {
	keep := smtp.DefaultKeep
	return Standalone{
		Worker: Worker{
			Broker: Broker{Replicas: 1},
			SMTP:   SMTP{Connections: 4, ConnectionIdle: keep.Idle, ConnectionAge: keep.Age, ConnectionMails: keep.Mails},
			Invites: Invites{
				TTL: rules.DefaultInviteTTL, Cooldown: rules.DefaultResendCooldown,
				OnUnknown: string(pipeline.ResendUnknown), RetryFor: pipeline.DefaultRetryFor,
			},
			Service: Service{ShutdownTimeout: pipeline.DefaultStopWithin, Log: log},
		},
		Data: data,
	}
}
