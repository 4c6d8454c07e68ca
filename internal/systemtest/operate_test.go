package systemtest

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// Wrong settings are reported before the worker connects to anything: all at once, each with its variable.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	var touched atomic.Int32
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			touched.Add(1)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	addr := listener.Addr().String()
	host, port, _ := net.SplitHostPort(addr)
	good := environment{
		"DATABASE_URL=postgres://u:hunter2@" + addr + "/d", "NATS_URL=nats://" + addr,
		"SMTP_HOST=" + host, "SMTP_PORT=" + port, "SMTP_TLS=none", "SMTP_FROM=portal@mail.example",
		"INVITE_LINK_KEY=k1:" + strings.Repeat("YWFh", 10) + "YWE=", "HTTP_ADDR=127.0.0.1:0",
	}
	for variable, values := range map[string][]string{
		"DATABASE_URL": {"", "mysql:hunter2@here", "postgres://u:hunter2@%zz"},
		"NATS_URL":     {"nats://u:hunter2@%zz"}, "NATS_REPLICAS": {"0", "many"},
		"NATS_CA": {"/none/such.pem"}, "NATS_CREDS": {"/none/such.creds"},
		"SMTP_HOST": {""}, "SMTP_PORT": {"0", "smtp"}, "SMTP_TLS": {"always"}, "SMTP_FROM": {"", "nobody"},
		"SMTP_CONNECTIONS": {"0"}, "SMTP_RATE": {"fast", "10/y"}, "SMTP_DOMAIN_RATE": {"-1"},
		"SMTP_PASSWORD_FILE": {"/none/such"}, "SMTP_DKIM_DOMAIN": {"oak.example"}, "SMTP_DKIM_SELECTOR": {"two words"},
		"SMTP_DKIM_KEY": {"hunter2"}, "SMTP_DKIM_KEY_FILE": {"/none/such"},
		"INVITE_LINK_KEY": {"", "hunter2", "k1:hunter2"}, "INVITE_TTL": {"30 days", "1s"},
		"RESEND_COOLDOWN": {"-1s"}, "INVITE_ON_UNKNOWN": {"panic"}, "LEDGER_KEEP": {"five years", "1h", "-1h"},
		"EVENTS_KEEP": {"1h"}, "OUTCOMES_KEEP": {"0"}, "DEAD_LETTERS_KEEP": {"-1h"}, "EVENTS_MAX_BYTES": {"much"},
		"OUTCOMES_MAX_BYTES": {"1"}, "DEAD_LETTERS_MAX_BYTES": {"-1"}, "EVENTS_PER_SUBJECT": {"-1"},
		"DEAD_LETTERS_PER_FIRM": {"-1"}, "PAUSE_MAILS": {"-1"}, "PAUSE_BOUNCES": {"0"}, "PAUSE_COMPLAINTS": {"few"},
		"PAUSE_BOUNCE_PERCENT": {"0"}, "PAUSE_COMPLAINT_PERCENT": {"101"},
		"MIGRATE":   {"always"},
		"HTTP_ADDR": {"8080"}, "LOG_LEVEL": {"loud"}, "LOG_FORMAT": {"xml"}, "SHUTDOWN_TIMEOUT": {"0s"},
	} {
		for _, value := range values {
			t.Run(variable+"="+strings.ReplaceAll(value, "/", "|"), func(t *testing.T) {
				t.Parallel()
				p := run(t, good.with(variable+"="+value), "invite-worker")
				code, log := p.exit(time.Minute), p.log.String()
				if code != 2 || !strings.Contains(log, strings.TrimSuffix(variable, "_FILE")) {
					t.Errorf("exit code %d, and the log is:\n%s", code, log)
				}
				if strings.Contains(log, "hunter2") {
					t.Errorf("the log has a secret:\n%s", log)
				}
			})
		}
	}
	t.Run("two at once", func(t *testing.T) {
		t.Parallel()
		p := run(t, good.with("SMTP_FROM=", "INVITE_TTL=1s", "DATABASE_URL="), "bulk-worker")
		code, log := p.exit(time.Minute), p.log.String()
		if code != 2 || !strings.Contains(log, "SMTP_FROM") || !strings.Contains(log, "INVITE_TTL") ||
			!strings.Contains(log, "DATABASE_URL") {
			t.Errorf("exit code %d, and the log is:\n%s", code, log)
		}
	})
	t.Cleanup(func() { // when the cases above are done
		if n := touched.Load(); n != 0 {
			t.Errorf("the workers connected %d times", n)
		}
	})
}

