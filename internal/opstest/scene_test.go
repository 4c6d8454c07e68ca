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

	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// scene is a broker, a database, a mail server and both workers, and a shell in a folder with the firm's files.
type scene struct {
	*testkit.Scene
	t       *testing.T
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
	s := &scene{Scene: testkit.New(t), t: t, mailbox: testenv.NewMailbox(t), dir: t.TempDir()}
	s.env = []string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + s.dir, "LC_ALL=C.UTF-8",
		"BIN=" + bin, "NATS_URL=" + s.NC.ConnectedUrl(), "HTTP_ADDR=" + testenv.FreeAddress(t),
	}
	host, port, err := net.SplitHostPort(s.mailbox.Addr())
	s.Must(err)
	s.workers = []string{filepath.Join(bin, "standalone"), "--data", t.TempDir()}
	s.workersEnv = append(slices.Clone(s.env), "DATABASE_URL="+s.DatabaseURL,
		"SMTP_HOST="+host, "SMTP_PORT="+port, "SMTP_TLS=none", "SMTP_FROM=portal@mail.example",
		// The morning takes hours there and seconds here: what waits for time to pass must not wait here.
		"RESEND_COOLDOWN=1ns")
	s.startWorkers()
	t.Cleanup(func() { s.stopWorkers() })
	return s
}

// startWorkers runs both workers, as standalone has them, on the broker, the database and the mail server of this test, until
// it ends. It is a process of its own, because with the race detector mails are written many times slower.
func (s *scene) startWorkers() {
	s.t.Helper()
	var log bytes.Buffer
	workers := exec.Command(s.workers[0], s.workers[1:]...) //nolint:noctx // it is stopped by a signal
	workers.Env, workers.Stdout, workers.Stderr = s.workersEnv, &log, &log
	s.Must(workers.Start())
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
	s.Must(os.CopyFS(s.dir, os.DirFS(from)))
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
		if err := s.Acknowledged(testkit.Durables()...); err != nil {
			return err
		}
		var open int
		err := s.DB.QueryRow(s.t.Context(), `SELECT (SELECT count(*) FROM outbox) +
			(SELECT count(*) FROM runs WHERE NOT walked OR NOT $1 AND completed_at IS NULL AND NOT EXISTS (
				SELECT FROM invites WHERE invites.run_id = runs.run_id AND held_at IS NOT NULL)) +
			(SELECT count(*) FROM invites WHERE NOT $1 AND (state = 'sending' OR state = 'queued' AND next_attempt_at <= now()))`, s.down).Scan(&open)
		if err == nil && open > 0 {
			err = fmt.Errorf("%d things are still open", open)
		}
		return err
	})
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
		_, err := s.DB.Exec(s.t.Context(), `UPDATE invites SET next_attempt_at = now() WHERE state = 'queued'`)
		return err
	case "the database":
		_, err := s.DB.Exec(s.t.Context(), rest)
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
