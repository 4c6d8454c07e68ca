package rolestest

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/testenv"
)

const (
	files    = "../../deploy/nats/"
	password = "correct-horse-battery"
	patience = time.Minute
)

// TestMain sets the passwords that the files take from the environment.
func TestMain(m *testing.M) {
	users := append(roles(), "admin", "upstream-zenith", "portal-zenith", "office-zenith", "dashboard-zenith")
	for _, user := range users {
		name := "PORTAL_" + strings.ToUpper(strings.ReplaceAll(user, "-", "_")) + "_PASSWORD"
		if err := os.Setenv(name, password); err != nil {
			panic(err)
		}
	}
	testenv.Main(m)
}

// roles are the users of the files, in the order of the page's table.
func roles() []string {
	return []string{
		"upstream-acme", "upstream", "portal-acme", "office-acme", "dashboard-acme", "reporter", "ops", "dashboard",
		"worker",
	}
}

// eachFile runs a test on a broker with each of the files. Only the ports and the folder are replaced.
func eachFile(t *testing.T, test func(t *testing.T, b broker)) {
	t.Helper()
	for _, file := range []string{"one-account.conf", "accounts.conf"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			test(t, start(t, file))
		})
	}
}

type broker struct{ address string }

func start(t *testing.T, file string) broker {
	t.Helper()
	options, err := server.ProcessConfigFile(files + file)
	if err != nil {
		t.Fatal(err)
	}
	options.Host, options.Port, options.HTTPPort = "127.0.0.1", server.RANDOM_PORT, 0
	options.StoreDir, options.SyncAlways = t.TempDir(), false
	options.NoLog, options.NoSigs = true, true
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the broker does not start")
	}
	return broker{s.Addr().String()}
}

func (b broker) url(role string) string { return "nats://" + role + ":" + password + "@" + b.address }

// as connects with a role, as NATS_INBOX_PREFIX says.
func (b broker) as(t *testing.T, role string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(b.url(role), nats.CustomInboxPrefix("_INBOX."+role), nats.Name(role),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // many tries are denied
	if err != nil {
		t.Fatalf("%s: %v", role, err)
	}
	t.Cleanup(nc.Close)
	return nc
}