// A worker that starts before its database and its broker logs that once, is not ready, and continues when they are up.
func TestAWorkerWaitsForItsDatabaseAndBroker(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	databaseAddr, brokerAddr, httpAddr := testenv.FreeAddress(t), testenv.FreeAddress(t), testenv.FreeAddress(t)
	databaseURL, brokerURL := s.DatabaseURL, s.NC.ConnectedUrl()
	env := s.env.with("HTTP_ADDR="+httpAddr,
		"DATABASE_URL="+strings.Replace(databaseURL, hostOf(t, databaseURL), databaseAddr, 1),
		"NATS_URL="+strings.Replace(brokerURL, hostOf(t, brokerURL), brokerAddr, 1))
	p := run(t, env, "invite-worker")
	p.says("the database is away")
	if code := run(t, env, "invite-worker", "healthcheck").exit(time.Minute); code != 1 {
		t.Errorf("a worker without a database is ready: %d", code)
	}
	forward(t, databaseAddr, hostOf(t, databaseURL))
	p.says("the database is there")
	p.says("retrying: ") // for the broker
	if code := run(t, env, "invite-worker", "healthcheck").exit(time.Minute); code != 1 {
		t.Errorf("a worker without a broker is ready: %d", code)
	}
	forward(t, brokerAddr, hostOf(t, brokerURL))
	s.PublishAll(s.firm(), s.contact("k1", "k1@example.com"), s.client("c1", "k1"), s.invite("c1", "k1"))
	p.awaitMails(s, 1) // the stages may be ahead of the services, and so of readiness
	p.says("invite-worker is ready")
	if code := run(t, env, "invite-worker", "healthcheck").exit(time.Minute); code != 0 {
		t.Errorf("a working worker is not ready: %d", code)
	}
	for _, once := range []string{"the database is away", "retrying: decide is blocked", "retrying: facts is blocked"} {
		if n := p.log.Lines(once); n != 1 {
			t.Errorf("the log has %d lines, want 1, with: %s", n, once)
		}
	}
	if code := p.stop(time.Minute); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if code := run(t, env, "invite-worker", "healthcheck").exit(time.Minute); code != 1 {
		t.Errorf("a stopped worker is ready: %d", code)
	}
}

func (p *process) awaitMails(s *scene, n int) {
	p.t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for s.mails.arrived() < n {
		select {
		case <-tick.C:
		case <-deadline.C:
			p.t.Fatalf("%d of %d mails", s.mails.arrived(), n)
		}
	}
}

// After SIGTERM in the middle of a run, the worker exits with 0 in time and nothing is in flight. The next process
// continues without second mails.
func TestSIGTERMInTheMiddleOfARun(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	const n = 400
	s.publishOffice(n)
	invites, bulk := run(t, s.env, "invite-worker"), run(t, s.env, "bulk-worker")
	s.Publish(events.BulkInviteRequested, testkit.BulkAll())
	bulk.awaitMails(s, 50)
	if code := bulk.stop(time.Minute); code != 0 {
		t.Errorf("bulk-worker: exit code %d", code)
	}
	if open := s.count(`SELECT count(*) FROM attempts WHERE verdict IN ('', 'unknown')`); open > 0 {
		t.Errorf("%d attempts are open", open)
	}
	run(t, s.env, "bulk-worker").awaitMails(s, n)
	if code := invites.stop(time.Minute); code != 0 {
		t.Errorf("invite-worker: exit code %d", code)
	}
	if again := s.mails.again(); len(again) > 0 {
		t.Errorf("%d second mails", len(again))
	}
}

// A worker that still waits for its database can be stopped, too.
func TestSIGTERMWhileWaiting(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := run(t, s.env.with("DATABASE_URL=postgres://u:p@"+testenv.FreeAddress(t)+"/d"), "bulk-worker")
	p.says("the database is away")
	if code := p.stop(time.Minute); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// forward accepts connections on one address and forwards them to another.
func forward(t *testing.T, from, to string) {
	t.Helper()
	listener, err := net.Listen("tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) //nolint:usetesting // t.Context ends before the processes do
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })
			go pump(near, far)
			go pump(far, near)
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		<-done
	})
}

func pump(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = to.Close(), from.Close()
}
