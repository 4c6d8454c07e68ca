package pipeline_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// act lets a firm do one thing. What concerns all firms is done by itself.
func (y *years) act(p *played) {
	if !y.outage.IsZero() {
		y.during(p)
		return
	}
	d := y.drawn(p)
	alone := d.name == "reset" || d.name == "outage"
	if alone {
		y.agree()
	}
	y.try(d)
	if alone {
		y.agree()
	}
}

// deed is something that may happen, and how often beside others.
type deed struct {
	name  string
	often int
	play  func(*rapid.T)
}

func (y *years) deeds(p *played) []deed {
	runs := 4
	if month := y.clock.now().Month(); month == time.January || month == time.September {
		runs = 15
	}
	return []deed{
		{"firm", 1, p.firmUpserted}, {"reminds", 2, y.reminds(p)}, {"contact", 2, p.contactUpserted},
		{"contact removed", 2, p.contactRemoved},
		{"put right", 6, y.putRight(p)},
		{"merged", 1, y.mergedAtLast(p)}, {"client", 2, p.clientUpserted}, {"client removed", 1, p.clientRemoved},
		{"archive", 2, p.archivedOrRevived}, {"granted", 3, p.granted}, {"suppressed", 2, p.suppressed},
		{"template", 1, p.templateUpserted}, {"mail server", 1, p.mailServer}, {"swap", 1, p.emailsSwapped},
		{"invite", 10, p.invite}, {"resend", 6, p.resend}, {"removal", 3, p.removal}, {"bulk", runs, p.bulk},
		{"replay", 3, p.replay}, {"delivered again", 2, p.deliveredAgain}, {"used id", 1, p.idUsedTwice},
		{"came back", 2, p.cameBack}, {"delivered", 2, p.delivered}, {"redeem", 4, p.redeem},
		{"late removal", 2, p.removalOfLastYear}, {"older fact", 2, p.olderFact}, {"reset", 2, y.reset(p)},
		{"outage", 1, y.beginOutage},
	}
}

func (y *years) drawn(p *played) deed {
	list := y.deeds(p)
	sum := 0
	for _, s := range list {
		sum += s.often
	}
	n := 1 + y.dice.IntN(sum)
	for _, s := range list {
		if n -= s.often; n <= 0 {
			return s
		}
	}
	panic("no step was drawn")
}

// try plays a step. A step that has nothing to do says so by a panic, as in rapid.
func (y *years) try(s deed) {
	defer func() {
		if failed := recover(); failed != nil && fmt.Sprintf("%T", failed) != "rapid.invalidData" {
			panic(failed)
		}
	}()
	s.play(y.t)
	y.done[s.name]++
}

// reminds lets a firm remind people after three days.
func (y *years) reminds(p *played) func(*rapid.T) {
	return func(*rapid.T) {
		p.model.known, p.model.licenses, p.model.remindsIn = true, nil, 72*time.Hour
		p.publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "reminder_after", "72h"))
	}
}

// seasonal lets every firm put its data right and invite everybody.
func (y *years) seasonal() {
	if !y.outage.IsZero() {
		return
	}
	for _, p := range y.firms {
		y.reminds(p)(y.t)
		y.putRight(p)(y.t)
	}
	y.agree()
	for _, p := range y.firms {
		p.run(testkit.BulkAll(), []string{"c1", "c2", "c3"}, run{all: true})
	}
	y.agree()
}

// putRight gives each contact an email of their own, and a client its contacts back.
func (y *years) putRight(p *played) func(*rapid.T) {
	return func(*rapid.T) {
		list := []string{}
		for n, own := range p.own {
			id := fmt.Sprintf("k%d", n+1)
			list = append(list, "*"+id)
			if p.model.contactNow(id) == id && p.model.contacts[id] != own {
				p.contactIs(id, own)
			}
		}
		p.clientIs(fmt.Sprintf("c%d", 1+y.dice.IntN(3)), list, false)
	}
}

// mergedAtLast merges contacts in the last months only, so that there are conflicts left to play.
func (y *years) mergedAtLast(p *played) func(*rapid.T) {
	return func(t *rapid.T) {
		if y.clock.now().Before(y.end.AddDate(0, -3, 0)) {
			t.Skip("it is too early to merge contacts")
		}
		p.contactsMerged(t)
	}
}

// beginOutage lets the mail server defer all mails, for days.
func (y *years) beginOutage(t *rapid.T) {
	for _, p := range y.firms {
		for _, refused := range p.model.refused {
			if refused {
				t.Skip("whichever mail is refused first stops the others")
			}
		}
	}
	y.outage = y.clock.now().Add(time.Duration(1+y.dice.IntN(6)) * 24 * time.Hour)
	for _, p := range y.firms {
		p.defers(true)
	}
}

// during plays steps during an outage, or ends it.
func (y *years) during(p *played) {
	if y.clock.now().After(y.outage) {
		y.endOutage()
		return
	}
	steps := []deed{{"invite", 1, p.invite}, {"resend", 1, p.resend}, {"resend", 1, p.resend}, {"removal", 1, p.removal},
		{"contact removed", 1, p.contactRemoved}, {"granted", 1, p.granted}, {"redeem", 1, p.redeem}}
	y.try(steps[y.dice.IntN(len(steps))])
}

func (y *years) endOutage() {
	if y.outage.IsZero() {
		return
	}
	y.agree()
	y.outage = time.Time{}
	for _, p := range y.firms {
		p.defers(false)
	}
	y.firms[0].tryAgain() // of all firms
	y.agree()
}

