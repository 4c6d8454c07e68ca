package systemtest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"portal-invites/internal/events"
	"portal-invites/internal/standalone/smtpsink"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// These variables set how many contacts a run has that is cancelled, and how many runs are. The defaults are short
// enough for every test run. 20000 and 10 take a quarter of an hour.
const (
	cancelledVariable = "SYSTEMTEST_CANCELLED"
	cancelsVariable   = "SYSTEMTEST_CANCELS"
)

// slowMails is a mail server that takes its time for each mail. It remembers when each mail began. mu guards the fields
// below it.
type slowMails struct {
	addr string
	each atomic.Int64 // how long a mail takes

	mu    sync.Mutex
	began []time.Time // each MAIL command
	n     int         // mails that arrived
}

// A worker claims as many mails as leave in a quarter of a second. When the server becomes slow then, these mails would
// leave for half a minute.
const (
	fastMail = 20 * time.Millisecond
	slowMail = 2 * time.Second
)

func newSlowMails(t *testing.T) *slowMails {
	t.Helper()
	m := &slowMails{}
	m.each.Store(int64(fastMail))
	server, err := smtpsink.Start(smtpsink.Config{
		Addr: "127.0.0.1:0", Logger: zerolog.Nop(),
		Sender: func(string) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.began = append(m.began, time.Now())
		},
		Deliver: func(smtpsink.Envelope) error {
			<-time.After(time.Duration(m.each.Load()))
			m.mu.Lock()
			defer m.mu.Unlock()
			m.n++
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	m.addr = server.Addr()
	return m
}

// beganAfter counts the mails that began after a time, and says how long after it the last of them did.
func (m *slowMails) beganAfter(at time.Time) (n int, last time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, began := range m.began {
		if late := began.Sub(at); late > 0 {
			n, last = n+1, max(last, late)
		}
	}
	return n, last
}

func (m *slowMails) arrived() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n
}

// cancelling cancels runs over one office, one after the other.
type cancelling struct {
	*scene
	slow    *slowMails
	people  int
	random  *rand.Rand
	env     environment
	workers []*process // the bulk-workers
	out     <-chan testkit.Outcome
	read    uint64 // the sequence of the last outcome that was read
}

// A run is cancelled in the middle of its walk or of its mails, and a worker is killed about then. No mail begins later
// than a moment after RunCancelled. Everybody who was selected has one outcome, whoever was not is counted, nobody
// waits, and the run completes once.
func TestARunIsCancelledWhileWorkersAreKilled(t *testing.T) {
	t.Parallel()
	rounds, seed := setting(t, cancelsVariable, 2, 1), uint64(1)
	moment := 10 * time.Second // any process may stand still for some seconds while all tests run
	if rounds > 2 {
		seed, moment = rand.Uint64(), 2*time.Second
	}
	t.Logf("seed %d", seed)
	s := newScene(t)
	c := &cancelling{
		scene: s, slow: newSlowMails(t), people: setting(t, cancelledVariable, 2000, 1000),
		random: rand.New(rand.NewPCG(seed, 0)), out: s.Outcomes(),
	}
	host, port, err := net.SplitHostPort(c.slow.addr)
	s.Must(err)
	c.env = s.env.with("SMTP_HOST="+host, "SMTP_PORT="+port)
	run(t, c.env, "invite-worker")
	s.publishOffice(c.people)
	testenv.Eventually(t, 5*time.Minute, func() error {
		if known := s.count(`SELECT count(*) FROM clients`); known < c.people/perClient {
			return fmt.Errorf("%d of %d clients are known", known, c.people/perClient)
		}
		return nil
	})
	c.workers = []*process{run(t, c.env, "bulk-worker"), run(t, c.env, "bulk-worker")}
	for round := range rounds {
		when := fmt.Sprintf("sent > %d", 20+c.random.IntN(c.people/10))
		if round%2 == 0 {
			when = fmt.Sprintf("selected > %d AND NOT walked", c.random.IntN(c.people*3/4))
		}
		c.cancelOne(when, moment)
	}
}

// cancelOne starts a run, cancels it when a condition holds, and kills a worker before, at or after the cancel. After
// RunCancelled, mails may begin for as long as moment says.
func (c *cancelling) cancelOne(when string, moment time.Duration) {
	c.t.Helper()
	id := c.Publish(events.BulkInviteRequested, testkit.BulkAll())
	killAt := c.random.IntN(3)
	c.t.Logf("cancelled when %s; a worker is killed at %d of 3", when, killAt+1)
	var runID string
	testenv.Eventually(c.t, 5*time.Minute, func() error {
		return c.DB.QueryRow(c.Ctx, `SELECT run_id::text FROM runs JOIN requests USING (request_id)
			WHERE event_id = $1 AND `+when, id).Scan(&runID)
	})
	c.slow.each.Store(int64(slowMail))
	defer c.slow.each.Store(int64(fastMail))
	if killAt == 0 {
		c.kill()
	}
	c.Publish(events.RunCancelRequested, testkit.ToRun(runID, "Ann"))
	if killAt == 1 {
		c.kill()
	}
	cancelled := c.collect(runID, events.RunCancelled)
	if killAt == 2 {
		c.kill()
	}
	completed := c.collect(runID, events.RunCompleted)
	rest := c.collectRest(runID)
	at, done := cancelled[len(cancelled)-1].Stored, completed[len(completed)-1]
	c.check(done, slices.Concat(cancelled, completed, rest))
	n, last := c.slow.beganAfter(at)
	c.t.Logf("%d mails began after RunCancelled, the last one %s after it", n, last.Round(time.Millisecond))
	if last > moment {
		c.t.Errorf("a mail began %s after RunCancelled", last)
	}
	if n, _ := c.slow.beganAfter(done.Stored); n > 0 {
		c.t.Errorf("%d mails began after RunCompleted", n)
	}
}

// kill kills one bulk-worker, and starts another.
func (c *cancelling) kill() {
	one := c.random.IntN(len(c.workers))
	c.workers[one].kill()
	c.workers[one] = run(c.t, c.env, "bulk-worker")
}

// collect returns the outcomes of a run, up to the first of a type.
func (c *cancelling) collect(runID string, last events.Type) (got []testkit.Outcome) {
	c.t.Helper()
	for len(got) == 0 || got[len(got)-1].Type != last {
		got = append(got, c.next(runID))
	}
	return got
}

// collectRest returns the other outcomes of a run. A worker that was killed has left some in its outbox, and another
// one publishes them later.
func (c *cancelling) collectRest(runID string) (got []testkit.Outcome) {
	c.t.Helper()
	testenv.Eventually(c.t, 5*time.Minute, func() error {
		if n := c.count(`SELECT count(*) FROM outbox`); n > 0 {
			return fmt.Errorf("%d outcomes are not published", n)
		}
		return nil
	})
	stream, err := c.JS.Stream(c.Ctx, events.OutcomesStream)
	c.Must(err)
	for c.read < stream.CachedInfo().State.LastSeq {
		got = append(got, c.next(runID))
	}
	return got
}

// next returns the next outcome, which is one of a run.
func (c *cancelling) next(runID string) testkit.Outcome {
	c.t.Helper()
	select {
	case o := <-c.out:
		c.read = o.Sequence
		if o.RunID != runID {
			c.t.Fatalf("an outcome of another run: %s %s", o.Type, o.Raw)
		}
		return o
	case <-time.After(5 * time.Minute):
		c.t.Fatalf("the outcomes of run %s did not come", runID)
		panic("unreachable")
	}
}

// check adds up the outcomes of a cancelled run. The run has ended with one of them.
func (c *cancelling) check(done testkit.Outcome, outcomes []testkit.Outcome) {
	c.t.Helper()
	invites, types := map[string]bool{}, map[events.Type]int{}
	for _, o := range outcomes {
		types[o.Type]++
		if o.InviteID != "" {
			if invites[o.InviteID] {
				c.t.Errorf("invite %s has two outcomes", o.InviteID)
			}
			invites[o.InviteID] = true
		} else if o.Selected != o.Sent+o.Skipped+o.Failed+o.Pending {
			c.t.Errorf("the sums of %s are wrong: %s", o.Type, o.Raw)
		}
	}
	if !done.Cancelled || done.Pending != 0 || done.Failed != 0 || done.Selected+done.NotReached != c.people ||
		done.Sent != types[events.InviteSent] || done.Skipped != types[events.InviteSkipped] ||
		done.Selected != len(invites) || done.ByReason["run_cancelled"] == 0 && done.NotReached == 0 {
		c.t.Errorf("%v; completed: %s", types, done.Raw)
	}
	for what, n := range map[string]int{
		"runs completed twice": types[events.RunCompleted] - 1,
		"cancelled twice":      types[events.RunCancelled] - 1,
		"invites on their way": c.count(`SELECT count(*) FROM invites WHERE state IN ('queued', 'sending')`),
		"sent without access": c.count(`SELECT count(*) FROM invites WHERE state = 'sent'`) -
			c.count(`SELECT count(*) FROM access WHERE state = 'invited'`),
		"logins that nobody has": c.count(`SELECT count(*) FROM logins WHERE held_until > now()`) -
			c.count(`SELECT count(*) FROM access WHERE state = 'invited'`),
	} {
		if n != 0 {
			c.t.Errorf("%s: %d", what, n)
		}
	}
	c.t.Logf("selected %d, not reached %d, sent %d; %d mails have arrived in all runs",
		done.Selected, done.NotReached, done.Sent, c.slow.arrived())
}
