package console_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/api"
	"portal-invites/internal/console/identity"
	"portal-invites/internal/console/line"
	"portal-invites/internal/console/pages"
	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// gate is the way to the broker. While it is shut, every connection ends at once.
type gate struct {
	net.Listener
	broker string

	mu    sync.Mutex // guards the rest
	shut  bool
	conns []net.Conn
	going sync.WaitGroup
}

func newGate(t *testing.T, broker string) *gate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{Listener: listener, broker: strings.TrimPrefix(broker, "nats://")}
	g.going.Go(g.serve)
	t.Cleanup(func() {
		_ = listener.Close()
		g.set(true)
		g.going.Wait()
	})
	return g
}

func (g *gate) serve() {
	for {
		client, err := g.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			g.join(client)
		}
	}
}

func (g *gate) join(client net.Conn) {
	broker, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", g.broker)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil || g.shut {
		_ = client.Close()
		if err == nil {
			_ = broker.Close()
		}
		return
	}
	g.conns = append(g.conns, client, broker)
	for _, way := range [][2]net.Conn{{client, broker}, {broker, client}} {
		g.going.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = way[0].Close()
		})
	}
}

// set shuts the gate, which ends all connections, or opens it.
func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	if !shut {
		return
	}
	for _, conn := range g.conns {
		_ = conn.Close()
	}
	g.conns = nil
}

// behindGate serves a console that reaches the broker by a gate only, and returns the link that logs in to it.
func (r *rig) behindGate(g *gate) (base, link string) {
	r.t.Helper()
	listener, base := listen(r.t)
	source := identity.NewLink(base, identity.Who{Name: "Nora Whitfield", EveryFirm: true, Ops: true}, nil, nil)
	dial := func() (*nats.Conn, error) {
		return nats.Connect("nats://"+g.Addr().String(), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1),
			nats.ReconnectWait(50*time.Millisecond), nats.ReconnectJitter(time.Millisecond, time.Millisecond))
	}
	r.serve(listener, pages.Config{Lines: line.New(nil, dial), Source: source, LoginBy: pages.ByLink})
	return base, source.URL()
}

// While the broker is away, a banner says so, the page keeps its last numbers, and nothing can be started. When the
// broker is back, the banner goes by itself, and the numbers are exact, without anybody loading the page.
func TestTheBrokerGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	r := newRig(t)
	r.office()
	client := api.NewClient(r.NC)
	pause := api.PausesRequest{Action: api.PauseFirm, FirmID: firm, Reason: "the list is looked at", By: "Sam"}
	_, err := client.Pauses(r.Ctx, api.AllFirms, pause)
	r.Must(err)
	event := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	run := r.runUntil(event, func(run api.Run) bool { return run.State == api.Sending && run.Pending == 2 })
	way := newGate(t, r.NC.ConnectedUrl())
	base, link := r.behindGate(way)
	says := func(label string) string {
		return "document.querySelector('svg.bar').getAttribute('aria-label') === " + quoted(label)
	}
	b.open(link)
	b.open(base + "/f/acme/runs/" + run.RunID.String())
	b.wait(says("4 selected: 0 sent, 2 skipped, 0 failed, 2 pending"))
	b.wait("document.getElementById('away').hidden && !document.querySelector('[data-starts]').disabled")
	eval[any](b, "window.same = true; 0")

	way.set(true)
	b.wait("!document.getElementById('away').hidden")
	b.waitText("No connection since")
	b.wait("[...document.querySelectorAll('[data-starts]')].every((e) => e.disabled)")
	b.wait(says("4 selected: 0 sent, 2 skipped, 0 failed, 2 pending"))
	pause.Action = api.ResumeFirm
	_, err = client.Pauses(r.Ctx, api.AllFirms, pause)
	r.Must(err)
	r.runOf(event) // it completes meanwhile

	way.set(false)
	b.wait("document.getElementById('away').hidden")
	b.wait(says("4 selected: 2 sent, 2 skipped, 0 failed, 0 pending"))
	b.waitText("Done")
	if !eval[bool](b, "window.same === true") {
		t.Error("the page was loaded anew")
	}
}
