package events

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/testenv"
)

// cluster is three brokers whose streams have three replicas.
type cluster struct {
	folders [3]string
	routes  [3]string // host:port
	brokers []*server.Server
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{}
	for i := range c.folders {
		c.folders[i], c.routes[i] = t.TempDir(), testenv.FreeAddress(t)
	}
	c.start(t)
	t.Cleanup(c.stop)
	return c
}

func (c *cluster) start(t *testing.T) {
	t.Helper()
	var routes []*url.URL
	for _, route := range c.routes {
		routes = append(routes, &url.URL{Scheme: "nats", Host: route})
	}
	for i, folder := range c.folders {
		host, port := testenv.SplitAddress(t, c.routes[i])
		broker, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprintf("broker-%d", i), Host: "127.0.0.1", Port: server.RANDOM_PORT,
			JetStream: true, StoreDir: folder, NoSigs: true, NoLog: true, Routes: routes,
			Cluster: server.ClusterOpts{Name: "test", Host: host, Port: port},
		})
		if err != nil {
			t.Fatal(err)
		}
		broker.Start()
		c.brokers = append(c.brokers, broker)
	}
	eventually(t, "the brokers are a cluster", func() bool { return c.brokers[0].JetStreamIsClustered() })
	eventually(t, "every broker is up to date", func() bool {
		for _, broker := range c.brokers {
			if !broker.JetStreamIsCurrent() {
				return false
			}
		}
		return true
	})
}

// connect waits until the streams that are there have leaders, and so has each durable.
func (c *cluster) connect(t *testing.T) jetstream.JetStream {
	t.Helper()
	js := connect(t, c.brokers[0].ClientURL())
	eventually(t, "the stream and its durables have leaders", func() bool {
		if !c.any(func(b *server.Server) bool {
			return b.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, EventsStream)
		}) {
			return false
		}
		for _, name := range []string{FactsDurable, InviteDurable, BulkDurable} {
			if !c.any(func(b *server.Server) bool {
				return b.JetStreamIsConsumerLeader(server.DEFAULT_GLOBAL_ACCOUNT, EventsStream, name)
			}) {
				return false
			}
		}
		return true
	})
	return js
}

func (c *cluster) any(is func(*server.Server) bool) bool { return slices.ContainsFunc(c.brokers, is) }

func (c *cluster) stop() {
	for _, broker := range c.brokers {
		broker.Shutdown()
	}
	for _, broker := range c.brokers {
		broker.WaitForShutdown()
	}
	c.brokers = nil
}

// ofTheStream says whether a path below a broker's folder belongs to a stream's messages, and not to a durable.
func ofTheStream(path string) bool {
	return strings.Contains(path, "/msgs/") || strings.Contains(path, "/_js_/S-")
}

// keep copies what the brokers have of their streams' messages. The function that it returns puts that back.
func (c *cluster) keep(t *testing.T) (putBack func()) {
	t.Helper()
	files := map[string][]byte{}
	c.each(t, func(path string) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = data
	})
	return func() {
		c.each(t, func(path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		})
		for path, data := range files {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (c *cluster) each(t *testing.T, do func(path string)) {
	t.Helper()
	for _, folder := range c.folders {
		if err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && ofTheStream(path) {
				do(path)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// In a cluster, a fetch returns its whole batch, though the word that ends it may come before the messages.
//
// Then the messages of the stream are restored from a copy, and the durable is not. The broker leaves the durable ahead
// of the stream, and gives it nothing until the stream has grown past it. Ahead finds it, and SetBack mends it.
func TestACluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	js := connect(t, c.brokers[0].ClientURL())
	if err := (Topology{Replicas: 3}).Ensure(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		emit(t, js, ClientRemoved)
	}
	js.Conn().Close()
	c.stop()
	putBack := c.keep(t)

	c.start(t)
	js = c.connect(t)
	for range 6 {
		emit(t, js, ClientRemoved)
	}
	batch, err := open(t, js, FactsDurable).Fetch(t.Context(), 10)
	if err != nil || len(batch) != 10 {
		t.Fatalf("%d messages were fetched, %v; want all ten at once", len(batch), err)
	}
	Ack(batch)
	eventually(t, "the acknowledgements are known", func() bool {
		return durable(t, js, FactsDurable).AckFloor.Stream == 10
	})
	js.Conn().Close()
	c.stop()
	putBack()

	c.start(t)
	js = c.connect(t)
	if ahead, err := Ahead(t.Context(), js); err != nil || ahead[FactsDurable] != 10 {
		t.Fatalf("ahead: %v, %v; want %s at 10", ahead, err, FactsDurable)
	}
	if at := emit(t, js, ClientRemoved); at != 5 {
		t.Fatalf("the stream went on at %d, want 5", at)
	}
	if err := SetBack(t.Context(), js, 5); err != nil {
		t.Fatal(err)
	}
	mustBe(t, fetch(t, open(t, js, FactsDurable), 1), 5)
	if ahead, err := Ahead(t.Context(), js); err != nil || len(ahead) != 0 {
		t.Errorf("ahead: %v, %v; want none", ahead, err)
	}
}
