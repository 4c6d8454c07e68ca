package pipeline_test

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// Every recipient of every request has one invite and one outcome, whatever the firm's facts and requests are, in
// whatever order and however often they are delivered. Settled checks what else must always hold.
func TestEveryRecipientOfEveryRequestHasOneOutcome(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	firms := 0
	rapid.Check(t, func(rt *rapid.T) {
		firms++
		o := &drawnOffice{rig: r, t: rt, firm: fmt.Sprintf("firm%d", firms)}
		o.facts()
		o.requests()
		again := rapid.Permutation(o.asked).Draw(rt, "again")
		r.PublishAll(o.asked...)
		r.PublishAll(again[:rapid.IntRange(0, len(again)).Draw(rt, "how many again")]...)
		r.Settled()
		for id, want := range o.recipients {
			got := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites JOIN requests USING (request_id)
				WHERE event_id = $1`, id)
			if got != want {
				rt.Errorf("request %s named %d recipients, and has %d invites", id, want, got)
			}
		}
		if r.TB.Failed() {
			rt.FailNow()
		}
	})
}

// drawnOffice is a firm with few clients and contacts, so that conflicts are likely.
type drawnOffice struct {
	rig        *rig
	t          *rapid.T
	firm       string
	primaries  map[string][]string // active clients and their contacts
	asked      []*nats.Msg
	recipients map[string]int // by the event's id
}

var (
	someContact = rapid.SampledFrom([]string{"k1", "k2", "k3", "k4", "k5"})
	someClient  = rapid.SampledFrom([]string{"c1", "c2", "c3", "c4"})
	someEmail   = rapid.SampledFrom([]string{"one@example.com", "Two@example.com", "two@EXAMPLE.com ", "", "no address",
		"three@example.com"})
)

func (o *drawnOffice) event(t events.Type, data testkit.Object) *nats.Msg {
	scene := o.rig.Scene
	scene.Firm = o.firm
	return scene.Event(t, data)
}

func (o *drawnOffice) facts() {
	facts := []*nats.Msg{o.event(events.FirmUpserted, testkit.FirmData())}
	o.primaries = map[string][]string{}
	for range rapid.IntRange(0, 8).Draw(o.t, "contacts") {
		facts = append(facts, o.event(events.ContactUpserted,
			testkit.ContactData(someContact.Draw(o.t, "contact"), "Kay", someEmail.Draw(o.t, "email"))))
	}
	for range rapid.IntRange(1, 5).Draw(o.t, "clients") {
		id := someClient.Draw(o.t, "client")
		on := rapid.SliceOfNDistinct(someContact, 0, 4, rapid.ID[string]).Draw(o.t, "on it")
		var list []string
		for _, contact := range on {
			list = append(list, rapid.SampledFrom([]string{"*", ""}).Draw(o.t, "primary")+contact)
		}
		active := rapid.IntRange(0, 4).Draw(o.t, "active") > 0
		facts = append(facts, o.event(events.ClientUpserted, testkit.With(testkit.ClientData(id, list...), "active", active)))
		delete(o.primaries, id)
		if active {
			o.primaries[id] = on
		}
	}
	o.rig.PublishAll(facts...)
}

func (o *drawnOffice) requests() {
	o.recipients = map[string]int{}
	for range rapid.IntRange(1, 5).Draw(o.t, "requests") {
		if rapid.IntRange(0, 3).Draw(o.t, "bulk") == 0 {
			o.ask(o.event(events.BulkInviteRequested, testkit.BulkAll()), o.everybody())
			continue
		}
		var recipients []testkit.Object
		for range rapid.IntRange(1, 4).Draw(o.t, "recipients") {
			if email := someEmail.Draw(o.t, "added"); email != "" && rapid.Bool().Draw(o.t, "by email") {
				recipients = append(recipients, testkit.Added(email, "Max"))
			} else {
				recipients = append(recipients, testkit.Contact(someContact.Draw(o.t, "recipient")))
			}
		}
		o.ask(o.event(events.InviteRequested, testkit.InviteData(someClient.Draw(o.t, "of"), recipients...)), len(recipients))
	}
}

func (o *drawnOffice) ask(msg *nats.Msg, recipients int) {
	o.asked = append(o.asked, msg)
	o.recipients[msg.Header["ce-id"][0]] = recipients
}

// everybody counts the recipients of a bulk request: every contact of an active client, or the client itself if it has
// none.
func (o *drawnOffice) everybody() (n int) {
	for _, on := range o.primaries {
		n += max(len(on), 1)
	}
	return n
}
