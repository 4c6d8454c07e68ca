package opstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// scene is a broker, a database, a mail server and both workers, and a shell in a folder with the firm's files.
type scene struct {
	t       *testing.T
	js      jetstream.JetStream
	db      *pgxpool.Pool
	mailbox *testenv.Mailbox
	down    bool // the mail server
	dir     string
	env     []string
	exited  int // of the last command, for echo $?

	workers     []string // the command line that runs them
	workersEnv  []string
	stopWorkers func()
}

func newScene(t *testing.T) *scene {
	t.Helper()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, mailbox: testenv.NewMailbox(t), dir: t.TempDir()}
	natsURL, databaseURL, httpAddr := testenv.BrokerURL(t), testenv.Database(t), freeAddress(t)
	s.env = []string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + s.dir, "LC_ALL=C.UTF-8",
		"BIN=" + bin, "NATS_URL=" + natsURL, "HTTP_ADDR=" + httpAddr,
	}
	nc, err := nats.Connect(natsURL)
	s.must(err)
	t.Cleanup(nc.Close)
	s.js, err = jetstream.New(nc)
	s.must(err)
	s.db, err = pgxpool.New(t.Context(), databaseURL)
	s.must(err)
	t.Cleanup(s.db.Close)
	s.must(events.Topology{}.Ensure(t.Context(), s.js))
	host, port, err := net.SplitHostPort(s.mailbox.Addr())
	s.must(err)
	s.workers = []string{filepath.Join(bin, "standalone"), "--data", t.TempDir()}
	s.workersEnv = append(slices.Clone(s.env), "DATABASE_URL="+databaseURL,
		"SMTP_HOST="+host, "SMTP_PORT="+port, "SMTP_TLS=none", "SMTP_FROM=portal@mail.example",
		// The morning takes hours there and seconds here: what waits for time to pass must not wait here.
		"RESEND_COOLDOWN=1ns")
	s.startWorkers()
	t.Cleanup(func() { s.stopWorkers() })
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// startWorkers runs both workers, as standalone has them, on the broker, the database and the mail server of this test, until
// it ends. It is a process of its own, because with the race detector mails are written many times slower.
func (s *scene) startWorkers() {
	s.t.Helper()
	var log bytes.Buffer
	workers := exec.Command(s.workers[0], s.workers[1:]...) //nolint:noctx // it is stopped by a signal
	workers.Env, workers.Stdout, workers.Stderr = s.workersEnv, &log, &log
	s.must(workers.Start())
	s.stopWorkers = func() {
		_ = workers.Process.Signal(syscall.SIGTERM)
		if err := workers.Wait(); err != nil {
			s.t.Errorf("the workers ended with: %v", err)
		}
		if s.t.Failed() {
			s.t.Logf("the workers said:\n%s", &log)
		}
	}
	testenv.Eventually(s.t, time.Minute, func() error {
		_, code := s.sh(`invite-worker healthcheck --http-addr "$HTTP_ADDR"`)
		if code != 0 {
			return fmt.Errorf("the workers are not ready: exit code %d", code)
		}
		return nil
	})
}

// copyFiles puts a folder's files where the shell is.
func (s *scene) copyFiles(from string) {
	s.t.Helper()
	s.must(os.CopyFS(s.dir, os.DirFS(from)))
}

// sh runs a command as the shell of a person would, and returns what that person sees.
func (s *scene) sh(command string) (out string, code int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	var seen bytes.Buffer
	shell := exec.CommandContext(ctx, "sh", "-c", fmt.Sprintf("(exit %d)\n%s", s.exited, command))
	shell.Dir, shell.Env, shell.Stdout, shell.Stderr = s.dir, s.env, &seen, &seen
	err := shell.Run()
	if exited := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exited) {
		s.t.Fatalf("%s: %v", command, err)
	}
	return seen.String(), shell.ProcessState.ExitCode()
}

// settle waits until the workers have nothing left to do; with the mail server down, but for the mails.
func (s *scene) settle() {
	s.t.Helper()
	testenv.Eventually(s.t, 2*time.Minute, func() error {
		if err := s.consumed(); err != nil {
			return err
		}
		var open int
		err := s.db.QueryRow(s.t.Context(), `SELECT (SELECT count(*) FROM outbox) +
			(SELECT count(*) FROM runs WHERE NOT walked OR NOT $1 AND completed_at IS NULL AND NOT EXISTS (
				SELECT FROM invites WHERE invites.run_id = runs.run_id AND held_at IS NOT NULL)) +
			(SELECT count(*) FROM invites WHERE NOT $1 AND (state = 'sending' OR state = 'queued' AND next_attempt_at <= now()))`, s.down).Scan(&open)
		if err == nil && open > 0 {
			err = fmt.Errorf("%d things are still open", open)
		}
		return err
	})
}

// consumed asks the stream what stands in it, and the durables how far they are.
func (s *scene) consumed() error {
	stream, err := s.js.Stream(s.t.Context(), events.EventsStream)
	if err != nil {
		return err
	}
	for durable, prefix := range map[string]events.Prefix{
		events.FactsDurable: events.Facts, events.InviteDurable: events.Requests, events.BulkDurable: events.BulkRequests,
	} {
		last, err := stream.GetLastMsgForSubject(s.t.Context(), prefix.All())
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		consumer, err := s.js.Consumer(s.t.Context(), events.EventsStream, durable)
		if err != nil {
			return err
		}
		if info := consumer.CachedInfo(); info.AckFloor.Stream < last.Sequence {
			return fmt.Errorf("%s has come to %d of %d", durable, info.AckFloor.Stream, last.Sequence)
		}
	}
	return nil
}

// happen makes what a comment of the page says come about.
func (s *scene) happen(what string) error {
	verb, rest, _ := strings.Cut(what, ": ")
	switch verb {
	case "the mail server goes down":
		s.mailbox.Down()
		s.down = true
	case "the mail server comes back":
		s.mailbox.Up()
		s.down = false
	case "the mail server refuses":
		s.mailbox.Refuse(rest, 550, [3]int{5, 1, 1}, "no such user")
	case "the mail server takes a mail and its answer is lost":
		s.mailbox.DropReplies(1)
	case "the workers are restarted with":
		s.stopWorkers()
		s.workersEnv = append(s.workersEnv, rest)
		s.startWorkers()
	case "minutes pass": // for what waits for its next attempt
		_, err := s.db.Exec(s.t.Context(), `UPDATE invites SET next_attempt_at = now() WHERE state = 'queued'`)
		return err
	case "the database":
		_, err := s.db.Exec(s.t.Context(), rest)
		return err
	case "somebody runs":
		if out, code := s.sh(rest); code != 0 {
			return fmt.Errorf("exit code %d: %s", code, out)
		}
	case "the last link mailed to":
		return s.takeLink(rest)
	default:
		return fmt.Errorf("nobody here knows how to make this happen: %s", what)
	}
	return nil
}

// takeLink reads "ADDRESS is in VARIABLE": the token of the last link that somebody was mailed goes into the environment.
func (s *scene) takeLink(what string) error {
	address, variable, _ := strings.Cut(what, " is in ")
	token := ""
	for _, m := range s.mailbox.Messages() {
		if m.To[0] != address {
			continue
		}
		if _, rest, found := strings.Cut(m.Text, "/invite/"); found {
			token = strings.Fields(rest)[0]
		}
	}
	if token == "" {
		return fmt.Errorf("%s has no mail with a link", address)
	}
	s.env = append(s.env, variable+"="+token)
	return nil
}

func docs(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("../../docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}
