package events

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/testenv"
)

// In a cluster, a fetch returns its whole batch, though the word that ends it may come before the messages.
//
// Then the messages of the stream are restored from a copy, and the durable is not. The broker leaves the durable ahead
// of the stream, and gives it nothing until the stream has grown past it. Ahead finds it, and SetBack mends it.
func TestACluster(t *testing.T) {
	t.Parallel()
	c := testenv.NewCluster(t)
	connected := func() jetstream.JetStream {
		js := connect(t, c.URL())
		c.WaitForLeaders(js, EventsStream, FactsDurable, InviteDurable, BulkDurable)
		return js
	}
	js := connect(t, c.URL())
	if err := (Topology{Replicas: 3}).Ensure(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		emit(t, js, ClientRemoved)
	}
	js.Conn().Close()
	c.Stop()
	putBack := keepMessages(t, c)

	c.Start()
	js = connected()
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
	c.Stop()
	putBack()

	c.Start()
	js = connected()
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

// keepMessages copies what a stopped cluster has of its streams' messages, without the durables. The function that it
// returns puts that back.
func keepMessages(t *testing.T, c *testenv.Cluster) (putBack func()) {
	t.Helper()
	files := map[string][]byte{}
	eachFileOfMessages(t, c, func(path string) (err error) {
		files[path], err = os.ReadFile(path)
		return err
	})
	return func() {
		eachFileOfMessages(t, c, os.Remove)
		for path, data := range files {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// eachFileOfMessages does something with each file that has a stream's messages or the log of its replicas.
func eachFileOfMessages(t *testing.T, c *testenv.Cluster, do func(path string) error) {
	t.Helper()
	for _, folder := range c.Folders {
		if err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.Contains(path, "/msgs/") && !strings.Contains(path, "/_js_/S-") {
				return err
			}
			return do(path)
		}); err != nil {
			t.Fatal(err)
		}
	}
}
