package standalone

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"
)

// startTestPostgres gives up durability for speed: without a kill nothing is lost. Owners that tests kill use the
// defaults.
func startTestPostgres(t *testing.T, dir string) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir, Ephemeral: true, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() })
	return p
}

func query[T any](t *testing.T, url, sql string) (value T) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		t.Fatal(err)
	}
	value, err = pgx.CollectOneRow(rows, pgx.RowTo[T])
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatal(err)
	}
	return value
}

const (
	keep  = `CREATE TABLE kept AS SELECT 42 AS number`
	kept  = `SELECT number FROM kept`
	value = 42
)

func TestPostgresContinuesWhereItEnded(t *testing.T) {
	t.Parallel()
	dir := openFolder(t)
	first := startTestPostgres(t, dir)
	query[int](t, first.URL(), keep)

	_, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir, Logger: zerolog.Nop()})
	if !errors.Is(err, ErrFolderInUse) {
		t.Fatalf("a second owner got %v", err)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	second := startTestPostgres(t, dir)
	if got := query[int](t, second.URL(), kept); got != value {
		t.Fatalf("after a restart the table holds %d", got)
	}
}

func TestPostgresSettings(t *testing.T) {
	t.Parallel()
	for _, ephemeral := range []bool{false, true} {
		p, err := StartPostgres(t.Context(), PostgresConfig{Dir: openFolder(t), Ephemeral: ephemeral, Logger: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Stop() })
		durable := map[bool]string{false: "on", true: "off"}[ephemeral]
		for setting, want := range map[string]string{
			"fsync": durable, "full_page_writes": durable, "synchronous_commit": durable,
			"autovacuum_naptime": "5s",
			"max_connections":    "200", "listen_addresses": "127.0.0.1", "server_encoding": "UTF8", "lc_collate": "C",
			"TimeZone": "UTC",
		} {
			if got := query[string](t, p.URL(), "SHOW "+setting); got != want {
				t.Errorf("Ephemeral %v: %s is %s, want %s", ephemeral, setting, got, want)
			}
		}
	}
}

func TestPostgresAsksForThePassword(t *testing.T) {
	t.Parallel()
	p := startTestPostgres(t, openFolder(t))
	for _, password := range []string{"", "wrong"} {
		conn, err := pgx.Connect(t.Context(), databaseURL(p.Addr(), password, databaseName))
		if err == nil {
			_ = conn.Close(t.Context())
			t.Fatalf("password %q let us in", password)
		}
	}
}

// PostgreSQL has a process group of its own, so that Ctrl-C in a terminal does not reach it first.
func TestPostgresHasItsOwnProcessGroup(t *testing.T) {
	t.Parallel()
	p := startTestPostgres(t, openFolder(t))
	pid := p.server.cmd.Process.Pid
	if group, err := syscall.Getpgid(pid); err != nil || group != pid {
		t.Fatalf("process %d is in group %d, %v", pid, group, err)
	}
}

func TestPostgresThatDiesIsNoticed(t *testing.T) {
	t.Parallel()
	p := startTestPostgres(t, openFolder(t))
	if err := p.server.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if err := p.Stop(); err == nil || !strings.Contains(err.Error(), "by itself") {
		t.Fatalf("Stop returned %v for a killed server", err)
	}
}

func TestPostgresRefuses(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	otherVersion := openFolder(t)
	if err := os.Mkdir(filepath.Join(otherVersion, "cluster"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(otherVersion, "cluster", "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		cfg  PostgresConfig
		says string
	}{
		"no folder":               {PostgresConfig{}, "Dir"},
		"a port in use":           {PostgresConfig{Dir: openFolder(t), Port: portOf(t, taken)}, taken.Addr().String()},
		"data of another version": {PostgresConfig{Dir: otherVersion}, "install version 9"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := StartPostgres(t.Context(), c.cfg)
			if err == nil {
				_ = p.Stop()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error does not say %q: %v", c.says, err)
			}
		})
	}
}

func TestPostgresRefusesAnotherPassword(t *testing.T) {
	t.Parallel()
	dir := openFolder(t)
	if err := startTestPostgres(t, dir).Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte("replaced"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir, Logger: zerolog.Nop()})
	if err == nil {
		_ = p.Stop()
		t.Fatal("it started")
	}
	if !strings.Contains(err.Error(), "was that file replaced") || strings.Contains(err.Error(), "replaced\"") {
		t.Fatalf("unclear: %v", err)
	}
}

func TestTheErrorNamesTheClosedFolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs the server as somebody else")
	}
	closed := filepath.Join(openFolder(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := StartPostgres(t.Context(), PostgresConfig{Dir: filepath.Join(closed, "data"), Logger: zerolog.Nop()})
	if err == nil {
		_ = p.Stop()
		t.Fatal("it started")
	}
	for _, part := range []string{"chmod o+x " + closed, "refuses to run as root"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
}

func TestChooseBinaries(t *testing.T) {
	t.Parallel()
	install := func(version string) string {
		dir := t.TempDir()
		script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + " (Distribution 1)'\n"
		for _, name := range []string{"initdb", "postgres"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	v17, v15, clientOnly := install("17.2"), install("15.13"), t.TempDir()
	cases := map[string]struct {
		dirs  []string
		major int
		want  string
		says  string
	}{
		"the first that is whole":    {[]string{clientOnly, v17, v15}, 0, v17, ""},
		"the one that fits the data": {[]string{v17, v15}, 15, v15, ""},
		"none that fits the data":    {[]string{v17}, 15, "", "install version 15"},
		"none at all":                {[]string{clientOnly}, 0, "", "apt-get install postgresql"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := chooseBinaries(t.Context(), c.dirs, c.major)
			if got != c.want || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, %v; want %q, %q", got, err, c.want, c.says)
			}
		})
	}
}
