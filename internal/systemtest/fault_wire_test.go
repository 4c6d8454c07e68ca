package systemtest

import (
	"context"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// wire is one worker's way to the broker, to the database or to the mail server. It can be cut, go mute or be reset.
type wire struct {
	*toxiproxy.Proxy
}

// newWire starts a proxy in front of a server (host:port).
func newWire(t *testing.T, server string) wire {
	t.Helper()
	w := wire{toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "link",
		"127.0.0.1:0", server)}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return w
}

// toxics are what a toxic does to both directions of a link, by the name of the fault.
var toxics = map[string]string{
	"mute":  `{"name": "NAME", "type": "timeout", "stream": "DIRECTION", "attributes": {"timeout": 0}}`,
	"reset": `{"name": "NAME", "type": "reset_peer", "stream": "DIRECTION", "attributes": {"timeout": 0}}`,
}

// spoil lets a link fail in a way, and returns what mends it.
func (w wire) spoil(t *testing.T, way string) (mend func()) {
	t.Helper()
	if way == "cut" {
		w.Stop()
		return func() {
			if err := w.Start(); err != nil {
				t.Error(err)
			}
		}
	}
	for _, direction := range []string{"upstream", "downstream"} {
		toxic := strings.NewReplacer("NAME", way+direction, "DIRECTION", direction).Replace(toxics[way])
		if _, err := w.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			t.Fatal(err)
		}
	}
	return func() { w.Toxics.ResetToxics(context.WithoutCancel(t.Context())) }
}