// removalOfLastYear takes access away, by an event whose publisher says that it happened long ago.
func (p *played) removalOfLastYear(t *rapid.T) {
	p.removedLastYear(playedClients.Draw(t, "client"), p.recipients(t))
}

func (p *played) removedLastYear(client string, who []named) asked {
	data := testkit.Object{"client_id": client, "requested_by": "Lee", "recipients": dataOf(who)}
	p.said++
	id, at := fmt.Sprintf("%s-%d", p.firm, p.said), p.clock.now().AddDate(-1, 0, 0)
	p.note("%s removal of last year %v", id, data)
	p.model.remove(client, who)
	removal := asked{id, events.AccessRemovalRequested, p.clock.now(),
		func() { p.publishAt(id, at, events.AccessRemovalRequested, data) }, func() {}}
	removal.publish()
	p.again = append(p.again, removal)
	return removal
}

// comesBack takes somebody's access away by an event with an old time, and invites them again. Then the old event comes
// once more, and changes nothing.
func (y *years) comesBack(p *played) {
	who := []named{{contact: "k1"}}
	removal := p.removedLastYear("c1", who)
	y.agree()
	y.later(2 * time.Hour) // it would be pruned now if its time counted
	y.agree()
	p.named(y.t, events.InviteRequested, "c1", who)
	y.agree()
	p.note("the removal of last year comes again")
	removal.publish()
	y.agree()
}

// putsOff lets resends wait for two days. Until they leave, the links before them are the valid ones, and end in time.
func (y *years) putsOff(p *played) {
	y.later(26 * 24 * time.Hour)
	y.agree()
	y.try(deed{"outage", 1, y.beginOutage})
	p.named(y.t, events.InviteResendRequested, "c1", []named{{contact: "k1"}, {contact: "k2"}, {contact: "k3"}})
	y.agree()
	for range 2 {
		y.later(49 * time.Hour)
		y.agree()
	}
	y.endOutage()
}

// olderFact requeues a dead letter with a fact that is older than what is known: in between, another fact came.
func (p *played) olderFact(t *rapid.T) {
	var ids []string
	for id := range p.model.contacts {
		if _, merged := p.model.merged[id]; !merged && !slices.Contains(slices.Collect(maps.Values(p.model.merged)), id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		t.Skip("no contact is known")
	}
	slices.Sort(ids)
	id := rapid.SampledFrom(ids).Draw(t, "whose")
	p.said++
	scene := *p.Scene
	scene.Firm = p.firm
	msg := scene.Message(fmt.Sprintf("%s-%d", p.firm, p.said), p.clock.now(), events.ContactUpserted,
		testkit.ContactData(id, "Kay", p.anEmail(t).written))
	unreadable := nats.NewMsg(msg.Subject)
	unreadable.Data = msg.Data
	for name := range msg.Header {
		unreadable.Header.Set(name, msg.Header.Get(name))
	}
	unreadable.Header.Set("ce-time", "later")
	ack, err := p.JS.PublishMsg(p.Ctx, unreadable)
	p.Must(err)
	stream := testkit.Query[time.Time](p.Scene, `SELECT stream FROM contacts LIMIT 1`)
	switch rapid.IntRange(0, 2).Draw(t, "since") {
	case 0:
		p.contactRemovedNow(id)
	default:
		p.contactIs(id, p.anEmail(t))
	}
	p.Handled(events.FactsDurable)
	p.note("a fact about %s from before comes again", id)
	_, err = p.JS.PublishMsg(p.Ctx, events.Requeued(msg.Subject, msg.Header, msg.Data,
		events.Position{Stream: stream, Sequence: ack.Sequence}))
	p.Must(err)
}

// reset sets the durables of facts and of named recipients back, as an operator may: everything comes again that the
// stream has.
func (y *years) reset(p *played) func(*rapid.T) {
	return func(t *rapid.T) {
		for _, other := range y.firms {
			for _, refused := range other.model.refused {
				if refused {
					t.Skip("a mail that is refused meanwhile stops those that are decided later")
				}
			}
		}
		p.note("the durables are reset")
		stream, err := y.JS.Stream(y.Ctx, events.EventsStream)
		y.Must(err)
		first := stream.CachedInfo().State.FirstSeq
		for _, durable := range []string{events.FactsDurable, events.InviteDurable} {
			_, err := y.JS.ResetConsumerToSequence(y.Ctx, events.EventsStream, durable, max(first, 1))
			y.Must(err)
		}
		for _, other := range y.firms {
			for _, a := range other.again {
				if a.kind != events.BulkInviteRequested && a.kind != events.ReplayRequested {
					a.model()
				}
			}
		}
	}
}

// statuses asks what stands for each person on a client.
func (y *years) statuses(p *played) {
	y.TB.Helper()
	var got []string
	client := fmt.Sprintf("c%d", 1+y.dice.IntN(3))
	answer, err := y.client.Status(y.Ctx, p.firm, api.StatusRequest{ClientID: client})
	if err != nil && !strings.Contains(err.Error(), "no such client") {
		y.TB.Fatal(err)
	}
	for _, s := range answer.Statuses {
		if s.Access != nil {
			got = append(got, statusLine(s.Person.ContactID, string(s.State), s.Access.ExpiresAt))
		}
	}
	y.same(p, "statuses on "+client, got, p.model.statuses(client))
}
