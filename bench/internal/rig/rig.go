// Package rig starts everything that the contenders need: a private Postgres, brokers and an SMTP sink, each in a
// separate process, and the workers as an operator starts them.
package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"portal-invites/internal/link"
	"portal-invites/internal/standalone"
)

// Config says what to start.
type Config struct {
	Root        string // the folder of the main module, whose commands are built
	Connections int    // SMTP connections of every contender
	Ephemeral   bool   // sync nothing to disk, for a run that measures nothing
	Profile     string // folder for the profiles of workers and database; none if empty, since profiling costs time
}

// Rig has all the running parts.
type Rig struct {
	Config
	Durable *Broker // syncs every write, as in production
	Relaxed *Broker // syncs every two minutes, which is the server's default
	Sink    *Sink

	Senders string // the file of SMTP_SENDERS of the workers that start from now on, or ""

	dir      string
	self     string // the path of this program, which contains the parts
	postgres *standalone.Postgres
	admin    *pgxpool.Pool // connects to the maintenance database
	plans    plans
	linkKey  string
	running  []*Process
}

// Up builds the workers and starts the other parts. Down must be called even if Up returns an error.
func Up(ctx context.Context, cfg Config) (*Rig, error) {
	r := &Rig{Config: cfg, linkKey: link.NewKey()}
	var err error
	if r.self, err = os.Executable(); err != nil {
		return r, fmt.Errorf("find this program: %w", err)
	}
	if r.dir, err = os.MkdirTemp("", "portal-invites-bench-"); err != nil {
		return r, fmt.Errorf("make a folder: %w", err)
	}
	// Others may enter the folder, since Postgres runs as another user if this is root.
	//nolint:gosec // G302: others may enter the folder, but not list it.
	if err := os.Chmod(r.dir, 0o711); err != nil {
		return r, fmt.Errorf("make a folder: %w", err)
	}
	if err := r.build(ctx); err != nil {
		return r, err
	}
	if err := r.startPostgres(ctx); err != nil {
		return r, err
	}
	if r.Relaxed, err = r.startBroker(ctx, "default"); err != nil {
		return r, err
	}
	if r.Durable = r.Relaxed; !r.Ephemeral {
		if r.Durable, err = r.startBroker(ctx, "always"); err != nil {
			return r, err
		}
	}
	r.Sink, err = r.startSink(ctx, "127.0.0.1:0")
	return r, err
}

// build builds the workers with the same flags as systemtest, so that the two share Go's build cache.
func (r *Rig) build(ctx context.Context) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", r.dir+string(filepath.Separator),
		"portal-invites/cmd/invite-worker", "portal-invites/cmd/bulk-worker")
	build.Dir = r.Root
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the workers: %w: %s", err, output)
	}
	return nil
}

func (r *Rig) startPostgres(ctx context.Context) error {
	var err error
	// If not ephemeral, fsync, full_page_writes and synchronous_commit are on.
	cfg := standalone.PostgresConfig{
		Dir: filepath.Join(r.dir, "postgres"), Ephemeral: r.Ephemeral, Logger: zerolog.New(io.Discard).Hook(&r.plans),
	}
	if r.postgres, err = standalone.StartPostgres(ctx, cfg); err != nil {
		return err
	}
	if r.admin, err = pgxpool.New(ctx, r.urlOf("postgres")); err != nil {
		return fmt.Errorf("connect to the private PostgreSQL: %w", err)
	}
	settings := slices.Clone(memory)
	if r.Profile != "" {
		settings = append(settings, preload)
	} else if r.Ephemeral { // a quick run needs little memory
		return nil
	}
	if err := r.set(ctx, settings...); err != nil {
		return err
	}
	if err := r.postgres.Stop(); err != nil {
		return err
	}
	if r.postgres, err = standalone.StartPostgres(ctx, cfg); err != nil {
		return err
	}
	r.admin.Close()
	if r.admin, err = pgxpool.New(ctx, r.urlOf("postgres")); err != nil {
		return fmt.Errorf("connect to the private PostgreSQL: %w", err)
	}
	if r.Profile == "" {
		return nil
	}
	return r.configureModules(ctx)
}

// memory are the usual settings for a database of some gigabytes. With PostgreSQL's default of 128 MB, every contender
// would write the indexes of a run of a million to disk and read them again all the time.
var memory = []string{"shared_buffers = '1GB'", "max_wal_size = '4GB'"}

// set changes settings of the server. They take effect at its next start.
func (r *Rig) set(ctx context.Context, settings ...string) error {
	for _, setting := range settings {
		if _, err := r.admin.Exec(ctx, "ALTER SYSTEM SET "+setting); err != nil {
			return fmt.Errorf("set %s: %w", setting, err)
		}
	}
	return nil
}

// Part starts one of the parts of this program as a separate process, and returns what the part prints after [Ready].
func (r *Rig) Part(ctx context.Context, env []string, args ...string) (*Process, string, error) {
	p, err := Start(args[0], r.self, env, append([]string{"part"}, args...)...)
	if err != nil {
		return nil, "", err
	}
	r.running = append(r.running, p)
	line, err := p.Await(ctx, Ready)
	if err != nil {
		return nil, "", err
	}
	return p, strings.TrimSpace(strings.TrimPrefix(line, Ready)), nil
}

// Ready begins the line that a part prints when it is up. Its addresses follow.
const Ready = "ready "

// postgresCPU returns the CPU time that the database server has used so far.
func (r *Rig) postgresCPU() time.Duration {
	content, err := os.ReadFile(filepath.Join(r.dir, "postgres", "cluster", "postmaster.pid"))
	if err != nil {
		return 0
	}
	var pid int
	if _, err := fmt.Sscan(string(content), &pid); err != nil {
		return 0
	}
	return cpuOf(pid)
}

// Down stops everything and removes its data.
func (r *Rig) Down() error {
	for _, p := range slices.Backward(r.running) {
		p.Kill()
	}
	if r.admin != nil {
		r.admin.Close()
	}
	var err error
	if r.postgres != nil {
		err = r.postgres.Stop()
	}
	if r.dir != "" {
		err = errors.Join(err, os.RemoveAll(r.dir))
	}
	return err
}

// PostgresVersion returns the server's version, as the server gives it.
func (r *Rig) PostgresVersion(ctx context.Context) string {
	version := "unknown"
	_ = r.admin.QueryRow(ctx, "SHOW server_version").Scan(&version)
	return version
}

// Load returns the machine's load averages of 1, 5 and 15 minutes. On a quiet machine, the load is the benchmark's own.
func Load() string {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(content))[:3], " ")
}

// Dir returns a folder for files that a row needs. Down removes it.
func (r *Rig) Dir() string { return r.dir }
