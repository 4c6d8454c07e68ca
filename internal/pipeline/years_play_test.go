package pipeline_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"portal-invites/internal/answer"
	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/upkeep"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// years are some firms that are played on one clock. The goroutine of the test owns it.
type years struct {
	*rig
	t      *rapid.T   // draws what a step is about
	dice   *rand.Rand // draws when there are steps, and which; rapid prefers small numbers
	clock  *clock
	feed   *feed
	firms  []*played
	worker *pipeline.Worker
	client api.Client
	keep   time.Duration
	end    time.Time

	notes  []string
	steps  int
	pruned int
	done   map[string]int // how often each step was played
	stored []storedAt     // what the stream still has
	outage time.Time      // until when the mail server defers mails; zero: it takes them
}

// storedAt is up to where the stream was at a time.
type storedAt struct {
	at       time.Time
	sequence uint64
}

// eventsKeep is how long the stream keeps events: EVENTS_KEEP.
const eventsKeep = 30 * 24 * time.Hour

func (y *years) open(worker *pipeline.Worker, firms int) {
	y.worker, y.done = worker, map[string]int{}
	y.client = api.NewClient(y.NC)
	y.Start(func(ctx context.Context) error {
		return api.Serve(ctx, api.Config{
			Conn: y.NC, Answers: worker.Answers(), Reads: y.Store, Log: zerolog.Nop(), Version: "v1.2.3"})
	})
	y.feed = &feed{rig: y.rig, out: y.Outcomes()}
	for n := range firms {
		p := &played{rig: y.rig, firm: fmt.Sprintf("f%d", n+1), clock: y.clock, feed: y.feed, worker: worker,
			model: newContract(y.clock.now())}
		p.note = func(format string, args ...any) {
			y.notes = append(y.notes, y.clock.now().Format("06-01-02 15:04:05 ")+p.firm+" "+fmt.Sprintf(format, args...))
		}
		for n := range 4 {
			own := fmt.Sprintf("k%d.%s@example.com", n+1, p.firm)
			p.own = append(p.own, email{own, own})
		}
		y.firms = append(y.firms, p)
		p.opening(y.t)
		for range 3 {
			y.putRight(p)(y.t)
		}
	}
	y.seasonal()
}

// aWhile is how long nobody does anything. The hours differ, so that reminders and expiry are due at any hour.
func (y *years) aWhile(pace time.Duration) time.Duration {
	return time.Duration(1+y.dice.IntN(2*int(pace/time.Hour))) * time.Hour
}

// later lets time pass for everybody: the workers, the database, the stream and the models.
func (y *years) later(far time.Duration) {
	for _, p := range y.firms {
		p.model.jump(far)
	}
	y.clock.jump(far)
	y.LedgerNow(y.clock.now())
	y.forgetEvents()
	y.prune()
}

// forgetEvents deletes from the stream what is older than it keeps. The broker's own clock does not jump.
func (y *years) forgetEvents() {
	var last uint64
	for len(y.stored) > 0 && y.stored[0].at.Before(y.clock.now().Add(-eventsKeep)) {
		last = y.stored[0].sequence
		y.stored = y.stored[1:]
	}
	if last > 0 {
		stream, err := y.JS.Stream(y.Ctx, events.EventsStream)
		y.Must(err)
		y.Must(stream.Purge(y.Ctx, jetstream.WithPurgeSequence(last+1)))
	}
	for _, p := range y.firms {
		p.again = slices.DeleteFunc(p.again, func(a asked) bool { return a.at.Before(y.clock.now().Add(-eventsKeep)) })
	}
}

// agree waits until a step is handled, and compares the results with the models.
func (y *years) agree() {
	y.TB.Helper()
	overtaken := func(id uuid.UUID) bool {
		return testkit.Query[string](y.Scene, `SELECT state FROM invites WHERE invite_id = $1`, id) == sSkipped
	}
	settle := func() {
		y.quiet()
		if !y.outage.IsZero() {
			y.firms[0].tryAgain() // of all firms
			y.quiet()
		}
		for _, p := range y.firms {
			p.model.settle(overtaken)
		}
	}
	settle()
	y.firms[0].makeReminders() // of all firms
	for _, p := range y.firms {
		p.expectReminders()
	}
	settle()
	outcomes, from := y.outcomes(), y.feed.mails
	for _, p := range y.firms {
		y.feed.mails = from
		y.same(p, "outcomes", outcomes[p.firm], p.model.reported)
		y.same(p, "mails", p.mails(y.t), p.model.mails)
		y.same(p, "access", p.access(y.t), p.model.accesses())
		y.same(p, "contacts", y.contacts(p), p.model.addresses())
		p.model.reported, p.model.mails = nil, nil
	}
	if err := y.AuditStatuses(""); err != nil {
		y.t.Fatalf("%v", err)
	}
	p := y.firms[y.dice.IntN(len(y.firms))]
	y.links(p)
	y.statuses(p)
	y.storedNow()
	y.steps++
	for _, p := range y.firms {
		p.model.jump(time.Second) // so that two steps never have the same time
	}
	y.clock.jump(time.Second)
}

