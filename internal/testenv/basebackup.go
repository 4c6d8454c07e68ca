package testenv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"portal-invites/internal/standalone"
	"portal-invites/internal/store"
)

// OwnServer is a PostgreSQL server of one test. It can be backed up and restored as operators do it, with
// pg_basebackup, which copies the files of a whole server.
type OwnServer struct {
	DatabaseURL string // of a database with the pipeline's schema, as [Database] returns

	tb     testing.TB
	folder string
	server *standalone.Postgres
}

// NewOwnServer starts a server, which is stopped after the test.
func NewOwnServer(tb testing.TB) *OwnServer {
	tb.Helper()
	folder, err := newFolder()
	if err != nil {
		tb.Fatal(err)
	}
	s := &OwnServer{tb: tb, folder: folder}
	tb.Cleanup(func() {
		if s.server != nil {
			if err := s.server.Stop(); err != nil {
				tb.Error(err)
			}
		}
		_ = os.RemoveAll(folder)
	})
	//nolint:gosec // G302: the server may run as another user, who passes through the folder and can't list it.
	s.must(os.Chmod(folder, 0o711))
	s.start(0)
	s.DatabaseURL = s.server.URL()
	ctx := tb.Context()
	s.must(store.Migrate(ctx, s.DatabaseURL))
	conn, err := pgx.Connect(ctx, s.DatabaseURL)
	s.must(err)
	_, err = conn.Exec(ctx, refuseUnknownSteps())
	s.must(errors.Join(err, conn.Close(ctx)))
	tb.Cleanup(func() { expectNoneRefused(tb, s.DatabaseURL) })
	return s
}

// BackUp copies the server while it works. restore stops the server, puts the copy in its place, and starts it at the
// same address.
func (s *OwnServer) BackUp() (restore func()) {
	s.tb.Helper()
	program, err := standalone.Program(s.tb.Context(), "pg_basebackup")
	s.must(err)
	live, copied := filepath.Join(s.folder, "cluster"), filepath.Join(s.folder, "backup")
	cmd := exec.CommandContext(s.tb.Context(), program, "--dbname="+s.DatabaseURL, "--pgdata="+copied,
		"--checkpoint=fast", "--wal-method=stream", "--no-sync")
	if output, err := cmd.CombinedOutput(); err != nil {
		s.tb.Fatalf("testenv: pg_basebackup: %v: %s", err, output)
	}
	s.must(giveToOwnerOf(live, copied))
	return func() {
		s.tb.Helper()
		u, err := url.Parse(s.DatabaseURL)
		s.must(err)
		port, err := strconv.Atoi(u.Port())
		s.must(err)
		stopped := s.server
		s.server = nil
		s.must(stopped.Stop())
		s.must(os.RemoveAll(live))
		s.must(os.Rename(copied, live))
		s.start(port)
	}
}

func (s *OwnServer) start(port int) {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(s.tb.Context(), startLimit)
	defer cancel()
	var err error
	s.server, err = standalone.StartPostgres(ctx, standalone.PostgresConfig{
		Dir: s.folder, Port: port, Ephemeral: true, Logger: zerolog.Nop(),
	})
	s.must(err)
}

func (s *OwnServer) must(err error) {
	s.tb.Helper()
	if err != nil {
		s.tb.Fatalf("testenv: a PostgreSQL server for this test: %v", err)
	}
}

// giveToOwnerOf gives a folder with all that it has to the owner of another one.
func giveToOwnerOf(of, folder string) error {
	info, err := os.Stat(of)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Geteuid() {
		return nil
	}
	return filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("give the backup to the server's user: %w", err)
		}
		//nolint:gosec // G122: nobody else can write to this folder
		return os.Lchown(path, int(owner.Uid), int(owner.Gid))
	})
}
