package pipeline

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// prunedOnce has a worker prune what was over keep ago, until nothing is left to prune.
func (r *rig) prunedOnce(now time.Time, keep time.Duration) map[string]int {
	r.t.Helper()
	cfg := r.config()
	cfg.Keep, cfg.Now = keep, func() time.Time { return now }
	w := NewInviteWorker(cfg)
	p := pruning{Worker: w, before: now.Add(-keep), deleted: map[string]int{}}
	r.must(p.pass(r.ctx))
	return p.deleted
}

// agedInvite is an invite as it is found, in the words by which it is decided whether it stays.
type agedInvite struct {
	id      uuid.UUID
	state   string
	decided int // days ago, like the others
	expired int // negative: not yet
	tried   int // -1: never
	opens   string
	cause   *agedCause
}

const keptDays = 120

func (i agedInvite) stays() bool {
	over := slices.Contains([]string{"sent", "skipped", "failed"}, i.state)
	return !over || i.decided < keptDays || i.expired < keptDays || i.tried >= 0 && i.tried < keptDays || i.opens != ""
}

// agedCause is a request from long ago, and its run, if it is a bulk request.
type agedCause struct {
	request store.Request
	run     uuid.NullUUID
	stays   bool // one of its invites does
}

// everyAge is every invite there can be.
func everyAge() (all []agedInvite) {
	for _, state := range []string{"queued", "sending", "sent", "skipped", "failed"} {
		for _, decided := range []int{1, keptDays - 1, keptDays + 1, 4000} {
			for _, expired := range []int{-300, keptDays - 1, keptDays + 1} {
				for _, tried := range []int{-1, keptDays - 1, keptDays + 1} {
					for _, opens := range []string{"", "invited", "active", "expired", "removed"} {
						all = append(all, agedInvite{state: state, decided: decided, expired: expired, tried: tried, opens: opens})
					}
				}
			}
		}
	}
	return all
}

// Of everything that the ledger may hold, what still counts stays, with its request, its run and the run's sums, and the rest goes
// whole.
func TestPruningLeavesWhatCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	random := rand.New(rand.NewPCG(1, 2)) // the same every time
	invites := everyAge()
	random.Shuffle(len(invites), func(i, j int) { invites[i], invites[j] = invites[j], invites[i] })
	var causes []*agedCause
	for n := range invites {
		i := &invites[n]
		if n%2 == 0 { // two invites a request
			causes = append(causes, r.insertCause(random.IntN(3), ago))
		}
		i.cause = causes[len(causes)-1]
		i.cause.stays = i.cause.stays || i.stays()
		i.id = inviteID(i.cause.request, fmt.Sprint("c", n), rules.Recipient{ContactID: "k"}, 1)
		r.insertAged(*i, fmt.Sprint("c", n), ago)
	}
	r.prunedOnce(now, keptDays*24*time.Hour)
	for _, i := range invites {
		there := query[bool](r, `SELECT EXISTS (SELECT FROM invites WHERE invite_id = $1)`, i.id)
		attempts := query[int](r, `SELECT count(*) FROM attempts WHERE invite_id = $1`, i.id)
		if there != i.stays() || (attempts > 0) != (there && i.tried >= 0) {
			t.Errorf("%+v is there: %v, with %d attempts", i, there, attempts)
		}
	}
	for _, c := range causes {
		// Where the ids say nothing of the time, nobody knows whether there are invites left.
		stays := c.stays || !c.request.TimedIDs
		if there := query[bool](r, `SELECT EXISTS (SELECT FROM requests WHERE request_id = $1)`, c.request.ID); there != stays {
			t.Errorf("request %+v is there: %v", c, there)
		}
		if run := query[bool](r, `SELECT EXISTS (SELECT FROM runs WHERE run_id = $1 AND sent = 2)`, c.run); run != (stays && c.run.Valid) {
			t.Errorf("the run of %+v is there: %v", c, run)
		}
	}
}

