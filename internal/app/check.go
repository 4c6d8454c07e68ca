package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
)

type checkCommand struct{}

// Run is what kong calls.
func (checkCommand) Run(ctx context.Context, s Streams, c *WorkerCommand) error {
	return c.examine(ctx, s.Out, net.DefaultResolver)
}

// checkFor is how long each part of a check may take.
const checkFor = 15 * time.Second

// examination says line by line whether what a worker needs is as it should be.
type examination struct {
	out   io.Writer
	wrong int
}

func (e *examination) ok(what string, args ...any) {
	fmt.Fprintf(e.out, "ok     "+what+"\n", args...)
}

// bad says what keeps mails from leaving, or from arriving.
func (e *examination) bad(what string, args ...any) {
	e.wrong++
	fmt.Fprintf(e.out, "wrong  "+what+"\n", args...)
}

// look says what a person should look at. It may be as it should be.
func (e *examination) look(what string, args ...any) {
	fmt.Fprintf(e.out, "look   "+what+"\n", args...)
}

// examine checks the settings, the database, the broker, the mail servers and the DNS. It changes nothing and mails
// nobody. It returns [ErrReported] if something is wrong.
func (w Worker) examine(ctx context.Context, out io.Writer, dns *net.Resolver) error {
	cfg, databaseURL, err := w.config()
	if err != nil {
		return err // one line for each setting
	}
	e := &examination{out: out}
	e.ok("settings: all can be read")
	each := func(check func(ctx context.Context)) {
		part, cancel := context.WithTimeout(ctx, checkFor)
		defer cancel()
		check(part)
	}
	each(func(ctx context.Context) { e.database(ctx, w, databaseURL) })
	each(func(ctx context.Context) { e.broker(ctx, w) })
	for _, s := range append([]pipeline.Sender{{SMTP: cfg.SMTP}}, cfg.Senders...) {
		each(func(ctx context.Context) { e.mailServer(ctx, s) })
		each(func(ctx context.Context) { e.dns(ctx, dns, s) })
	}
	if e.wrong > 0 {
		fmt.Fprintf(out, "\n%d of these are wrong. docs/configuration.md has the settings, docs/deliverability.md the DNS.\n",
			e.wrong)
		return ErrReported
	}
	fmt.Fprintln(out, "\nA worker with these settings can work.")
	return nil
}

func (e *examination) database(ctx context.Context, w Worker, url string) {
	db, err := store.Open(ctx, url, 1)
	if err == nil {
		defer db.Close()
		err = db.CheckSchema(ctx)
	}
	_, behind := errors.AsType[store.SchemaBehindError](err)
	switch {
	case err == nil:
		e.ok("database: it has the schema of this version")
	case behind && w.Migrate == migrateAtStart:
		e.look("database: %v; a worker migrates it when it starts", err)
	case behind:
		e.bad(`database: %v; run "invite-worker migrate" as the owner of the schema`, err)
	default:
		e.bad("database: %v", w.explainSchema(err))
	}
}

func (e *examination) broker(ctx context.Context, w Worker) {
	nc, js, err := w.Connect("invite-worker check")
	if err != nil {
		e.bad("broker: %v", err)
		return
	}
	defer nc.Close()
	differences, err := w.topology(w.Topology()).Differences(ctx, js)
	managed := w.TopologyMode == topologyManage
	missing := errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound)
	switch {
	case missing && managed:
		e.look("broker: %v; a worker creates what is missing when it starts", err)
	case missing:
		e.bad(`broker: %v; run "invite-worker streams" with a user who may create it`, err)
	case err != nil:
		if denied := Denied(nc); denied != nil {
			err = denied
		}
		e.bad("broker: %v", err)
	case len(differences) > 0:
		for _, difference := range differences {
			e.look("broker: %s", difference)
		}
	default:
		e.ok("broker: the streams and durables are as they should be")
	}
}

// mailServer goes as far as a mail does before its sender is named.
func (e *examination) mailServer(ctx context.Context, s pipeline.Sender) {
	pool := smtp.NewPool(s.SMTP)
	defer pool.Close()
	result, in := pool.Probe(ctx)
	if in {
		e.ok("mail server%s: %s lets us in", of(s), result.Server)
		return
	}
	mend := result.Mend
	if mend != "" {
		mend = "; " + mend
	}
	e.bad("mail server%s: %s does not let us in (%s): %s%s", of(s), result.Server, result.Step, result.Said, mend)
}

// of names a sender that is not the default one.
func of(s pipeline.Sender) string {
	if s.Name == "" {
		return ""
	}
	return " of sender " + s.Name
}
