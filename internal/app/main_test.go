package app

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"portal-invites/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// patience is how long a test waits for something that must happen.
const patience = time.Minute

// testBroker is a broker that a test configures.
type testBroker struct {
	*server.Server
	t       *testing.T
	file    string
	address string
}

// runBroker starts a broker with a configuration.
func runBroker(t *testing.T, configuration string) testBroker {
	t.Helper()
	b := testBroker{t: t, file: filepath.Join(t.TempDir(), "nats.conf")}
	b.write(configuration)
	options, err := server.ProcessConfigFile(b.file)
	if err != nil {
		t.Fatal(err)
	}
	options.NoLog, options.NoSigs = true, true
	if b.Server, err = server.NewServer(options); err != nil {
		t.Fatal(err)
	}
	b.Start()
	t.Cleanup(func() {
		b.Shutdown()
		b.WaitForShutdown()
	})
	if !b.ReadyForConnections(patience) {
		t.Fatal("the broker does not start")
	}
	b.address = b.Addr().String()
	return b
}

func (b testBroker) write(configuration string) {
	b.t.Helper()
	write(b.t, b.file, fmt.Sprintf("listen: \"127.0.0.1:-1\"\njetstream { store_dir: %q }\n%s\n",
		filepath.Dir(b.file), configuration))
}

// reload gives the running broker another configuration.
func (b testBroker) reload(configuration string) {
	b.t.Helper()
	b.write(configuration)
	if err := b.Reload(); err != nil {
		b.t.Fatal(err)
	}
}

func write(t *testing.T, file, content string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