// insertCause is a named request, one from before there were timed ids, or a bulk request.
func (r *rig) insertCause(kind int, ago func(int) time.Time) *agedCause {
	r.t.Helper()
	c := &agedCause{request: store.Request{ID: uuid.New(), Time: ago(5000), TimedIDs: kind != 1}}
	r.exec(`INSERT INTO requests VALUES ($1, 'acme', 's', $2, 'FileShared', '{}', $3, '', '', $3, 1, $4)`,
		c.request.ID, c.request.ID.String(), c.request.Time, c.request.TimedIDs)
	if kind == 2 {
		c.run = uuid.NullUUID{UUID: uuid.New(), Valid: true}
		r.exec(`INSERT INTO runs (run_id, request_id, firm_id, kind, quiet, walked, selected, sent, turn_at, created_at, completed_at)
			VALUES ($1, $2, 'acme', 'invite', false, true, 2, 2, $3, $3, $3)`, c.run, c.request.ID, ago(5000))
	}
	return c
}

func (r *rig) exec(sql string, args ...any) {
	r.t.Helper()
	_, err := r.db.Exec(r.ctx, sql, args...)
	r.must(err)
}

func (r *rig) insertAged(i agedInvite, client string, ago func(int) time.Time) {
	r.t.Helper()
	r.exec(`INSERT INTO invites (invite_id, request_id, firm_id, client_id, contact_id, added_email, added_name, kind, lane, run_id, state, revision,
			reason, reasons, settled, person, name, email, email_normal, nonce, attempt, decided_at, expires_at)
		VALUES ($1, $2, 'acme', $3, 'k', '', '', 'invite', 'bulk', $4, $5, 1, '', '[]', false, 'contact:k', '', '', '', 1, 1, $6, $7)`,
		i.id, i.cause.request.ID, client, i.cause.run, i.state, ago(i.decided), ago(i.expired))
	if i.tried >= 0 {
		r.exec(`INSERT INTO attempts (invite_id, attempt, message_id, worker_id, started_at) VALUES ($1, 1, 'm', $1, $2)`, i.id, ago(i.tried))
		r.exec(`INSERT INTO held_decisions VALUES ($1, 1, 'acme', 'send', 'sam', $2)`, i.id, ago(i.tried))
	}
	if i.opens != "" {
		r.exec(`INSERT INTO access (firm_id, client_id, person, email, state, invite_id, version, stream, sequence)
			VALUES ('acme', $1, 'contact:k', 'k@example.com', $2, $3, 1, now(), 1)`, client, i.opens, i.id)
	}
}

func TestPruningTakesWhatHasNoInvites(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now := time.Now().UTC()
	removals := slices.DeleteFunc(events.IncomingTypes(), func(t events.Type) bool { return !t.Removes() })
	kinds := append(removals, events.ReplayRequested, events.BulkInviteRequested)
	for _, row := range []struct {
		name string
		days int
	}{{"old", 400}, {"new", 100}} {
		at := now.AddDate(0, 0, -row.days)
		for _, kind := range kinds {
			id := derive(row.name, string(kind))
			r.exec(`INSERT INTO requests VALUES ($1, 'acme', 's', $2, $3, '{}', $4, '', '', $4, 1, true)`, id, row.name, string(kind), at)
			if kind.Removes() {
				continue
			}
			run := map[events.Type]string{events.ReplayRequested: "replay", events.BulkInviteRequested: "invite"}[kind]
			r.exec(`INSERT INTO runs (run_id, request_id, firm_id, kind, quiet, walked, turn_at, created_at, completed_at)
				VALUES ($1, $1, 'acme', $2, false, true, $3, $3, $3)`, id, run, at)
		}
		for _, state := range []string{"open", "requeued", "discarded"} {
			r.exec(`INSERT INTO dead_letters (letter_id, firm_id, type, source, event_id, stream, sequence, subject, reason, durable, buried_at, headers, body, state, marked_at)
				VALUES ($1, 'acme', 'T', 's', 'e', $2, 1, 's', 'r', 'd', $2, '', '', $3, $2)`, derive(row.name, state), at, state)
		}
	}
	// A run that still goes on, however long ago it began.
	going := derive("going")
	r.exec(`INSERT INTO requests VALUES ($1, 'acme', 's', 'going', 'BulkInviteRequested', '{}', $2, '', '', $2, 1, true)`, going, now.AddDate(-2, 0, 0))
	r.exec(`INSERT INTO runs (run_id, request_id, firm_id, kind, quiet, turn_at, created_at) VALUES ($1, $1, 'acme', 'invite', false, $2, $2)`, going, now.AddDate(-2, 0, 0))

	deleted := r.prunedOnce(now, 200*24*time.Hour)
	if deleted["requests"] != len(kinds) || deleted["runs"] != 2 || deleted["dead_letters"] != 2 || deleted["invites"] != 0 {
		t.Errorf("deleted %v (which requests remove access, PruneRemovals in internal/store/prune.go and its index say as well)", deleted)
	}
	if left := query[int](r, `SELECT count(*) FROM requests WHERE event_id IN ('new', 'going')`); left != len(kinds)+1 {
		t.Errorf("%d requests are left, want %d", left, len(kinds)+1)
	}
	if open := query[int](r, `SELECT count(*) FROM dead_letters WHERE state = 'open'`); open != 2 {
		t.Errorf("%d open letters are left, want 2", open)
	}
	if again := r.prunedOnce(now, 200*24*time.Hour); sum(again) != 0 {
		t.Errorf("a second pass deleted %v", again)
	}
}

