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

// Process is a child of the benchmark: a worker, a sink, a broker, a peer.
type Process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended

	mu      sync.Mutex
	partial []byte
	lines   []string      // the last of what it said
	said    chan struct{} // closed and replaced at each line
}

// Usage is what a process has cost.
type Usage struct {
	CPU     time.Duration // user and system
	PeakRSS int64         // bytes
}

// keptLines is enough to find what a process said when it started, and what it
// said last.
const keptLines = 200

// Start runs a program. Its environment is what is given, and PATH.
func Start(name, path string, env []string, args ...string) (*Process, error) {
	//nolint:noctx // It is stopped by signals, so that it can finish what it does.
	p := &Process{name: name, cmd: exec.Command(path, args...), done: make(chan struct{}), said: make(chan struct{})}
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

// Write takes what the process says.
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
	close(p.said)
	p.said = make(chan struct{})
	return len(b), nil
}

// Await returns the first line that has the text, and waits for it.
func (p *Process) Await(ctx context.Context, text string) (string, error) {
	for {
		p.mu.Lock()
		said := p.said
		for _, line := range p.lines {
			if strings.Contains(line, text) {
				p.mu.Unlock()
				return line, nil
			}
		}
		p.mu.Unlock()
		select {
		case <-said:
		case <-p.done:
			return "", fmt.Errorf("%s has ended: %s", p.name, p.Tail())
		case <-ctx.Done():
			return "", fmt.Errorf("%s has not said %q: %w: %s", p.name, text, ctx.Err(), p.Tail())
		}
	}
}

// Tail is what the process said last, for an error.
func (p *Process) Tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines[max(0, len(p.lines)-15):], "\n")
}

// stopWithin is how long a process may take to finish. Past it, the benchmark
// is not about speed any more.
const stopWithin = 40 * time.Second

// Stop asks the process to end, waits for it, and returns what it has cost.
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

// Pid names the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// usage is read from the ended process. Its peak is what /proc said a moment
// before: getrusage's begins at the size of whoever forked it.
func (p *Process) usage(peak int64) Usage {
	state := p.cmd.ProcessState
	return Usage{CPU: state.UserTime() + state.SystemTime(), PeakRSS: peak}
}
