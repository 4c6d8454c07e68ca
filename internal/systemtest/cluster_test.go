package systemtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// The brokers are a cluster, and the one that leads the stream of events stops in the middle of a run. Every contact
// has one outcome and one mail, and the run completes while that broker is away. Afterwards it comes back.
func TestARunOnAClusterOfThree(t *testing.T) {
	t.Parallel()
	const n = 400
	cluster := testenv.NewCluster(t)
	nc, err := nats.Connect(cluster.URL(), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	s := sceneOn(t, testkit.On(t, nc))
	s.env = s.env.with("NATS_URL="+cluster.URL(), "NATS_REPLICAS=3")
	for _, name := range []string{"invite-worker", "bulk-worker"} {
		run(t, s.env, name).says("worker is ready")
	}
	s.publishOffice(n)
	s.Publish(events.BulkInviteRequested, testkit.BulkAll())
	testenv.Eventually(t, 2*time.Minute, func() error {
		if s.count(`SELECT count(*) FROM runs WHERE sent > 0`) == 0 {
			return fmt.Errorf("nobody of the run has been mailed yet")
		}
		return nil
	})
	cluster.StopLeader(events.EventsStream)
	testenv.Eventually(t, 5*time.Minute, func() error {
		if s.count(`SELECT count(*) FROM runs WHERE completed_at IS NOT NULL AND NOT EXISTS (SELECT FROM outbox)`) == 0 {
			return fmt.Errorf("the run is not complete, or its outcomes are not published")
		}
		return nil
	})
	cluster.Start()
	s.checkKilledRun(n, 0)
}
