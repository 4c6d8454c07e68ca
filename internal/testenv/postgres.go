package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"portal-invites/internal/standalone"
)

// serverURL is the environment variable that names a PostgreSQL to use instead of a private one: a superuser's URL on a
// server for tests. Then you can look at the database of a failed test after the run.
const serverURL = "TEST_DATABASE_URL"

// logFile is the environment variable that names a file for the log of the private PostgreSQL. It has the statements of
// each deadlock.
const logFile = "TEST_DATABASE_LOG"

const startLimit = 2 * time.Minute

// lessLog keeps the write-ahead log of a server in memory small. Each new database adds 8 MB to the log, and by default
// Postgres keeps a gigabyte of it.
const lessLog = `ALTER SYSTEM SET max_wal_size = '128MB'`

// sharedPostgres is one server for all tests of a test binary. It is started when the first test needs it.
type sharedPostgres struct {
	once sync.Once // sets all fields below; they do not change afterwards

	folder string
	server *standalone.Postgres
	url    string
	err    error
}

// shared is a variable of the package because the tests of a binary have no other place in common for their server.
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
	if s.folder, err = newFolder(); err != nil {
		return err
	}
	// If root runs the tests, the server runs as another user, who must get through this folder.
	//nolint:gosec // G302: others can pass through the folder, but not list it.
	if err := os.Chmod(s.folder, 0o711); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	log := zerolog.Nop()
	if name := os.Getenv(logFile); name != "" {
		//nolint:gosec // G703: whoever runs the tests names the file. It is closed with the process.
		file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("%s: %w", logFile, err)
		}
		log = zerolog.New(file).With().Timestamp().Logger()
	}
	s.server, err = standalone.StartPostgres(ctx, standalone.PostgresConfig{
		Dir: s.folder, Ephemeral: true, Logger: log,
	})
	if err != nil {
		return fmt.Errorf("a private PostgreSQL for tests (or set %s): %w", serverURL, err)
	}
	s.url = s.server.URL()
	return limitLog(ctx, s.url)
}

func limitLog(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range []string{lessLog, `SELECT pg_reload_conf()`} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
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
