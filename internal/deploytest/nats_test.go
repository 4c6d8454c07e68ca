package deploytest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The tests run an embedded broker. compose.yaml must run the same version, or the tests prove nothing about it.
func TestComposeRunsTheTestedBroker(t *testing.T) {
	t.Parallel()
	image := parseCompose(t, readFile(t, "compose.yaml")).Services["nats"].Image
	if want := "nats:" + server.VERSION + "-alpine"; image != want {
		t.Errorf("image %q, want %q as in go.mod", image, want)
	}
}

// The broker is started with deploy/nats.conf. Only the ports and the folder are replaced.
func TestBrokerIsDurableAndPassesItsHealthCheck(t *testing.T) {
	t.Parallel()
	options, err := server.ProcessConfigFile(root + "/deploy/nats.conf")
	if err != nil {
		t.Fatalf("deploy/nats.conf: %v", err)
	}
	nats := parseCompose(t, readFile(t, "compose.yaml")).Services["nats"]
	if !options.SyncAlways {
		t.Error("sync_interval is not always: an acknowledged event would not survive a power cut")
	}
	if !strings.Contains(strings.Join(nats.Volumes, " "), "nats-data:"+options.StoreDir) {
		t.Errorf("streams are stored in %s, which is not on any of the volumes %q", options.StoreDir, nats.Volumes)
	}

	check, err := url.Parse(nats.Healthcheck.Test[len(nats.Healthcheck.Test)-1])
	if err != nil {
		t.Fatal(err)
	}
	if check.Port() != "8222" || options.HTTPPort != 8222 {
		t.Errorf("the health check uses port %s, but monitoring listens on %d", check.Port(), options.HTTPPort)
	}

	check.Host = startBroker(t, options)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, check.String(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("GET %s: %s", check.RequestURI(), response.Status)
	}
}

// startBroker starts a server on free ports of the loopback and returns its monitoring address.
func startBroker(t *testing.T, options *server.Options) string {
	t.Helper()
	options.Host, options.Port = "127.0.0.1", server.RANDOM_PORT
	options.HTTPHost, options.HTTPPort = "127.0.0.1", server.RANDOM_PORT
	options.StoreDir = t.TempDir()
	options.NoLog, options.NoSigs = true, true
	broker, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		broker.Shutdown()
		broker.WaitForShutdown()
	})
	broker.Start()
	if !broker.ReadyForConnections(time.Minute) {
		t.Fatal("the broker does not accept connections")
	}
	return broker.MonitorAddr().String()
}
