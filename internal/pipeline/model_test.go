package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

// Whatever happens to a firm, and in whatever order, the pipeline does and publishes what the contract says, step by
// step. model_contract_test.go is a small model of the contract; model_steps_test.go draws the steps.
//
// -rapid.checks sets the number of sequences (each takes a second or two), -rapid.steps sets their length.
func TestEverySequenceGoesAsTheContractSays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Ctx = t.Context() // many sequences take longer than the usual limit of a test
	clock := &clock{}
	clock.jump(time.Now().Truncate(time.Second).Sub(clock.now()))
	cfg := r.Config()
	cfg.Now = clock.now
	worker := pipeline.NewInviteWorker(cfg)
	r.StartWorker(worker)
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	feed := &feed{rig: r, out: r.Outcomes()}
	firms := 0
	rapid.Check(t, func(rt *rapid.T) {
		firms++
		p := &played{rig: r, firm: fmt.Sprintf("f%d", firms), clock: clock, feed: feed, worker: worker,
			model: newContract(clock.now()), note: rt.Logf, failed: r.TB.Failed()}
		feed.mails = len(r.Mailbox.Messages()) // a sequence that failed may have left some
		p.opening(rt)
		p.agrees(rt)
		steps := p.steps()
		steps[""] = p.agrees
		rt.Repeat(steps)
	})
	r.Settled() // the clock has moved since the last step, so a run may be about to tell its sums
}

// clock is the clock of both workers. Its time changes only between steps.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time         { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) jump(far time.Duration) { c.nanos.Add(int64(far)) }

// played is one firm on which a sequence of steps is played, with its model. The goroutine of the test owns it.
type played struct {
	*rig
	firm   string
	clock  *clock
	feed   *feed
	worker *pipeline.Worker // answers redeem, and reminds people
	model  *contract
	note   func(format string, args ...any) // logs a step, for the report of a sequence that fails

	failed bool              // an earlier sequence failed, and rapid plays it again to simplify it
	said   int               // how many events were published, for their ids
	again  []asked           // requests, to be delivered once more
	tokens map[string]string // tokens of the mails that came, by invite
	causes []string          // event ids of bulk requests

	own       []email  // more emails that nobody shares
	forgotten []string // tokens of mails whose invites were pruned
}

// agrees waits until a step is handled, and compares the results with the model.
func (p *played) agrees(t *rapid.T) {
	if p.TB.Failed() && !p.failed {
		t.FailNow() // the rig itself has found an error
	}
	overtaken := func(id uuid.UUID) bool {
		return testkit.Query[string](p.Scene, `SELECT state FROM invites WHERE invite_id = $1`, id) == "skipped"
	}
	p.quiet()
	p.model.settle(overtaken)
	p.remind()
	p.quiet()
	p.model.settle(overtaken)
	for what, pair := range map[string][2][]string{
		"outcomes": {p.feed.published(p.firm), p.model.reported},
		"mails":    {p.mails(t), p.model.mails},
		"access":   {p.access(t), p.model.accesses()},
	} {
		got, want := slices.Sorted(slices.Values(pair[0])), slices.Sorted(slices.Values(pair[1]))
		if !slices.Equal(got, want) {
			t.Fatalf("%s of %s\n are %q\nwant %q", what, p.firm, got, want)
		}
	}
	if err := p.AuditStatuses(p.firm); err != nil {
		t.Fatal(err)
	}
	p.model.reported, p.model.mails = nil, nil
	p.clock.jump(time.Second) // so that two steps never have the same time
	p.model.now = p.clock.now()
}

// mails returns the mails since the last call, as "address invite". Whatever the model says, no mail may go to a person
// who is suppressed, removed or undecided.
func (p *played) mails(t *rapid.T) []string {
	var list []string
	all := p.Mailbox.Messages()
	for _, m := range all[p.feed.mails:] {
		to := lower(m.To[0])
		if !strings.HasSuffix(to, "."+p.firm+"@example.com") {
			continue // a reminder of a firm that was played before
		}
		id, _, err := p.Keys.Open(p.TokenIn(m))
		if err != nil {
			t.Fatalf("the link to %s does not open: %v", m.To[0], err)
		}
		if p.tokens == nil {
			p.tokens = map[string]string{}
		}
		p.tokens[id.String()] = p.TokenIn(m)
		list = append(list, to+" "+id.String())
		allowed := testkit.Query[bool](p.Scene, `SELECT EXISTS (
			SELECT FROM invites i JOIN access a USING (firm_id, client_id, person)
			WHERE i.invite_id = $1 AND i.state = 'sent' AND a.state IN ('invited', 'active'))`, id)
		if p.model.suppressed[to] != (causes{}) || !allowed {
			t.Fatalf("a mail went to %s, who is suppressed, removed or undecided", to)
		}
	}
	p.feed.mails = len(all)
	return list
}

// access returns the firm's accesses, as "client person state login". It checks that no login has two owners.
func (p *played) access(t *rapid.T) []string {
	rows, err := p.DB.Query(p.Ctx, `SELECT client_id, person, state, email FROM access WHERE firm_id = $1`, p.firm)
	p.Must(err)
	defer rows.Close()
	var list []string
	held := map[string]string{}
	for rows.Next() {
		var client, person, state, email string
		p.Must(rows.Scan(&client, &person, &state, &email))
		if state == "invited" || state == "active" {
			if other := held[email]; email != "" && other != "" && other != person {
				t.Fatalf("the login %s is owned by %s and %s", email, other, person)
			}
			held[email] = person
		} else {
			email = ""
		}
		list = append(list, fmt.Sprintf("%s %s %s %s", client, person, state, email))
	}
	p.Must(rows.Err())
	return list
}

// inviteID derives the id of a recipient's invite, so that the model and the pipeline have the same ids.
func (p *played) inviteID(cause, client string, who named, times int) uuid.UUID {
	return ledger.InviteID(store.Request{ID: ledger.RequestID(p.firm, "test", cause), Time: p.model.now, TimedIDs: true},
		client, who.recipient(), times)
}
