package standalone

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rs/zerolog"
)

const (
	databaseUser = "portal"
	databaseName = "portal_invites"
	// maxConnections is enough for two workers' pools, and for the many small pools of a test binary.
	maxConnections  = 200
	autovacuumEvery = "5s"
	// startLimit is long because the start after a crash replays the log.
	startLimit = 2 * time.Minute
	// startAttempts is above one for problems that pass: another program took the free port first, or the last processes
	// of a killed server still hold its memory.
	startAttempts = 4
)

// PostgresConfig says where the private PostgreSQL keeps its data and listens.
type PostgresConfig struct {
	// Dir is the folder of the cluster and of its password, with one owner at a time. If root starts it, the server runs
	// as an unprivileged user, who must be able to reach this folder.
	Dir string
	// Port on 127.0.0.1; 0 takes a free one.
	Port int
	// Ephemeral gives up durability (fsync, full_page_writes, synchronous_commit) for speed. For tests: a crash of the
	// machine may destroy the data.
	Ephemeral bool
	Logger    zerolog.Logger
}

// Postgres is a private PostgreSQL server, a child of this process.
type Postgres struct {
	url    string
	addr   string
	server *child
	log    *serverLog
	lock   *FolderLock

	stop    sync.Once
	stopErr error
}

// StartPostgres creates the cluster in cfg.Dir if there is none, ends a server that a killed owner left there, and
// starts ours. It returns when the server accepts connections and has the database portal_invites. ctx limits the start
// only.
//
// Errors: ErrNoPostgres, ErrFolderInUse, or one that says what went wrong.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if cfg.Dir == "" {
		return nil, errors.New("start PostgreSQL: Dir, the folder of the data, is empty")
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	lock, err := LockFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	p, err := startPostgres(ctx, dir, cfg)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL in %s: %w", dir, err), lock.Unlock())
	}
	p.lock = lock
	return p, nil
}

func startPostgres(ctx context.Context, dir string, cfg PostgresConfig) (*Postgres, error) {
	password, err := Secret(dir, "password", rand.Text)
	if err != nil {
		return nil, err
	}
	c, err := openCluster(ctx, dir, cfg.Ephemeral, password)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		p, err := c.launch(ctx, cfg)
		if err == nil || !errors.Is(err, errServerEnded) || attempt == startAttempts {
			return p, err
		}
		if sleep(ctx, time.Duration(attempt)*200*time.Millisecond) != nil {
			return nil, err
		}
	}
}

// errServerEnded marks a server that ended while it was starting.
var errServerEnded = errors.New("the server ended at once")

func (c *cluster) launch(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	port, err := choosePort(cfg.Port)
	if err != nil {
		return nil, err
	}
	log := &serverLog{logger: cfg.Logger}
	cmd := c.command("postgres", c.data, c.serverArgs(port)...)
	cmd.Stdout, cmd.Stderr = log, log
	// SIGINT is PostgreSQL's fast shutdown: clean even when we are killed.
	server, err := spawn(cmd, c.as, syscall.SIGINT)
	if err != nil {
		return nil, c.as.explainDenied(err, c.data, cmd.Path)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	p := &Postgres{addr: addr, url: databaseURL(addr, c.password, databaseName), server: server, log: log}
	if err := p.awaitReady(ctx, databaseURL(addr, c.password, "postgres")); err != nil {
		return nil, errors.Join(err, server.stop(shutdown...))
	}
	return p, nil
}

// awaitReady tries to connect until it succeeds: clients must be able to log in, whatever the server says about itself.
func (p *Postgres) awaitReady(ctx context.Context, maintenanceURL string) error {
	for {
		err := createDatabase(ctx, maintenanceURL)
		if err == nil {
			return nil
		}
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code[:2] == "28" { // invalid_authorization
			return fmt.Errorf("the server does not accept the password in the file \"password\" of its folder, "+
				"was that file replaced?: %w", err)
		}
		select {
		case <-p.server.done:
			return fmt.Errorf("%w (%w), its last log lines: %s", errServerEnded, p.server.endError(), p.log.tail())
		default:
		}
		if sleep(ctx, 20*time.Millisecond) != nil {
			return fmt.Errorf("not ready in time: %w", err)
		}
	}
}

func createDatabase(ctx context.Context, maintenanceURL string) error {
	conn, err := pgx.Connect(ctx, maintenanceURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var exists bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, databaseName).Scan(&exists)
	if err == nil && !exists {
		_, err = conn.Exec(ctx, `CREATE DATABASE `+databaseName)
	}
	return err
}

// URL is the value of DATABASE_URL. It holds the password: not for logs.
func (p *Postgres) URL() string { return p.url }

// Addr is host and port, for people and logs.
func (p *Postgres) Addr() string { return p.addr }

// Done is closed when the server has ended, also by itself.
func (p *Postgres) Done() <-chan struct{} { return p.server.done }

// shutdown is fast at first (disconnects clients, writes a checkpoint), then immediate (the next start recovers), then
// by force.
var shutdown = []stopStep{
	{syscall.SIGINT, 30 * time.Second}, {syscall.SIGQUIT, 10 * time.Second}, {syscall.SIGKILL, 5 * time.Second},
}

// Stop ends the server, waits for it, and unlocks the folder. It returns an error if the server had already ended by
// itself. It may be called more than once.
func (p *Postgres) Stop() error {
	p.stop.Do(func() {
		var early error
		select {
		case <-p.server.done:
			early = fmt.Errorf("PostgreSQL had ended by itself (%w), its last log lines: %s", p.server.endError(), p.log.tail())
		default:
		}
		p.stopErr = errors.Join(early, p.server.stop(shutdown...), p.lock.Unlock())
	})
	return p.stopErr
}

func databaseURL(addr, password, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(databaseUser, password), Host: addr, Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// choosePort finds a free port if port is 0. If another program takes that port before the server does, the caller
// tries again with another.
func choosePort(port int) (int, error) {
	if err := checkPort("127.0.0.1", port); err != nil || port > 0 {
		return port, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	address, err := netip.ParseAddrPort(listener.Addr().String())
	if err = errors.Join(err, listener.Close()); err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return int(address.Port()), nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
