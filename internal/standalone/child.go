package standalone

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// child is a process that must not outlive this one.
type child struct {
	cmd  *exec.Cmd
	done chan struct{} // Closed when the process has been reaped.
	err  error         // What Wait returned; read it after done.
}

// spawn starts cmd in a process group of its own. So Ctrl-C in a terminal reaches only us, and we decide in which order
// things stop. On Linux the child also receives onDeath when this process dies.
//
// Linux ties that signal to the thread that forked, not to the process, and Go ends threads at any time. So a goroutine
// keeps its thread until the child has been reaped.
func spawn(cmd *exec.Cmd, as account, onDeath syscall.Signal) (*child, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: as.credential()}
	signalOnParentDeath(cmd.SysProcAttr, onDeath)
	// An orphaned grandchild may hold the output pipe open: don't wait for it.
	cmd.WaitDelay = 5 * time.Second

	c := &child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
			close(c.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

// endError says how an ended process ended, even if it reported success.
func (c *child) endError() error {
	if c.err == nil {
		return errors.New("exit status 0")
	}
	return c.err
}

// stopStep is a signal, and how long to wait for its effect.
type stopStep struct {
	signal syscall.Signal
	wait   time.Duration
}

// stop sends each signal in turn until the process has ended.
func (c *child) stop(steps ...stopStep) error {
	for _, step := range steps {
		if err := c.cmd.Process.Signal(step.signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("signal process %d: %w", c.cmd.Process.Pid, err)
		}
		timer := time.NewTimer(step.wait)
		select {
		case <-c.done:
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
	return fmt.Errorf("process %d does not stop", c.cmd.Process.Pid)
}
