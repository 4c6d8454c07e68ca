package deliver_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/decide"
	"portal-invites/internal/pipeline/deliver"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/pipelinetest"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

func TestMain(m *testing.M) { testenv.Main(m) }

type rig struct{ *pipelinetest.Rig }

func newRig(t *testing.T) *rig {
	t.Helper()
	return &rig{pipelinetest.New(t)}
}

func newOffice(t *testing.T, clients int) *rig {
	t.Helper()
	return &rig{pipelinetest.NewOffice(t, clients)}
}

// byHand makes an invite-worker whose parts a test runs by hand. Its delivery accepts jobs.
func (r *rig) byHand(cfg pipeline.Config) (pipeline.Parts, *deliver.Delivery) {
	r.TB.Helper()
	p := r.ByHand(store.IndividualLane, cfg)
	r.TB.Cleanup(p.Delivery.Close)
	p.Delivery.Begin()
	return p, p.Delivery
}

// decide decides requests by hand. The delivery may begin to send their invites.
func (r *rig) decide(p pipeline.Parts, requests ...events.Delivery) error {
	r.TB.Helper()
	return r.decideBy(decide.Decider{Ledger: p.Ledger, Sender: p.Senders}, requests)
}

// queue decides requests by hand, and puts their invites into the queue.
func (r *rig) queue(p pipeline.Parts, requests ...events.Delivery) {
	r.TB.Helper()
	r.Must(r.decideBy(decide.Decider{Ledger: p.Ledger, Sender: nobodyNow{}}, requests))
}

func (r *rig) decideBy(d decide.Decider, requests []events.Delivery) error {
	r.TB.Helper()
	_, err := d.Handle(r.Ctx, r.Barrier(), requests)
	return err
}

// nobodyNow is a sender that sends no invite at once.
type nobodyNow struct{}

func (nobodyNow) SendNow(
	_ context.Context, _ map[string]int, decide func(ledger.Room) ([]ledger.Job, error),
) error {
	_, err := decide(nil)
	return err
}

// request publishes a request that invites k<n> on c<n>, and takes it from its durable.
func (r *rig) request(n int, more ...testkit.Object) events.Delivery {
	r.TB.Helper()
	r.Invite(fmt.Sprintf("c%d", n), append([]testkit.Object{testkit.Contact(fmt.Sprintf("k%d", n))}, more...)...)
	taken := r.Taken(events.InviteDurable, 1)
	events.Ack(taken)
	return taken[0]
}

// inFlight counts the invites whose rows are as after a claim by this worker: being sent, with the first attempt under
// way.
func (r *rig) inFlight(worker uuid.UUID) int {
	r.TB.Helper()
	return testkit.Query[int](r.Scene, `SELECT count(*) FROM invites i JOIN attempts a USING (invite_id, attempt)
		WHERE i.state = 'sending' AND i.worker_id = $1 AND i.attempt = 1 AND i.next_attempt_at IS NULL AND i.slot_at IS NULL
		  AND a.worker_id = $1 AND a.verdict = '' AND a.finished_at IS NULL AND a.started_at >= i.decided_at
		AND a.message_id <> ''`, worker)
}

func (r *rig) inState(state store.State) int {
	r.TB.Helper()
	return testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE state = $1`, state)
}

// announce publishes the outcomes of a worker by hand.
func (r *rig) announce(p pipeline.Parts) {
	r.TB.Helper()
	ended, end := context.WithCancel(r.Ctx)
	end()
	r.Must(p.Announcer.Run(ended)) // its context has ended, so it publishes what is left and returns
}
