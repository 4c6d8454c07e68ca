package systemtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// process is a worker as an operator runs it: a program with an environment, a log and an exit code.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	log  *testkit.Log
	done chan struct{} // closed when it has ended
}

// environment is what a worker needs; a later setting of the same name wins.
type environment []string

func (e environment) with(settings ...string) environment {
	return append(append(environment(nil), e...), settings...)
}

func run(t *testing.T, env environment, name string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(binary(t, name), args...) //nolint:noctx // it is stopped by signals
	p := &process{t: t, name: name, cmd: cmd, log: &testkit.Log{}, done: make(chan struct{})}
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
			t.Logf("the log of %s:\n%s", name, p.log)
		}
	})
	return p
}

// kill is kill -9: the process can't react to it.
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
			return fmt.Errorf("the log of %s does not have %q", p.name, text)
		}
		return nil
	})
}
