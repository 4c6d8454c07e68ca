package pipeline_test

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/pipelinetest"
	"portal-invites/internal/standalone"
	"portal-invites/internal/testkit"
)

// oldBroker is a broker whose folder a test copies, and puts back later.
type oldBroker struct {
	*rig
	dir, copied string
	port        int
	server      *standalone.Broker
}

func newOldBroker(t *testing.T) *oldBroker {
	t.Helper()
	b := &oldBroker{dir: t.TempDir(), copied: t.TempDir()}
	var err error
	b.server, err = standalone.StartBroker(standalone.BrokerConfig{Dir: b.dir, Ephemeral: true}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.server.Stop() })
	address, err := url.Parse(b.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	if b.port, err = strconv.Atoi(address.Port()); err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(b.server.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	b.rig = &rig{pipelinetest.On(t, nc)}
	return b
}

// restart stops the broker, does something with its folder, and starts it again. It returns once the connection is
// there again: an event that is published on the lost one is never answered.
func (b *oldBroker) restart(then func()) {
	b.TB.Helper()
	before := b.NC.Stats().Reconnects
	b.server.Stop()
	then()
	var err error
	b.server, err = standalone.StartBroker(
		standalone.BrokerConfig{Dir: b.dir, Port: b.port, Ephemeral: true}, zerolog.Nop())
	b.Must(err)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for b.NC.Stats().Reconnects == before {
		select {
		case <-tick.C:
		case <-b.Ctx.Done():
			b.TB.Fatal("the connection to the broker does not come back")
		}
	}
}

func (b *oldBroker) copyFolder() { b.Must(os.CopyFS(b.copied, os.DirFS(b.dir))) }

func (b *oldBroker) putBack() {
	b.Must(os.RemoveAll(b.dir))
	b.Must(os.CopyFS(b.dir, os.DirFS(b.copied)))
}

// putMessagesBack puts the messages of the stream back, and leaves its durables as they are.
func (b *oldBroker) putMessagesBack() {
	const messages = "/jetstream/$G/streams/PORTAL_EVENTS/msgs"
	b.Must(os.RemoveAll(b.dir + messages))
	b.Must(os.CopyFS(b.dir+messages, os.DirFS(b.copied+messages)))
}

// The folder of the broker is copied. Fifty events later, it is put back. What is published from then on has the
// sequences of the lost events, and must count as newer than those.
func TestTheStreamWentBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		running  bool // the workers run all the time
		more     int  // events that are published before the workers look
		durables bool // only the messages are put back: the durables are ahead of the stream
	}{
		"while the workers were stopped":                   {},
		"while the workers run":                            {running: true},
		"while they were stopped, and grew past the mark":  {more: 60},
		"while the workers run, and grows past the mark":   {running: true, more: 60},
		"while they were stopped, and is just at the mark": {more: 50 - newEvents},
		"without its durables":                             {durables: true},
		"without its durables, while the workers run":      {running: true, durables: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newOldBroker(t)
			seen := &lastStreamState{}
			start := func() (stop func()) {
				cfg := b.Config()
				cfg.Observer = seen
				stopInvites, stopBulk := b.StartWorker(pipeline.NewInviteWorker(cfg)), b.StartBulk()
				return func() { stopInvites(); stopBulk() }
			}
			stop := start()
			b.UpsertFirm()
			b.UpsertContact("gone", "Gone", "gone@example.com")
			for _, id := range []string{"stays", "leaves", "returns"} {
				b.UpsertContact(id, id, id+"@example.com")
				b.UpsertClient("of-"+id, "*"+id)
			}
			b.grant("leaves")
			b.Settled()
			b.restart(b.copyFolder)
			b.publishLost()
			b.Settled()
			if !c.running {
				stop()
			}
			if c.durables {
				b.restart(b.putMessagesBack)
			} else {
				b.restart(b.putBack)
			}
			b.publishNew()
			for i := range c.more {
				b.UpsertContact(fmt.Sprint("more", i), "More", fmt.Sprintf("more%d@example.com", i))
			}
			if !c.running {
				start()
			}
			b.Settled()
			b.checkNew()
			b.Reset(testkit.Durables()...) // redelivered facts stay as old as they are
			b.Settled()
			b.checkNew()
			if n := b.Log.Lines(`"first_sequence":10`, "the stream of events went back"); n != 1 {
				t.Errorf("%d lines of the log tell of it", n)
			}
			if state := seen.last(); state.Epochs != 2 || len(state.Ahead) != 0 || time.Since(state.WentBack) > time.Hour {
				t.Errorf("observed: %+v", state)
			}
		})
	}
}

func (b *oldBroker) grant(contact string) {
	b.TB.Helper()
	b.Publish(events.PortalAccessGranted,
		testkit.Object{"client_id": "of-" + contact, "contact_id": contact, "granted_at": time.Now()})
}

// publishLost publishes fifty events that the stream will lose.
func (b *oldBroker) publishLost() {
	b.TB.Helper()
	for i := range 10 {
		for _, id := range []string{"stays", "leaves", "returns"} {
			b.UpsertContact(id, id, fmt.Sprintf("lost%d@example.com", i))
		}
		b.UpsertClient("of-stays", "*leaves")
	}
	for range 5 {
		b.Publish(events.ContactRemoved, testkit.Object{"contact_id": "returns"})
		b.Publish(events.ContactRemoved, testkit.Object{"contact_id": "gone"})
	}
}

// newEvents is how many events publishNew publishes.
const newEvents = 7

func (b *oldBroker) publishNew() {
	b.TB.Helper()
	b.Publish(events.ContactRemoved, testkit.Object{"contact_id": "leaves"})
	b.UpsertContact("stays", "Stays", "new@example.com")
	b.UpsertContact("returns", "Returns", "returned@example.com")
	b.UpsertClient("of-returns", "*returns")
	b.UpsertClient("of-stays", "*stays")
	b.grant("returns")
	b.Invite("of-stays", testkit.Contact("stays"))
}

func (b *oldBroker) checkNew() {
	b.TB.Helper()
	got := map[string]string{}
	rows, err := b.DB.Query(b.Ctx, `SELECT person, state FROM access`)
	b.Must(err)
	for rows.Next() {
		var person, state string
		b.Must(rows.Scan(&person, &state))
		got[strings.TrimPrefix(person, "contact:")] = state
	}
	b.Must(rows.Err())
	want := map[string]string{"stays": "invited", "leaves": "removed", "returns": "active"}
	if !maps.Equal(got, want) {
		b.TB.Errorf("access is %v, want %v", got, want)
	}
	for id, want := range map[string]string{
		"stays": "new@example.com false", "returns": "returned@example.com false",
		"gone": " true", // the old fact about it is still there, and stays older than the lost removal
	} {
		row := testkit.Query[string](b.Scene, `SELECT email || ' ' || removed FROM contacts WHERE contact_id = $1`, id)
		if row != want {
			b.TB.Errorf("%s is %q, want %q", id, row, want)
		}
	}
	if mails := b.Mailbox.Messages(); len(mails) != 1 || mails[0].To[0] != "new@example.com" {
		b.TB.Errorf("mails: %v", mails)
	}
}

// lastStreamState keeps what an Observer is told about the stream.
type lastStreamState struct {
	pipeline.Unwatched
	state atomic.Pointer[pipeline.StreamState]
}

// StreamCompared is of pipeline.Observer.
func (l *lastStreamState) StreamCompared(state pipeline.StreamState) { l.state.Store(&state) }

func (l *lastStreamState) last() pipeline.StreamState { return *l.state.Load() }
