package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"portal-invites/internal/standalone"
)

// serverURL is the variable that names a PostgreSQL to use instead of a private
// one: a superuser's URL on a server for tests. A failed test's database is then
// there to be looked at after the run.
const serverURL = "TEST_DATABASE_URL"

const (
	folderPrefix = "portal-invites-test-"
	startLimit   = 2 * time.Minute
)

// sharedPostgres is one server for all tests of a test binary, started when the
// first one needs it.
type sharedPostgres struct {
	once   sync.Once
	folder string
	server *standalone.Postgres
	url    string
	err    error
}

// One binary's tests have no other place in common to hold their server.
var shared sharedPostgres

func (s *sharedPostgres) start() (string, error) {
	s.once.Do(func() {
		if s.url = os.Getenv(serverURL); s.url != "" {
			if _, err := url.Parse(s.url); err != nil {
				s.err = errors.New(serverURL + " is not a URL such as postgres://user:password@127.0.0.1:5432/postgres")
			}
			return
		}
		s.err = s.startPrivate()
	})
	return s.url, s.err
}

func (s *sharedPostgres) startPrivate() error {
	removeLeftovers()
	var err error
	if s.folder, err = os.MkdirTemp("", folderPrefix); err != nil {
		return err
	}
	// Passable, because root's server runs as another user.
	//nolint:gosec // G302: passable, not listable.
	if err := os.Chmod(s.folder, 0o711); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	s.server, err = standalone.StartPostgres(ctx, standalone.PostgresConfig{
		Dir: s.folder, Ephemeral: true, Logger: zerolog.Nop(),
	})
	if err != nil {
		return fmt.Errorf("a private PostgreSQL for tests (or set %s): %w", serverURL, err)
	}
	s.url = s.server.URL()
	return nil
}

// stop ends the server, if there is one, and removes its folder.
func (s *sharedPostgres) stop() error {
	var err error
	if s.server != nil {
		err = s.server.Stop()
	}
	if s.folder != "" {
		err = errors.Join(err, os.RemoveAll(s.folder))
	}
	return err
}

// removeLeftovers clears the folders of test binaries that were killed. The age
// protects one that was made a moment ago and is not locked yet; the lock, one
// in use. A failure leaves a folder behind, which harms no test.
func removeLeftovers() {
	folders, _ := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*"))
	for _, folder := range folders {
		info, err := os.Stat(folder)
		if err != nil || time.Since(info.ModTime()) < time.Hour {
			continue
		}
		lock, err := standalone.LockFolder(folder)
		if err != nil {
			continue
		}
		_ = os.RemoveAll(folder)
		_ = lock.Unlock()
	}
}
