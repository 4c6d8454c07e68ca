package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/examples/dashboard"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// docs/dashboards.md shows the program that is tested here.
func TestTheDashboardOfThePageIsTheOneThatRuns(t *testing.T) {
	t.Parallel()
	code, err := os.ReadFile("../../examples/dashboard/dashboard.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/dashboards.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```go\n"+string(code)+"```\n") {
		t.Error("docs/dashboards.md does not have examples/dashboard/dashboard.go as it is")
	}
}

// load is what happens to a firm at random: people are invited, reminded and removed, they log in, and workers stop and
// start. DASHBOARD_LOAD says for how long.
type load struct {
	*rig
	random *rand.Rand
	stop   [2]func()
}

const loadClients = 12

func newLoad(t *testing.T) *load {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed is %d", seed)
	l := &load{rig: newRig(t), random: rand.New(rand.NewPCG(seed, 1))}
	l.stop = [2]func(){l.serve(pipeline.NewInviteWorker), l.serve(pipeline.NewBulkWorker)}
	l.firm(acme)
	for n := range loadClients {
		l.contact(fmt.Sprintf("a%d", n), fmt.Sprintf("Ann %d", n), fmt.Sprintf("ann%d@example.com", n))
		email := fmt.Sprintf("ben%d@example.com", n)
		if n%3 == 0 {
			email = ""
		}
		l.contact(fmt.Sprintf("b%d", n), fmt.Sprintf("Ben %d", n), email)
		l.clientRecord(fmt.Sprintf("c%d", n), fmt.Sprintf("*a%d", n), fmt.Sprintf("b%d", n))
	}
	l.settled()
	return l
}

// step lets one thing happen.
func (l *load) step() {
	l.t.Helper()
	n := l.random.IntN(loadClients)
	client, contact := fmt.Sprintf("c%d", n), fmt.Sprintf("%c%d", "ab"[l.random.IntN(2)], n)
	switch what := l.random.IntN(100); {
	case what < 35:
		l.publish(acme, events.InviteRequested, named(client, contact))
	case what < 45:
		l.publish(acme, events.InviteRequested, testkit.InviteData(client,
			testkit.Added(fmt.Sprintf("guest%d@example.com", l.random.IntN(4)), "Gus")))
	case what < 55:
		l.publish(acme, events.AccessRemovalRequested, named(client, contact))
	case what < 60:
		l.publish(acme, events.InviteResendRequested, named(client, contact))
	case what < 64:
		l.publish(acme, events.BulkInviteRequested, bulkAll())
	case what < 90:
		var invite string
		err := l.db.QueryRow(l.ctx, `SELECT invite_id::text FROM invites WHERE state = 'sent' ORDER BY random() LIMIT 1`).
			Scan(&invite)
		if errors.Is(err, pgx.ErrNoRows) {
			return
		}
		l.must(err)
		_, _ = l.client.Redeem(l.ctx, acme, RedeemRequest{Token: l.token(invite)}) // perhaps out of date, or no worker runs
	default:
		worker := l.random.IntN(2)
		l.stop[worker]()
		l.stop[worker] = l.serve([]func(pipeline.Config) *pipeline.Worker{
			pipeline.NewInviteWorker, pipeline.NewBulkWorker,
		}[worker])
	}
}

// during lets things happen for as long as DASHBOARD_LOAD says, and calls look between them.
func (l *load) during(look func()) {
	l.t.Helper()
	usual, err := time.ParseDuration(cmp.Or(os.Getenv("DASHBOARD_LOAD"), "4s"))
	l.must(err)
	for until := time.Now().Add(usual); time.Now().Before(until); {
		for range l.random.IntN(8) {
			l.step()
		}
		look()
	}
	l.settled()
}

