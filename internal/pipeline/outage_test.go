package pipeline_test

import (
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/pipelinetest"
	"portal-invites/internal/standalone"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

func TestTheBrokerGoesAwayInTheMiddle(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broker, err := standalone.StartBroker(standalone.BrokerConfig{Dir: dir, Ephemeral: true}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broker.Stop() })
	address, err := url.Parse(broker.URL())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(broker.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	r := &rig{pipelinetest.On(t, nc)}
	r.StartBoth()
	r.Office(40)
	id := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Invite("c0", testkit.Added("one@example.com", "One"))
	for _, mails := range []int{5, 15} {
		if _, err := r.Mailbox.Wait(r.Ctx, mails); err != nil {
			t.Fatal(err)
		}
		broker.Stop()
		// Mails go on leaving, because decided invites need no broker.
		if _, err := r.Mailbox.Wait(r.Ctx, mails+5); err != nil {
			t.Fatal(err)
		}
		again := standalone.BrokerConfig{Dir: dir, Port: port, Ephemeral: true}
		if broker, err = standalone.StartBroker(again, zerolog.Nop()); err != nil {
			t.Fatal(err)
		}
	}
	r.Settled()
	r.Invite("c0", testkit.Added("two@example.com", "Two"))
	r.Settled()
	if o := r.Completed(id); o.Selected != 40 || o.Sent != 39 {
		t.Errorf("completed: %s", o.Raw)
	}
	if mails := len(r.Mailbox.Messages()); mails != 41 {
		t.Errorf("%d mails, want 41", mails)
	}
}

func TestTheDatabaseDropsItsConnectionsAgainAndAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.Office(40)
	id := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Invite("c0", testkit.Added("one@example.com", "One"))
	for mails := 2; mails <= 38; mails += 4 {
		if _, err := r.Mailbox.Wait(r.Ctx, mails); err != nil {
			t.Fatal(err)
		}
		_, err := r.DB.Exec(r.Ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'portal-invites'`)
		r.Must(err)
	}
	r.Settled()
	if o := r.Completed(id); o.Selected != 40 || o.Sent != 39 {
		t.Errorf("completed: %s", o.Raw)
	}
	if mails := len(r.Mailbox.Messages()); mails != 40 {
		t.Errorf("%d mails, want 40: the results are recorded once the database is back", mails)
	}
}

// The answers to the commits of a page, a claim and results get lost. The worker can't know that the database has
// committed.
func TestAnswersToCommitsGetLost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lossy := testenv.NewLossyProxy(t, r.DatabaseURL, "INSERT INTO requests", "INSERT INTO invites", "INSERT INTO attempts",
		"UPDATE attempts SET finished_at")
	var err error
	r.Store, err = store.Open(r.Ctx, lossy.URL, 20)
	r.Must(err)
	t.Cleanup(r.Store.Close)
	r.StartBoth()
	r.Office(30)
	id := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	for _, name := range []string{"a", "b", "c", "d"} {
		r.Invite("c0", testkit.Added(name+"@example.com", name))
	}
	r.Settled()
	if o := r.Completed(id); o.Selected != 30 || o.Sent != 29 {
		t.Errorf("completed: %s", o.Raw)
	}
	if mails := len(r.Mailbox.Messages()); mails != 33 {
		t.Errorf("%d mails, want 33", mails)
	}
	if left := lossy.Untouched(); len(left) > 0 {
		t.Errorf("the answers to %v did not get lost", left)
	}
}
