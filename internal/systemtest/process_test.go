package systemtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"portal-invites/internal/testenv"
)

// process is a worker as an operator runs it: a program with an environment, a log and an exit code.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	log  *logText
	done chan struct{} // closed when it has ended
}

// environment is what a worker needs; a later setting of the same name wins.
type environment []string

func (e environment) with(settings ...string) environment {
	return append(append(environment(nil), e...), settings...)
}

func run(t *testing.T, env environment, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: exec.Command(binary(t, name), args...), log: &logText{}, done: make(chan struct{})} //nolint:noctx // it is stopped by signals
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, p.log)
		}
	})
	return p
}

// kill is kill -9: the process hears nothing of it.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop asks the process to stop and returns its exit code.
func (p *process) stop(within time.Duration) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
	return p.exit(within)
}

func (p *process) exit(within time.Duration) int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-ctx.Done():
		p.t.Fatalf("%s has not ended within %s", p.name, within)
		return -1
	}
}

// says waits until a line of the log has the text.
func (p *process) says(text string) {
	p.t.Helper()
	testenv.Eventually(p.t, 30*time.Second, func() error {
		if !strings.Contains(p.log.String(), text) {
			return fmt.Errorf("%s has not said %q", p.name, text)
		}
		return nil
	})
}

type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// lines counts the lines that have all of these parts in them.
func (l *logText) lines(parts ...string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		has := true
		for _, part := range parts {
			has = has && strings.Contains(line, part)
		}
		if has {
			n++
		}
	}
	return n
}

// freeAddress is an address of this machine on which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}