// A dashboard that takes what there is, and reads on from there, agrees with the database in the end.
func TestADashboardAgreesWithTheDatabase(t *testing.T) {
	t.Parallel()
	l := newLoad(t)
	board := dashboard.New(l.nc, acme)
	loaded := false
	l.during(func() {
		if !loaded && l.random.IntN(3) == 0 {
			loaded = board.Load(l.ctx) == nil
		}
	})
	if !loaded {
		l.must(board.Load(l.ctx))
	}
	rows, err := l.db.Query(l.ctx, `SELECT state, count(*)::int FROM statuses GROUP BY state`)
	l.must(err)
	want := map[string]int{}
	var state string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&state, &n}, func() error { want[state] = n; return nil })
	l.must(err)
	ctx, cancel := context.WithTimeout(l.ctx, testenvPatience)
	defer cancel()
	for !maps.Equal(board.Counts(), want) {
		if _, err := board.Follow(ctx); err != nil && ctx.Err() != nil {
			t.Fatalf("the dashboard counts %v, and the database has %v: %v", board.Counts(), want, err)
		}
	}
}

// snapshot is what was answered at one moment.
type snapshot struct {
	people StatusesAnswer
	runs   RunsAnswer
}

// An answer includes all outcomes up to its place. Whoever reads on from there, and leaves out what has a number that
// the answer has, knows in the end what a count from the beginning knows.
func TestASnapshotAndWhatComesAfterItAreExact(t *testing.T) {
	t.Parallel()
	l := newLoad(t)
	var snapshots []snapshot
	l.during(func() {
		people, err := l.client.Statuses(l.ctx, acme, StatusesRequest{Page: Page{Limit: MaxLimit}})
		runs, err2 := l.client.Runs(l.ctx, acme, RunsRequest{Page: Page{Limit: MaxLimit}})
		if err == nil && err2 == nil {
			snapshots = append(snapshots, snapshot{people, runs})
		}
	})
	testenv.Eventually(t, testenvPatience, func() error {
		people, err := l.client.Statuses(l.ctx, acme, StatusesRequest{Page: Page{Limit: MaxLimit}})
		snapshots = append(snapshots, snapshot{people, RunsAnswer{}})
		return err
	})
	all := l.reading(OutcomesRequest{})
	for _, s := range snapshots {
		if s.people.AsOf == nil {
			t.Fatal("an answer says nothing of the stream")
		}
		l.include(s, all)
		l.readOn(s, all)
	}
	t.Logf("%d outcomes, %d snapshots", len(all), len(snapshots))
}

func (l *load) reading(request OutcomesRequest) (all []Outcome) {
	l.t.Helper()
	request.Limit = MaxLimit
	for {
		page, err := l.client.Outcomes(l.ctx, acme, request)
		l.must(err)
		all = append(all, page.Outcomes...)
		if request.After = page.After; !page.More {
			return all
		}
	}
}

// numbered is what an outcome says with a number.
type numbered struct {
	InviteID  string `json:"invite_id"`
	ClientID  string `json:"client_id"`
	Recipient struct {
		ContactID string `json:"contact_id"`
	} `json:"recipient"`
	Revision int `json:"revision"`
	Version  int `json:"access_version"`

	run    string // of an event about a run
	number int    // of that event
}

func (l *load) numbers(o Outcome) (n numbered) {
	l.t.Helper()
	l.must(json.Unmarshal(o.Data, &n))
	if n.InviteID == "" {
		var err error
		run, number, _ := strings.Cut(o.ID, ".")
		n.run = run
		n.number, err = strconv.Atoi(number)
		l.must(err)
	}
	return n
}

