package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a child process of the benchmark: a worker, a sink, a broker or a peer. mu guards the fields below it: the
// process's output arrives in another goroutine.
type Process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended

	mu      sync.Mutex
	partial []byte
	lines   []string      // the last lines of its output
	printed chan struct{} // closed and replaced whenever it prints something
}

// Usage is what a process has used.
type Usage struct {
	CPU     time.Duration // user and system
	PeakRSS int64         // bytes
}

// keptLines is enough to find the first and the last lines of a process's output.
const keptLines = 200

// Start runs a program. Its environment is env, PATH and HOME.
func Start(name, path string, env []string, args ...string) (*Process, error) {
	//nolint:noctx // It is stopped by signals, so that it can finish what it does.
	p := &Process{name: name, cmd: exec.Command(path, args...), done: make(chan struct{}), printed: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()}, env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Write receives the output of the process.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partial = append(p.partial, b...)
	for {
		line, rest, complete := bytes.Cut(p.partial, []byte("\n"))
		if !complete {
			break
		}
		p.lines = append(p.lines, string(line))
		p.partial = append([]byte(nil), rest...)
	}
	if len(p.lines) > keptLines {
		p.lines = append([]string(nil), p.lines[len(p.lines)-keptLines:]...)
	}
	close(p.printed)
	p.printed = make(chan struct{})
	return len(b), nil
}

// Await waits for a line of output with the text, and returns the first one.
func (p *Process) Await(ctx context.Context, text string) (string, error) {
	for {
		p.mu.Lock()
		printed := p.printed
		for _, line := range p.lines {
			if strings.Contains(line, text) {
				p.mu.Unlock()
				return line, nil
			}
		}
		p.mu.Unlock()
		select {
		case <-printed:
		case <-p.done:
			return "", fmt.Errorf("%s has ended: %s", p.name, p.Tail())
		case <-ctx.Done():
			return "", fmt.Errorf("%s has not printed %q: %w: %s", p.name, text, ctx.Err(), p.Tail())
		}
	}
}

// Tail returns the last lines of the process's output, for an error.
func (p *Process) Tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines[max(0, len(p.lines)-15):], "\n")
}

// stopWithin is how long a process may take to finish. If it takes longer, something is broken, and not just slow.
const stopWithin = 40 * time.Second

// Stop asks the process to end, waits for it, and returns what it has used.
func (p *Process) Stop() (Usage, error) {
	peak := peakRSS(p.Pid())
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return Usage{}, fmt.Errorf("stop %s: %w", p.name, err)
	}
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Kill()
		return Usage{}, fmt.Errorf("%s has not ended within %s: %s", p.name, stopWithin, p.Tail())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return Usage{}, fmt.Errorf("%s ended with exit code %d: %s", p.name, code, p.Tail())
	}
	return p.usage(peak), nil
}

// Kill ends the process at once.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Pid returns the process's id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// usage reads the usage of the ended process. The peak comes from /proc, read just before the end: getrusage's peak
// starts at the size of the process that forked it.
func (p *Process) usage(peak int64) Usage {
	state := p.cmd.ProcessState
	return Usage{CPU: state.UserTime() + state.SystemTime(), PeakRSS: peak}
}