// As long as the stream has an event, nothing is deleted by which it would be known again.
func TestPruningMailsNobodyAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office(12)
	r.startBoth()
	r.publish(events.BulkInviteRequested, bulkAll())
	r.invite("c0", contact("k0"), contact("k1"), added("new@example.com", "New"))
	r.settled()
	before := r.state()
	if before.mails == 0 {
		t.Fatal("nobody was mailed")
	}
	inAMonth := time.Now().Add(events.DefaultEventsMaxAge)
	if deleted := r.prunedOnce(inAMonth, events.DefaultEventsMaxAge+events.DefaultMaxAge); sum(deleted) != 0 {
		t.Errorf("deleted %v", deleted)
	}
	r.reset(durables...)
	r.settled()
	if after := r.state(); after != before {
		t.Errorf("delivered again %+v, before %+v", after, before)
	}
}

// Years later: the links that are valid open, everybody who has an access has a status, and the run's sums are what they were.
func TestPruningKeepsWhatAccessGoesBackTo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.config()
	cfg.Policy = rules.Policy{InviteTTL: 300 * 24 * time.Hour} // no cooldown
	r.firm()
	r.contact("dana", "Dana Wu", "dana@example.com")
	r.contact("lee", "Lee Ray", "lee@example.com")
	r.client("c1", "*dana", "*lee")
	r.client("c2", "*ghost")
	r.start(NewInviteWorker(cfg))
	r.start(NewBulkWorker(cfg))
	r.publish(events.BulkInviteRequested, bulkAll())
	r.settled()
	r.publish(events.InviteResendRequested, inviteData("c1", contact("lee")))
	r.settled()
	r.age(`UPDATE invites SET decided_at = decided_at - interval '200 days'`)
	r.age(`UPDATE attempts SET started_at = started_at - interval '200 days'`)
	r.age(`UPDATE invites SET expires_at = decided_at WHERE kind = 'invite' AND contact_id = 'lee'`) // its link was replaced

	deleted := r.prunedOnce(time.Now().Add(time.Second), 0) // as if the requests were as old
	if deleted["invites"] != 2 || deleted["requests"] != 0 {
		t.Fatalf("deleted %v, want Lee's first invite and the ghost's skip, whose run has others", deleted)
	}
	w := NewInviteWorker(cfg)
	for _, m := range r.mailbox.Messages() {
		redeemed, err := w.Redeem(r.ctx, firm, r.tokenIn(m))
		r.must(err)
		invite := query[string](r, `SELECT coalesce(max(kind), 'gone') FROM invites WHERE invite_id = $1`, redeemed.Invite.ID)
		if want := map[string]Redemption{"invite": LinkOpened, "resend": LinkOpened, "gone": LinkInvalid}[invite]; redeemed.Result != want {
			t.Errorf("the link of the %s of %s: %s", invite, m.To[0], redeemed.Result)
		}
	}
	standings, err := r.store.Standings(r.ctx, store.StandingFilter{FirmID: firm, ClientID: "c1"}, 10)
	r.must(err)
	for _, s := range standings {
		if s.Access == nil || s.Access.State != rules.Active || s.Opener.State != store.Sent || s.Invite == nil {
			t.Errorf("%s: %+v, opened by %+v", s.Person, s.Access, s.Opener)
		}
	}
	if sums := query[string](r, `SELECT concat_ws(' ', selected, sent, skipped, failed, pending) FROM runs`); sums != "3 2 1 0 0" {
		t.Errorf("the run's sums are %s", sums)
	}
}
