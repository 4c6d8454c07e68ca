package standalone

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// endOrphan stops a server that still runs on our data. The caller holds the folder's lock, which an owner keeps for as
// long as it lives. So the owner of that server was killed, and nobody else will stop it.
func (c *cluster) endOrphan(ctx context.Context) error {
	path := filepath.Join(c.data, "postmaster.pid")
	pid, err := readPid(path)
	if err != nil || pid == 0 {
		return err
	}
	if !c.served(pid) {
		// A crash left this file. PostgreSQL notices that itself, unless the number now belongs to another process, as it
		// often does in a restarted container.
		return removeStale(path)
	}
	for _, step := range []stopStep{{syscall.SIGINT, 30 * time.Second}, {syscall.SIGQUIT, 10 * time.Second}} {
		if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop the orphaned server (process %d): %w", pid, err)
		}
		gone, err := c.awaitGone(ctx, pid, step.wait)
		if err != nil {
			return err
		}
		if gone {
			return nil
		}
	}
	return fmt.Errorf("a server left by an earlier start (process %d) still runs on %s and does not stop: "+
		"end it, then start again", pid, c.data)
}

// served says whether that process is a server on our data.
func (c *cluster) served(pid int) bool {
	args := commandLine(pid)
	return len(args) > 0 && strings.HasPrefix(filepath.Base(args[0]), "postgres") && slices.Contains(args, c.data)
}

// awaitGone polls, because only a parent is notified when a process ends.
func (c *cluster) awaitGone(ctx context.Context, pid int, limit time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for c.served(pid) {
		select {
		case <-poll.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return false, nil
			}
			return false, fmt.Errorf("wait for the orphaned server (process %d): %w", pid, ctx.Err())
		}
	}
	return true, nil
}

// readPid reads the first line of postmaster.pid. It returns 0 if there is no such file, or if a crash cut it off while
// it was written.
func readPid(path string) (int, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for a running server: %w", err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return 0, removeStale(path)
	}
	return pid, nil
}

func removeStale(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the process id of a server that is gone: %w", err)
	}
	return nil
}