func (y *years) same(p *played, what string, got, want []string) {
	y.TB.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		y.t.Fatalf("%s of %s\n are %q\nwant %q", what, p.firm, got, want)
	}
}

// quiet waits until nothing is left to do at the clock's time. During an outage, mails and their runs stay open.
func (y *years) quiet() {
	y.TB.Helper()
	p := *y.firms[0]
	model := *p.model
	p.model, model.greylists = &model, !y.outage.IsZero()
	p.quiet()
}

// outcomes returns the outcomes of each firm since the last call, in the model's form.
func (y *years) outcomes() map[string][]string {
	found := map[string][]string{}
	for size := y.StreamSize(events.OutcomesStream); y.feed.read < size; y.feed.read++ {
		var o testkit.Outcome
		select {
		case o = <-y.feed.out:
		case <-y.Ctx.Done():
			y.TB.Fatal(y.Ctx.Err())
		}
		if o.Type != events.RunProgressed && o.Type != events.RunRevised { // how many there are depends on the time
			firm := strings.Split(o.Subject, ".")[2]
			found[firm] = append(found[firm], y.feed.line(o))
		}
	}
	return found
}

// storedNow notes up to where the stream is.
func (y *years) storedNow() {
	stream, err := y.JS.Stream(y.Ctx, events.EventsStream)
	y.Must(err)
	y.stored = append(y.stored, storedAt{y.clock.now(), stream.CachedInfo().State.LastSeq})
}

// prune deletes what is old, here and in the models. A worker would do it within an hour.
func (y *years) prune() {
	y.TB.Helper()
	before := y.clock.now().Add(-y.keep)
	deleted, err := upkeep.Config{Observer: pipeline.Unwatched{}, Ledger: y.worker.Answers().Ledger}.Prune(y.Ctx, before)
	y.Must(err)
	gone := 0
	for _, p := range y.firms {
		for _, id := range p.model.prune(before) {
			gone++
			p.forgotten = append(p.forgotten, p.tokens[id.String()])
			delete(p.tokens, id.String())
		}
	}
	if y.pruned += gone; deleted["invites"] != gone {
		y.t.Fatalf("%d invites were pruned, want %d", deleted["invites"], gone)
	}
}

// links asks what the links of a firm's mails lead to. Of those that were pruned, it asks about the newest ones.
func (y *years) links(p *played) {
	y.TB.Helper()
	for id, token := range p.tokens {
		i := p.model.invites[uuid.MustParse(id)]
		if i.expires.Before(y.clock.now().Add(-60 * 24 * time.Hour)) {
			continue
		}
		got, err := y.worker.Answers().Peek(y.Ctx, p.firm, token)
		y.Must(err)
		if want := p.model.leadsTo(i); got.Result != want {
			y.t.Fatalf("the link of invite %s of %s leads to %s, want %s", id, p.firm, got.Result, want)
		}
	}
	for _, token := range p.forgotten[max(0, len(p.forgotten)-3):] {
		got, err := y.worker.Answers().Peek(y.Ctx, p.firm, token)
		y.Must(err)
		if token != "" && got.Result != answer.LinkInvalid {
			y.t.Fatalf("a link of %s that was pruned leads to %s", p.firm, got.Result)
		}
	}
}

// contacts returns the contacts of a firm, with their emails.
func (y *years) contacts(p *played) (list []string) {
	y.TB.Helper()
	rows, err := y.DB.Query(y.Ctx, `SELECT contact_id || ' ' || email_normal FROM contacts
		WHERE firm_id = $1 AND NOT removed`, p.firm)
	y.Must(err)
	defer rows.Close()
	for rows.Next() {
		var line string
		y.Must(rows.Scan(&line))
		list = append(list, line)
	}
	y.Must(rows.Err())
	return list
}

// lastMonths lets all end: nobody does anything, and every invite expires.
func (y *years) lastMonths() {
	y.endOutage()
	for range 5 {
		y.later(16 * 24 * time.Hour)
		y.agree()
	}
	for _, p := range y.firms {
		for at, a := range p.model.access {
			if a.state == sInvited {
				y.t.Fatalf("%s at %s of %s is still invited", at.person, at.client, p.firm)
			}
		}
	}
	testenv.Eventually(y.TB, time.Minute, func() error { return y.Acknowledged(testkit.Durables()...) })
}
