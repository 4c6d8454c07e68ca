package api

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// API_CLIENTS sets how many clients an office imports here, and API_FACTS how many facts of another firm are on their
// way. Both are small by default.
func sizeOf(t *testing.T, variable string, byDefault int) int {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		return byDefault
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		t.Fatalf("%s: must be a number of at least 1", variable)
	}
	return n
}

// An office imports its clients and asks at once who would be invited. An answer without facts_behind includes all of
// them.
func TestACallWaitsForTheFactsBeforeIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	clients := sizeOf(t, "API_CLIENTS", 2000)
	facts := []*nats.Msg{r.scene().Event(events.FirmUpserted, firmData())}
	for n := range clients {
		contact, client := fmt.Sprintf("k%d", n), fmt.Sprintf("c%d", n)
		facts = append(facts,
			r.scene().Event(events.ContactUpserted, testkit.ContactData(contact, "Kay", contact+"@example.com")),
			r.scene().Event(events.ClientUpserted, testkit.ClientData(client, "*"+contact)))
	}
	r.scene().PublishAll(facts...)
	for asked := 1; ; asked++ {
		answer, err := r.client.Explain(r.ctx, acme, ExplainRequest{Selection: &events.Selection{AllClients: true}})
		r.must(err)
		if !answer.FactsBehind.IsZero() {
			continue // the machine is busy, and the answer says that facts are missing
		}
		if answer.Totals.WouldSend != clients {
			t.Errorf("asked %d times: %d would be sent, want %d", asked, answer.Totals.WouldSend, clients)
		}
		return
	}
}

// Many facts of another firm are on their way, and no worker can apply them. A call about acme does not wait for them,
// and its answer is complete.
func TestACallIsNotDelayedByFactsOfOtherFirms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.settled()
	other := r.scene()
	other.Firm = "other"
	facts := make([]*nats.Msg, sizeOf(t, "API_FACTS", 3000))
	for n := range facts {
		contact := fmt.Sprintf("k%d", n)
		facts[n] = other.Event(events.ContactUpserted, testkit.ContactData(contact, "Kay", contact+"@example.com"))
	}
	r.lockContacts()
	for batch := range slices.Chunk(facts, 1000) {
		other.PublishAll(batch...)
		answer, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1"})
		r.must(err)
		if !answer.FactsBehind.IsZero() {
			t.Fatalf("status waits for facts of another firm: facts are missing since %s", answer.FactsBehind)
		}
	}
}

// A fact of acme can't be applied. Calls about acme wait for it, and their answers say that it is missing. Calls about
// another firm, and links, do not wait.
func TestACallDoesNotWaitForOtherFirms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	other := r.scene()
	other.Firm = "other"
	other.UpsertFirm()
	other.UpsertContact("dana", "Dana Wu", "dana@example.com")
	other.UpsertClient("c1", "*dana")
	r.settled()
	held := r.holdFact("Dana Late")

	began := time.Now()
	answer, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1"})
	r.must(err)
	if took := time.Since(began); took < factsPatience || !answer.FactsBehind.Equal(held) {
		t.Errorf("answered after %s, and facts are missing since %s; want since %s", took, answer.FactsBehind, held)
	}
	explained, err := r.client.Explain(r.ctx, acme, ExplainRequest{Selection: &events.Selection{AllClients: true}})
	r.must(err)
	if !explained.FactsBehind.Equal(held) {
		t.Errorf("explain: facts are missing since %s, want since %s", explained.FactsBehind, held)
	}
	began = time.Now()
	elsewhere, err := r.client.Status(r.ctx, "other", StatusRequest{ClientID: "c1"})
	r.must(err)
	if took := time.Since(began); took >= factsPatience || !elsewhere.FactsBehind.IsZero() {
		t.Errorf("of another firm: answered after %s, and facts are missing since %s", took, elsewhere.FactsBehind)
	}
	began = time.Now()
	_, err = r.client.Redeem(r.ctx, acme, RedeemRequest{Token: "no-token"})
	if took := time.Since(began); err != nil || took >= factsPatience {
		t.Errorf("redeeming a link took %s: %v", took, err)
	}
}

// holdFact publishes a fact of acme that no worker can apply before the test ends. It returns the time at which the
// stream stored it.
func (r *rig) holdFact(name string) time.Time {
	r.t.Helper()
	r.lockContacts()
	r.contact("dana", name, "dana@example.com")
	stream, err := r.js.Stream(r.ctx, events.EventsStream)
	r.must(err)
	msg, err := stream.GetLastMsgForSubject(r.ctx, events.Facts.Of(acme))
	r.must(err)
	return msg.Time
}

// lockContacts lets others read the contacts and not write them, until the test ends.
func (r *rig) lockContacts() {
	r.t.Helper()
	tx, err := r.db.Begin(r.ctx)
	r.must(err)
	r.t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(r.ctx)) })
	_, err = tx.Exec(r.ctx, `LOCK TABLE contacts IN EXCLUSIVE MODE`)
	r.must(err)
}