// include checks that a snapshot has everything up to its place.
func (l *load) include(s snapshot, all []Outcome) {
	l.t.Helper()
	people, runs := map[string]PersonStatus{}, map[string]int{}
	for _, p := range s.people.People {
		people[p.ClientID+" "+p.Person.ContactID] = p
	}
	for _, r := range s.runs.Runs {
		runs[r.RunID.String()] = r.Number
	}
	for _, o := range all {
		n := l.numbers(o)
		p := people[n.ClientID+" "+n.Recipient.ContactID]
		switch {
		case n.run != "":
			if s.runs.AsOf != nil && o.Sequence <= s.runs.AsOf.Sequence && runs[n.run] < n.number {
				l.t.Errorf("as of %d, the number of run %s is %d; an outcome before has %d", s.runs.AsOf.Sequence, n.run,
					runs[n.run], n.number)
			}
		case o.Sequence > s.people.AsOf.Sequence || n.Recipient.ContactID == "":
		case n.Version > p.AccessVersion, // an AccessRemoved of somebody without access has none, and no invite
			n.Revision > 0 && p.InviteID == nil,
			p.InviteID != nil && p.InviteID.String() == n.InviteID && n.Revision > p.Revision:
			l.t.Errorf("as of %d, %+v lacks an outcome before: %+v", s.people.AsOf.Sequence, p, n)
		}
	}
}

// readOn checks that a reader who begins at the place of a snapshot gets exactly what comes after it.
func (l *load) readOn(s snapshot, all []Outcome) {
	l.t.Helper()
	tail := l.reading(OutcomesRequest{AsOf: s.people.AsOf})
	first := len(all) - len(tail)
	begins := func(list []Outcome) uint64 { // behind the last for an empty list
		if len(list) == 0 {
			return math.MaxUint64
		}
		return list[0].Sequence
	}
	if first < 0 || begins(tail) != begins(all[first:]) || begins(tail) <= s.people.AsOf.Sequence ||
		first > 0 && all[first-1].Sequence > s.people.AsOf.Sequence {
		l.t.Errorf("from %d on, %d of %d outcomes are read", s.people.AsOf.Sequence, len(tail), len(all))
	}
	revisions := map[string]int{}
	for _, p := range s.people.People {
		if p.InviteID != nil {
			revisions[p.InviteID.String()] = p.Revision
		}
	}
	for _, o := range tail {
		if n := l.numbers(o); n.InviteID != "" && n.Revision > revisions[n.InviteID] {
			revisions[n.InviteID] = n.Revision
		}
	}
	beginning := map[string]int{}
	for _, o := range all {
		if n := l.numbers(o); n.InviteID != "" {
			beginning[n.InviteID] = max(beginning[n.InviteID], n.Revision)
		}
	}
	for id, revision := range revisions {
		if beginning[id] != revision {
			l.t.Errorf("as of %d and after, invite %s is in revision %d; from the beginning it is in %d",
				s.people.AsOf.Sequence, id, revision, beginning[id])
		}
	}
}

// While the stream is away, answers have the last place that the worker knows. Where a place can't be, it is refused.
func TestAnswersDoNotWaitForTheStream(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(pipeline.NewInviteWorker)
	r.firm(acme)
	r.settled()
	first, err := r.client.Statuses(r.ctx, acme, StatusesRequest{})
	r.must(err)
	stream, err := r.js.Stream(r.ctx, events.OutcomesStream)
	r.must(err)
	if first.AsOf == nil || first.AsOf.Stream != events.OutcomesStream ||
		!first.AsOf.Created.Equal(stream.CachedInfo().Created) {
		t.Fatalf("as of %+v", first.AsOf)
	}
	r.must(r.js.DeleteStream(r.ctx, events.OutcomesStream))
	for range 3 {
		runs, err := r.client.Runs(r.ctx, acme, RunsRequest{})
		r.must(err)
		if runs.AsOf == nil || *runs.AsOf != *first.AsOf {
			t.Errorf("without the stream, as of %+v", runs.AsOf)
		}
	}
	for field, request := range map[string]OutcomesRequest{
		"as_of: can't be combined with new": {AsOf: first.AsOf, New: true},
		"as_of.stream: must be ":            {AsOf: &AsOf{Stream: "OTHER", Created: time.Now()}},
		"as_of.created: is missing":         {AsOf: &AsOf{Stream: events.OutcomesStream}},
	} {
		_, err := r.client.Outcomes(r.ctx, acme, request)
		refused(t, err, 400, field)
	}
}
