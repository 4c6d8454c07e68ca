package pipelinetest

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// Office publishes a small firm: clients c0…, each with its own Primary contact k0…. The contact of c1 has no email.
func (r *Rig) Office(clients int) {
	r.TB.Helper()
	r.UpsertFirm()
	var facts []*nats.Msg
	for n := range clients {
		email := fmt.Sprintf("k%d@example.com", n)
		if n == 1 {
			email = ""
		}
		id := fmt.Sprintf("k%d", n)
		facts = append(facts,
			r.Event(events.ContactUpserted, testkit.ContactData(id, "Kay "+id, email)),
			r.Event(events.ClientUpserted, testkit.ClientData(fmt.Sprintf("c%d", n), "*"+id)))
	}
	r.PublishAll(facts...)
}

// NewOffice makes a rig on which the facts of an office are applied and no worker runs.
func NewOffice(t *testing.T, clients int) *Rig {
	t.Helper()
	r := New(t)
	stop := r.StartInvites()
	r.Office(clients)
	r.Handled(events.FactsDurable)
	stop()
	return r
}
