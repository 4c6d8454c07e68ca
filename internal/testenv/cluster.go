package testenv

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// clusterPatience is how long a cluster may take to elect its leaders. A busy machine needs many elections.
const clusterPatience = time.Minute

// Cluster is three brokers with JetStream, for streams with three replicas.
type Cluster struct {
	Folders [3]string // of their storage

	tb      testing.TB
	routes  [3]string // host:port of the brokers' connections to each other
	clients [3]string // host:port for clients
	brokers [3]*server.Server
}

// NewCluster starts a cluster for this test alone.
func NewCluster(tb testing.TB) *Cluster {
	tb.Helper()
	c := &Cluster{tb: tb}
	for i := range c.Folders {
		dir, err := newFolder()
		if err != nil {
			tb.Fatalf("testenv: %v", err)
		}
		tb.Cleanup(func() { _ = os.RemoveAll(dir) })
		c.Folders[i], c.routes[i], c.clients[i] = dir, FreeAddress(tb), FreeAddress(tb)
	}
	tb.Cleanup(c.Stop)
	c.Start()
	return c
}

// URL is the cluster's NATS_URL.
func (c *Cluster) URL() string {
	urls := make([]string, len(c.clients))
	for i, client := range c.clients {
		urls[i] = "nats://" + client
	}
	return strings.Join(urls, ",")
}

// Start starts the brokers that do not run, and waits until all three are up to date.
func (c *Cluster) Start() {
	c.tb.Helper()
	for i, broker := range c.brokers {
		if broker == nil {
			c.brokers[i] = c.startOne(i)
		}
	}
	Eventually(c.tb, clusterPatience, func() error {
		for _, broker := range c.brokers {
			if !broker.JetStreamIsClustered() || !broker.JetStreamIsCurrent() {
				return fmt.Errorf("%s is not up to date", broker.Name())
			}
		}
		return nil
	})
}

func (c *Cluster) startOne(i int) *server.Server {
	c.tb.Helper()
	routes := make([]*url.URL, len(c.routes))
	for i, route := range c.routes {
		routes[i] = &url.URL{Scheme: "nats", Host: route}
	}
	host, port := SplitAddress(c.tb, c.clients[i])
	clusterHost, clusterPort := SplitAddress(c.tb, c.routes[i])
	broker, err := server.NewServer(&server.Options{
		ServerName: fmt.Sprintf("broker-%d", i), Host: host, Port: port,
		JetStream: true, StoreDir: c.Folders[i], NoSigs: true, NoLog: true,
		Cluster: server.ClusterOpts{Name: "test", Host: clusterHost, Port: clusterPort}, Routes: routes,
	})
	if err != nil {
		c.tb.Fatalf("testenv: %v", err)
	}
	broker.Start()
	return broker
}

// Stop stops the brokers that run.
func (c *Cluster) Stop() {
	for _, broker := range c.brokers {
		if broker != nil {
			broker.Shutdown()
		}
	}
	for i, broker := range c.brokers {
		if broker != nil {
			broker.WaitForShutdown()
		}
		c.brokers[i] = nil
	}
}

// StopLeader stops the broker that leads a stream.
func (c *Cluster) StopLeader(stream string) {
	c.tb.Helper()
	var i int
	Eventually(c.tb, clusterPatience, func() error {
		i = slices.IndexFunc(c.brokers[:], func(b *server.Server) bool {
			return b != nil && b.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream)
		})
		if i < 0 {
			return fmt.Errorf("stream %s has no leader", stream)
		}
		return nil
	})
	c.brokers[i].Shutdown()
	c.brokers[i].WaitForShutdown()
	c.brokers[i] = nil
}

// WaitForLeaders waits until a stream and each of its durables have a leader.
func (c *Cluster) WaitForLeaders(js jetstream.JetStream, stream string, durables ...string) {
	c.tb.Helper()
	Eventually(c.tb, clusterPatience, func() error {
		if _, err := js.Stream(c.tb.Context(), stream); err != nil {
			return err
		}
		for _, durable := range durables {
			if _, err := js.Consumer(c.tb.Context(), stream, durable); err != nil {
				return err
			}
		}
		return nil
	})
}
