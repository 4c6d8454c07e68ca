package systemtest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"portal-invites/internal/link"
	"portal-invites/internal/oracle"
	"portal-invites/internal/standalone"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// faultRig is two workers of each kind, each with a link of its own to the broker, the database and the mail server.
type faultRig struct {
	*testkit.Scene
	t       *testing.T
	dice    *rand.Rand
	sink    *sink
	broker  *standalone.Broker
	config  standalone.BrokerConfig
	super   *pgx.Conn // to another database of the server, so that it stays when this one goes away
	base    environment
	workers []*faultWorker
	barred  []oracle.Barred
	say     *schedule
}

// faultWorker is one of the workers: a process, which may be replaced by the next one, and its links.
type faultWorker struct {
	*process
	name  string
	env   environment
	wires map[string]wire // to the broker, the database and the mail server
}

func newFaultRig(t *testing.T, seed uint64, say *schedule) *faultRig {
	t.Helper()
	r := &faultRig{t: t, dice: rand.New(rand.NewPCG(seed, 0)), sink: newSink(t), say: say}
	r.config = standalone.BrokerConfig{Dir: t.TempDir(), Ephemeral: true}
	r.startBroker()
	t.Cleanup(func() { r.broker.Stop() })
	u, err := url.Parse(r.broker.URL())
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(port, &r.config.Port); err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(r.broker.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	r.Scene = testkit.On(t, nc)
	r.Ctx = t.Context()
	r.super = r.maintenance()
	r.alter(`SET log_min_messages = error`) // so that the log has the statements of a deadlock
	r.base = environment{
		"SMTP_TLS=none", "SMTP_FROM=portal@mail.example", "INVITE_LINK_KEY=" + link.NewKey(), "HTTP_ADDR=127.0.0.1:0",
		"LOG_FORMAT=json",
	}
	for _, name := range []string{"invite-worker", "invite-worker", "bulk-worker", "bulk-worker"} {
		r.workers = append(r.workers, r.newWorker(name))
	}
	return r
}

func (r *faultRig) startBroker() {
	var err error
	if r.broker, err = standalone.StartBroker(r.config, zerolog.Nop()); err != nil {
		r.t.Fatal(err)
	}
}

// maintenance connects to the server's own database.
func (r *faultRig) maintenance() *pgx.Conn {
	u, err := url.Parse(testenv.Superuser(r.t, r.DatabaseURL))
	r.Must(err)
	u.Path = "/postgres"
	conn, err := pgx.Connect(r.Ctx, u.String())
	r.Must(err)
	r.t.Cleanup(func() { _ = conn.Close(r.t.Context()) })
	return conn
}

// alter changes the database for connections that begin later. It returns the database's name.
func (r *faultRig) alter(change string) (name string) {
	u, err := url.Parse(r.DatabaseURL)
	r.Must(err)
	name = strings.TrimPrefix(u.Path, "/")
	_, err = r.super.Exec(r.Ctx, fmt.Sprintf(`ALTER DATABASE %s %s`, pgx.Identifier{name}.Sanitize(), change))
	r.Must(err)
	return name
}

func (r *faultRig) newWorker(name string) *faultWorker {
	w := &faultWorker{name: name, wires: map[string]wire{
		"broker":      newWire(r.t, hostOf(r.t, r.broker.URL())),
		"database":    newWire(r.t, hostOf(r.t, r.DatabaseURL)),
		"mail server": newWire(r.t, r.sink.addr),
	}}
	database, err := url.Parse(r.DatabaseURL)
	r.Must(err)
	database.Host = w.wires["database"].Listen
	host, port, err := net.SplitHostPort(w.wires["mail server"].Listen)
	r.Must(err)
	w.env = r.base.with("DATABASE_URL="+database.String(), "NATS_URL=nats://"+w.wires["broker"].Listen,
		"SMTP_HOST="+host, "SMTP_PORT="+port)
	w.process = run(r.t, w.env, name)
	return w
}

// restart starts the worker again, after it was killed.
func (r *faultRig) restart(w *faultWorker) {
	w.process = run(r.t, w.env, w.name)
}

// someone is one of the workers.
func (r *faultRig) someone() *faultWorker { return r.workers[r.dice.IntN(len(r.workers))] }

// comesToRest waits until nothing is left to do. It shortens the pauses of deferred invites, which are minutes.
func (r *faultRig) comesToRest(within time.Duration) error {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	poll := time.NewTicker(500 * time.Millisecond)
	defer poll.Stop()
	for {
		err := r.restless()
		if err == nil {
			return nil
		}
		select {
		case <-poll.C:
		case <-deadline.C:
			return fmt.Errorf("SIGN no rest: %w", err)
		}
	}
}

func (r *faultRig) restless() error {
	if err := r.Acknowledged(testkit.Durables()...); err != nil {
		return err
	}
	_, err := r.DB.Exec(r.Ctx, `UPDATE invites SET next_attempt_at = now()
		WHERE state = 'queued' AND held_at IS NULL AND next_attempt_at > now()`)
	if err != nil {
		return err
	}
	var invites, runs, outbox int
	err = r.DB.QueryRow(r.Ctx, `
		SELECT (SELECT count(*) FROM invites WHERE state IN ('queued', 'sending')),
			(SELECT count(*) FROM runs WHERE completed_at IS NULL OR to_revise), (SELECT count(*) FROM outbox)`).
		Scan(&invites, &runs, &outbox)
	if err == nil && invites+runs+outbox > 0 {
		err = fmt.Errorf("%d invites, %d runs and %d outcomes are unfinished", invites, runs, outbox)
	}
	return err
}

// keepWorld writes what the oracle has seen into a folder.
func (r *faultRig) keepWorld(folder string, w oracle.World) {
	r.Must(os.MkdirAll(folder, 0o750))
	encoded, err := json.MarshalIndent(w, "", " ")
	r.Must(err)
	r.Must(os.WriteFile(folder+"/world.json", encoded, 0o600))
}

// keep writes the logs and the schedule of a failed seed into a folder.
func (r *faultRig) keep(folder string) {
	r.Must(os.MkdirAll(folder, 0o750))
	for n, w := range r.workers {
		r.Must(os.WriteFile(fmt.Sprintf("%s/%d-%s.log", folder, n, w.name), []byte(w.log.String()), 0o600))
	}
	r.Must(os.WriteFile(folder+"/schedule.txt", []byte(r.say.String()), 0o600))
}
