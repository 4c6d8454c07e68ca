package systemtest

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// These variables set how many firms start a run within a minute, and how many contacts each run invites.
// `make black-friday` sets them. Every test run has a small form.
const (
	firmsVariable       = "BLACK_FRIDAY_FIRMS"
	firmContactVariable = "BLACK_FRIDAY_CONTACTS"
)

// friday is a day on which every firm starts a run at once.
type friday struct {
	*office
	isLarge    bool
	firms      []*testkit.Scene
	contacts   int // of each firm
	spread     time.Duration
	individual []request
}

const (
	// turnedAway is how many mails of runs the mail server takes for each one that it turns away.
	turnedAway = 20
	// starves is how long a run with due invites may go without progress.
	starves = time.Minute
)

// Many firms start their runs within a minute, while individual invites go on. The mail server throttles runs. Each run
// goes on, the sums hold, and the individual invites leave as if nothing had happened.
func TestBlackFriday(t *testing.T) {
	t.Parallel()
	o := &office{faultRig: newFaultRig(t, 1, &schedule{keepsAnswers: true})}
	f := &friday{office: o, isLarge: os.Getenv(firmsVariable) != "", spread: time.Second}
	if f.isLarge {
		f.spread = time.Minute
	}
	f.contacts = setting(t, firmContactVariable, 40, 1)
	o.sink.turnAway(turnedAway, "run-")
	f.open(setting(t, firmsVariable, 4, 2))

	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		f.inviteMeanwhile(done)
	}()
	for _, firm := range f.firms {
		o.tell(firm.Event(events.BulkInviteRequested, testkit.BulkAll()))
		<-time.After(f.spread / time.Duration(len(f.firms)))
	}
	longest := f.watchRuns()
	close(done)
	<-ended
	if err := o.comesToRest(rest); err != nil {
		t.Error(err)
	}
	waits := f.waits()
	p99 := waits[len(waits)*99/100]
	t.Logf("%d firms with runs of %d: %d individual invites, median %s, 99 of 100 within %s, longest %s; "+
		"the longest wait of a run was %s", len(f.firms), f.contacts, len(waits), inSeconds(waits[len(waits)/2]),
		inSeconds(p99), inSeconds(waits[len(waits)-1]), inSeconds(longest))
	if f.isLarge && (p99 > slowAfter || longest > starves) { // a small form says nothing about time
		t.Errorf("99 of 100 individual invites should leave within %s, and no run should wait for %s", slowAfter, starves)
	}
	o.judge(o.world())
}

// open tells about the firms and their people.
func (f *friday) open(firms int) {
	for n := range firms {
		firm := *f.Scene
		firm.Firm = fmt.Sprintf("firm-%03d", n)
		f.firms = append(f.firms, &firm)
		facts := []*nats.Msg{firm.Event(events.FirmUpserted, testkit.FirmData())}
		var some []string
		for c := range f.contacts {
			id := fmt.Sprintf("k%04d", c)
			email := fmt.Sprintf("run-%03d-%04d@example.com", n, c)
			facts = append(facts, firm.Event(events.ContactUpserted, testkit.ContactData(id, "Kay "+id, email)))
			if some = append(some, "*"+id); len(some) == perPortal || c == f.contacts-1 {
				facts = append(facts, firm.Event(events.ClientUpserted, testkit.ClientData(fmt.Sprintf("c%04d", c), some...)))
				some = nil
			}
		}
		f.PublishAll(facts...)
	}
	for f.Ctx.Err() == nil && f.Acknowledged(events.FactsDurable) != nil {
		<-time.After(100 * time.Millisecond)
	}
}

// inviteMeanwhile invites newcomers of all firms in turn, twenty a second, until the runs are done.
func (f *friday) inviteMeanwhile(done <-chan struct{}) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		firm := f.firms[n%len(f.firms)]
		client, contact := f.newcomer()
		r := request{contact + "-" + firm.Firm + "@example.com", time.Now()}
		f.tell(firm.Event(events.ContactUpserted, testkit.ContactData(contact, "Kay", r.email)),
			firm.Event(events.ClientUpserted, testkit.ClientData(client, "*"+contact)),
			firm.Event(events.InviteRequested, testkit.InviteData(client, testkit.Contact(contact))))
		f.individual = append(f.individual, r)
	}
}

// watchRuns waits until every run is walked and nothing of it is due any more. It returns the longest time in which a
// run with due invites made no progress. Invites that the server has turned away are not due for a minute or two.
func (f *friday) watchRuns() (longest time.Duration) {
	type state struct {
		done  int
		since time.Time
	}
	runs := map[string]state{}
	poll := time.NewTicker(500 * time.Millisecond)
	defer poll.Stop()
	for f.Ctx.Err() == nil {
		rows, err := f.DB.Query(f.Ctx, `
			SELECT run_id::text, selected + sent + skipped + failed, NOT walked OR EXISTS (SELECT FROM invites i
				WHERE i.run_id = r.run_id AND (state = 'sending' OR state = 'queued' AND next_attempt_at <= now()))
			FROM runs r`)
		f.Must(err)
		now, waiting := time.Now(), 0
		for rows.Next() {
			var id string
			var done int
			var waits bool
			f.Must(rows.Scan(&id, &done, &waits))
			before, known := runs[id]
			if !known || done != before.done || !waits {
				runs[id] = state{done, now}
			}
			if waits {
				waiting++
				longest = max(longest, now.Sub(runs[id].since))
			}
		}
		f.Must(rows.Err())
		if len(runs) == len(f.firms) && waiting == 0 {
			return longest
		}
		<-poll.C
	}
	return longest
}

// waits returns how long individual invites took, the shortest first. One without a mail counts as an hour.
func (f *friday) waits() (all []time.Duration) {
	arrived := map[string]time.Time{}
	for _, m := range f.sink.arrived() {
		if _, known := arrived[m.To]; !known {
			arrived[m.To] = m.At
		}
	}
	for _, r := range f.individual {
		wait := time.Hour
		if at, known := arrived[r.email]; known {
			wait = at.Sub(r.at)
		}
		all = append(all, wait)
	}
	slices.Sort(all)
	return all
}
