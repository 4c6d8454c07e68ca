package standalone

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// ownerFolder is a variable that makes the test binary the owner of a private PostgreSQL in that folder, for tests that
// kill an owner.
const ownerFolder = "STANDALONE_TEST_OWNER_FOLDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(ownerFolder); dir != "" {
		os.Exit(ownPostgres(dir))
	}
	goleak.VerifyTestMain(m)
}

// ownPostgres prints the address of its server and keeps the server until standard input ends.
func ownPostgres(dir string) int {
	p, err := StartPostgres(context.Background(), PostgresConfig{Dir: dir, Logger: zerolog.Nop()})
	if err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	fmt.Println(p.server.cmd.Process.Pid, p.URL())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := p.Stop(); err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	return 0
}

// openFolder makes a folder that an unprivileged account can reach. Only its owner, who may be root, can reach the
// testing package's own folder.
func openFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}
