package opstest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"portal-invites/internal/testenv"
)

// record makes a copy of the page with everything that was printed this time, for whoever changes what is printed. Its
// outputs still want to be shortened by hand.
var record = flag.String("record", "", "write docs/operations.md as it would be with today's outputs to this file")

// standIns are commands that the pages use and a machine with nothing but Go and make does not have.
var standIns = map[string]func(args []string) error{"nats": likeNats, "curl": likeCurl, "psql": likePsql}

// TestMain is also each of the stand-ins, where the test binary is called by that name.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	if command, ok := standIns[name]; ok {
		if err := command(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, name+": error:", err)
			os.Exit(1)
		}
		return
	}
	testenv.Main(m)
}

// commands and tools are folders: of our own commands, as in a checkout's bin, and of the stand-ins. `make clean` removes them.
type folders struct{ commands, tools string }

var built = sync.OnceValues(func() (folders, error) {
	dir, err := filepath.Abs("../../.cache/opstest")
	if err != nil {
		return folders{}, err
	}
	f := folders{filepath.Join(dir, "bin"), filepath.Join(dir, "tools")}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", f.commands+string(filepath.Separator), "portal-invites/cmd/...")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return f, fmt.Errorf("build the commands: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return f, err
	}
	if err := os.MkdirAll(f.tools, 0o700); err != nil {
		return f, err
	}
	for name := range standIns {
		link := filepath.Join(f.tools, name)
		if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
			return f, err
		}
		if err := os.Symlink(self, link); err != nil {
			return f, err
		}
	}
	return f, nil
})

// environment is what a person's shell has, with the stand-ins in its PATH, and nothing of this process's own.
func environment(t *testing.T, f folders, home string) []string {
	t.Helper()
	return []string{
		"PATH=" + f.tools + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C.UTF-8",
		"GOCOVERDIR=" + t.TempDir(), // a stand-in built to measure coverage complains without it, into what is compared
	}
}
