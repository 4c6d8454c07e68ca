package opstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"portal-invites/internal/testenv"
)

// scene is a broker, a database, a mail server and both workers, and a shell that has their addresses.
type scene struct {
	t       *testing.T
	mailbox *testenv.Mailbox
	env     []string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	f, err := built()
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, mailbox: testenv.NewMailbox(t)}
	s.env = append(environment(t, f, t.TempDir()),
		"BIN="+f.commands, "NATS_URL="+testenv.BrokerURL(t), "HTTP_ADDR="+testenv.FreeAddress(t))
	host, port, err := net.SplitHostPort(s.mailbox.Addr())
	if err != nil {
		t.Fatal(err)
	}
	s.startWorkers(filepath.Join(f.commands, "standalone"),
		"DATABASE_URL="+testenv.Database(t), "STANDALONE_DATA="+t.TempDir(), "STANDALONE_CONSOLE_PORT=0",
		"SMTP_HOST="+host, "SMTP_PORT="+port, "SMTP_TLS=none", "SMTP_FROM=portal@mail.example")
	return s
}

// startWorkers runs both workers in standalone, on the broker, the database and the mail server of this test, until the
// test ends. It is a process of its own, because the race detector makes composing mails many times slower.
func (s *scene) startWorkers(standalone string, env ...string) {
	s.t.Helper()
	var log bytes.Buffer
	workers := exec.Command(standalone) //nolint:noctx // it is stopped by a signal
	workers.Env, workers.Stdout, workers.Stderr = append(env, s.env...), &log, &log
	if err := workers.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = workers.Process.Signal(syscall.SIGTERM)
		if err := workers.Wait(); err != nil {
			s.t.Errorf("the workers ended with: %v", err)
		}
		if s.t.Failed() {
			s.t.Logf("the workers logged:\n%s", &log)
		}
	})
	testenv.Eventually(s.t, time.Minute, func() error {
		_, code := s.sh(`"$BIN/invite-worker" healthcheck --http-addr "$HTTP_ADDR"`)
		if code != 0 {
			return fmt.Errorf("the workers are not ready: exit code %d", code)
		}
		return nil
	})
}

// sh runs a command as a person's shell would, and returns what the person sees.
func (s *scene) sh(command string) (out string, code int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	var seen bytes.Buffer
	shell := exec.CommandContext(ctx, "sh", "-c", command)
	shell.Env, shell.Stdout, shell.Stderr = s.env, &seen, &seen
	err := shell.Run()
	if exited := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exited) {
		s.t.Fatalf("%s: %v", command, err)
	}
	return seen.String(), shell.ProcessState.ExitCode()
}
