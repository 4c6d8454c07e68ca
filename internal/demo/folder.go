package demo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"portal-invites/internal/app"
	"portal-invites/internal/standalone"
)

// marker is a file that keeps the demo from emptying a folder that is not its own.
const marker = "made-by-portal-invites-demo"

// demosAtOnce is how many demos of one user may run at the same time, each in its own folder.
const demosAtOnce = 20

// folder returns an empty folder and its lock. It is the folder of --demo-data, or else the first one below the
// temporary folder that is free: no other demo uses it, and no standalone that somebody started on it.
func (c Command) folder() (string, *standalone.FolderLock, error) {
	if c.Data != "" {
		lock, err := take(c.Data)
		return c.Data, lock, err
	}
	first := filepath.Join(os.TempDir(), "portal-invites-demo-"+strconv.Itoa(os.Getuid()))
	dir := first
	for n := 2; ; n++ {
		lock, err := take(dir)
		if !errors.Is(err, standalone.ErrFolderInUse) || n > demosAtOnce {
			return dir, lock, err
		}
		dir = first + "-" + strconv.Itoa(n)
	}
}

// take locks a new folder or one of an earlier demo, and only then empties it: somebody may be looking at its mails.
func take(dir string) (*standalone.FolderLock, error) {
	if err := checkOurs(dir); err != nil {
		return nil, app.UsageError{Err: fmt.Errorf("--demo-data: %w", err)}
	}
	lock, err := standalone.LockFolder(dir)
	if err != nil {
		return nil, app.UsageError{Err: fmt.Errorf("--demo-data: %w", err)}
	}
	if err := empty(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("empty the demo's folder: %w", err), lock.Unlock())
	}
	return lock, nil
}

// checkOurs refuses a folder that is not empty and was not made by a demo. A folder with only a lock file is one that
// another demo takes at this moment.
func checkOurs(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	isOther := func(e os.DirEntry) bool { return e.Name() != standalone.LockFile }
	if !slices.ContainsFunc(entries, isOther) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, marker)); err != nil {
		return fmt.Errorf("%s is not empty, and not from an earlier demo: choose another folder", dir)
	}
	return nil
}

// empty removes all that an earlier demo has left, except for the lock and the marker.
func empty(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, marker), nil, 0o600); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == marker || entry.Name() == standalone.LockFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
