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

// record is a file for a copy of the page with what was printed this time. It helps after the output of a command has
// changed. The outputs still have to be shortened by hand.
var record = flag.String("record", "", "write docs/operations.md with today's outputs to this file")

// standIns are commands that the pages use. A machine with only Go and make does not have them.
var standIns = map[string]func(args []string) error{"nats": likeNats, "curl": likeCurl, "psql": likePsql}

// TestMain is also each of the stand-ins, if the test binary is called by its name.
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

// folders has the folder of our own commands, like bin in a checkout, and the folder of the stand-ins. `make clean`
// removes both.
type folders struct{ commands, tools string }

var built = sync.OnceValues(func() (folders, error) {
	dir, err := filepath.Abs("../../.cache/opstest")
	if err != nil {
		return folders{}, err
	}
	f := folders{filepath.Join(dir, "bin"), filepath.Join(dir, "tools")}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", f.commands+string(filepath.Separator),
		"portal-invites/cmd/...")
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

// environment is the environment of a person's shell, with the stand-ins in its PATH. It has nothing of this process.
func environment(t *testing.T, f folders, home string) []string {
	t.Helper()
	return []string{
		"PATH=" + f.tools + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C.UTF-8",
		"GOCOVERDIR=" + t.TempDir(), // or a stand-in built for coverage prints a complaint
	}
}
