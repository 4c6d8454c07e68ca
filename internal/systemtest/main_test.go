package systemtest

import (
	"cmp"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"portal-invites/internal/testenv"
)

// parallelTests is how many tests of this package run at the same time. They wait for processes more than they compute.
const parallelTests = "5"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", cmp.Or(os.Getenv(atOnceVariable), parallelTests)); err != nil {
		panic(err)
	}
	testenv.Main(m, stuckInToxiproxy...)
}

// stuckInToxiproxy are functions in which toxiproxy 2.12.0 may wait for ever after a link was cut while it was mute:
// its stages hand data on by channels, and one may have ended before another.
var stuckInToxiproxy = []string{
	"github.com/Shopify/toxiproxy/v2.(*ToxicLink).read",
	"github.com/Shopify/toxiproxy/v2.(*ToxicLink).write",
	"github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run",
}

// built builds the commands when the first test needs them, and returns their folder. They are built without the race
// detector: rendering mails is many times slower with it, and the packages' own tests use it. `make clean` removes the
// folder.
var built = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("../../.cache/systemtest")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator),
		"portal-invites/cmd/invite-worker", "portal-invites/cmd/bulk-worker")
	build.Stderr = os.Stderr
	return dir, build.Run()
})

func binary(t *testing.T, name string) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatalf("build the commands: %v", err)
	}
	return filepath.Join(dir, name)
}
