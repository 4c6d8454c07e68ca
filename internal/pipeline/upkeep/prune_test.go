package upkeep_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/identity"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

// prunedOnce makes one pass that deletes what was finished before now - keep, and returns how many rows it deleted.
func (r *rig) prunedOnce(now time.Time, keep time.Duration) map[string]int {
	r.TB.Helper()
	cfg := r.Config()
	cfg.Keep, cfg.Now = keep, func() time.Time { return now }
	deleted, err := r.upkeep(cfg).Prune(r.Ctx, now.Add(-keep))
	r.Must(err)
	return deleted
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// agedInvite has everything about an invite that determines whether it stays.
type agedInvite struct {
	id      uuid.UUID
	state   string
	decided int        // days ago
	expired int        // days ago; negative: it has not expired yet
	tried   int        // days ago; -1: never
	opens   string     // the state of the access that its link opens; "" if there is none
	cause   *agedCause // its request
}

const keptDays = 120

func (i agedInvite) stays() bool {
	over := slices.Contains([]string{"sent", "skipped", "failed"}, i.state)
	return !over || i.decided < keptDays || i.expired < keptDays || i.tried >= 0 && i.tried < keptDays || i.opens != ""
}

// agedCause is an old request, with its run if it is a bulk request.
type agedCause struct {
	request store.Request
	run     uuid.NullUUID
	stays   bool // one of its invites stays
}

// everyAge returns an invite for every combination.
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

// Whatever the ledger has, an invite that still counts stays, with its request, its run and the run's sums. Everything
// else is deleted completely.
func TestPruningKeepsWhatStillCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	random := rand.New(rand.NewPCG(1, 2)) // the same sequence in every test
	invites := everyAge()
	random.Shuffle(len(invites), func(i, j int) { invites[i], invites[j] = invites[j], invites[i] })
	var causes []*agedCause
	const triggers = `ALTER TABLE invites %[1]s TRIGGER known_steps_only;
		ALTER TABLE access %[1]s TRIGGER known_steps_only`
	r.Exec(fmt.Sprintf(triggers, "DISABLE")) // rows are inserted in their last state
	for n := range invites {
		i := &invites[n]
		if n%2 == 0 { // each request has two invites
			causes = append(causes, r.insertCause(random.IntN(3), ago))
		}
		i.cause = causes[len(causes)-1]
		i.cause.stays = i.cause.stays || i.stays()
		i.id = ledger.InviteID(i.cause.request, fmt.Sprint("c", n), rules.Recipient{ContactID: "k"}, 1)
		r.insertAged(*i, fmt.Sprint("c", n), ago)
	}
	r.Exec(fmt.Sprintf(triggers, "ENABLE"))
	r.prunedOnce(now, keptDays*24*time.Hour)
	for _, i := range invites {
		there := testkit.Query[bool](r.Scene, `SELECT EXISTS (SELECT FROM invites WHERE invite_id = $1)`, i.id)
		attempts := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts WHERE invite_id = $1`, i.id)
		if there != i.stays() || (attempts > 0) != (there && i.tried >= 0) {
			t.Errorf("%+v is there: %v, with %d attempts", i, there, attempts)
		}
	}
	for _, c := range causes {
		// Without timed ids, the worker can't tell whether a request has invites left.
		stays := c.stays || !c.request.TimedIDs
		if there := testkit.Query[bool](r.Scene, `SELECT EXISTS (SELECT FROM requests WHERE request_id = $1)`,
			c.request.ID); there != stays {
			t.Errorf("request %+v is there: %v", c, there)
		}
		if run := testkit.Query[bool](r.Scene, `SELECT EXISTS (SELECT FROM runs WHERE run_id = $1 AND sent = 2)`,
			c.run); run != (stays && c.run.Valid) {
			t.Errorf("the run of %+v is there: %v", c, run)
		}
	}
}

// insertCause inserts a request: 0 for named recipients, 1 from before there were timed ids, 2 a bulk request.
func (r *rig) insertCause(kind int, ago func(int) time.Time) *agedCause {
	r.TB.Helper()
	c := &agedCause{request: store.Request{ID: uuid.New(), Time: ago(5000), TimedIDs: kind != 1}}
	r.Exec(`INSERT INTO requests VALUES ($1, 'acme', 's', $2, 'FileShared', '{}', $3, '', '', $3, 1, $4)`,
		c.request.ID, c.request.ID.String(), c.request.Time, c.request.TimedIDs)
	if kind == 2 {
		c.run = uuid.NullUUID{UUID: uuid.New(), Valid: true}
		r.Exec(`INSERT INTO runs
				(run_id, request_id, firm_id, kind, quiet, walked, selected, sent, turn_at, created_at, completed_at)
			VALUES ($1, $2, 'acme', 'invite', false, true, 2, 2, $3, $3, $3)`, c.run, c.request.ID, ago(5000))
	}
	return c
}

func (r *rig) insertAged(i agedInvite, client string, ago func(int) time.Time) {
	r.TB.Helper()
	r.Exec(`INSERT INTO invites
			(invite_id, request_id, firm_id, client_id, contact_id, added_email, added_name, kind, lane, run_id, state, revision,
			reason, reasons, settled, person, name, email, email_normal, nonce, attempt, decided_at, expires_at)
		VALUES ($1, $2, 'acme', $3, 'k', '', '', 'invite', 'bulk', $4, $5, 1,
			'', '[]', false, 'contact:k', '', '', '', 1, 1, $6, $7)`,
		i.id, i.cause.request.ID, client, i.cause.run, i.state, ago(i.decided), ago(i.expired))
	if i.tried >= 0 {
		r.Exec(`INSERT INTO attempts (invite_id, attempt, message_id, worker_id, started_at) VALUES ($1, 1, 'm', $1, $2)`,
			i.id, ago(i.tried))
		r.Exec(`INSERT INTO held_decisions VALUES ($1, 1, 'acme', 'send', 'sam', $2)`, i.id, ago(i.tried))
	}
	if i.opens != "" {
		r.Exec(`INSERT INTO access (firm_id, client_id, person, email, state, invite_id, version, stream, sequence)
			VALUES ('acme', $1, 'contact:k', 'k@example.com', $2, $3, 1, now(), 1)`, client, i.opens, i.id)
	}
}

func TestPruningDeletesRowsWithoutInvites(t *testing.T) {
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
			id := identity.Derive(row.name, string(kind))
			said := at
			if kind.Removes() { // its event may say any time
				said = at.AddDate(map[string]int{"old": 50, "new": -50}[row.name], 0, 0)
			}
			r.Exec(`INSERT INTO requests VALUES ($1, 'acme', 's', $2, $3, '{}', $4, '', '', $4, 1, true, $5)`, id, row.name,
				string(kind), said, at)
			if kind.Removes() {
				continue
			}
			run := map[events.Type]string{events.ReplayRequested: "replay", events.BulkInviteRequested: "invite"}[kind]
			r.Exec(`INSERT INTO runs (run_id, request_id, firm_id, kind, quiet, walked, turn_at, created_at, completed_at)
				VALUES ($1, $1, 'acme', $2, false, true, $3, $3, $3)`, id, run, at)
		}
		for _, state := range []string{"open", "requeued", "discarded"} {
			r.Exec(`INSERT INTO dead_letters (letter_id, firm_id, type, source, event_id, stream, sequence, subject,
					reason, durable, buried_at, headers, body, state, marked_at)
				VALUES ($1, 'acme', 'T', 's', 'e', $2, 1, 's', 'r', 'd', $2, '', '', $3, $2)`,
				identity.Derive(row.name, state), at, state)
		}
		r.Exec(`INSERT INTO recovered_outcomes (event_id, sequence, type, about, firm_id, client_id, contact_id, number, data,
				recovered_at)
			VALUES ($1, 1, 'InviteSent', gen_random_uuid(), 'acme', 'c', 'k', 1, '{}', $2)`, row.name, at)
	}
	// A run that is not complete stays, however old it is.
	going := identity.Derive("going")
	r.Exec(`INSERT INTO requests VALUES ($1, 'acme', 's', 'going', 'BulkInviteRequested', '{}', $2, '', '', $2, 1, true)`,
		going, now.AddDate(-2, 0, 0))
	r.Exec(`INSERT INTO runs (run_id, request_id, firm_id, kind, quiet, turn_at, created_at)
		VALUES ($1, $1, 'acme', 'invite', false, $2, $2)`, going, now.AddDate(-2, 0, 0))

	r.instructed(going, now.AddDate(-2, 0, 0))
	r.instructed(identity.Derive("old", string(events.BulkInviteRequested)), now.AddDate(0, 0, -400))
	r.instructed(uuid.New(), now.AddDate(0, 0, -100)) // no such run was ever known

	deleted := r.prunedOnce(now, 200*24*time.Hour)
	if deleted["requests"] != len(kinds)+1 || deleted["runs"] != 2 || deleted["dead_letters"] != 2 ||
		deleted["invites"] != 0 || deleted["recovered_outcomes"] != 1 {
		t.Errorf("deleted %v (PruneRemovals in internal/store/prune.go and its index list the types that remove access)",
			deleted)
	}
	if left := testkit.Query[int](r.Scene, `SELECT count(*) FROM requests
		WHERE event_id IN ('new', 'going')`); left != len(kinds)+1 {
		t.Errorf("%d requests are left, want %d", left, len(kinds)+1)
	}
	if left := testkit.Query[int](r.Scene, `SELECT count(*) FROM run_instructions
		JOIN requests USING (request_id)`); left != 2 {
		t.Errorf("%d instructions are left, want that of a run and the new one", left)
	}
	if open := testkit.Query[int](r.Scene, `SELECT count(*) FROM dead_letters WHERE state = 'open'`); open != 2 {
		t.Errorf("%d open letters are left, want 2", open)
	}
	if again := r.prunedOnce(now, 200*24*time.Hour); sum(again) != 0 {
		t.Errorf("a second pass deleted %v", again)
	}
}

// instructed inserts what a run was told at a time.
func (r *rig) instructed(run uuid.UUID, at time.Time) {
	r.TB.Helper()
	id := uuid.New()
	r.Exec(`INSERT INTO requests VALUES ($1, 'acme', 's', $2, 'RunPauseRequested', '{}', $3, '', '', $3, 1, true)`,
		id, id.String(), at)
	r.Exec(`INSERT INTO run_instructions VALUES ($1, $2, 'acme', 'pause', 'Ann', 'why', NULL, 'done', 'paused', $3)`,
		id, run, at)
}

// While the stream still has an event, its request and invites are not deleted, because they identify it when it is
// redelivered.
func TestNobodyGetsASecondMailAfterPruning(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Office(12)
	r.StartBoth()
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Invite("c0", testkit.Contact("k0"), testkit.Contact("k1"), testkit.Added("new@example.com", "New"))
	r.Settled()
	before := r.State()
	if before.Mails == 0 {
		t.Fatal("nobody was mailed")
	}
	inAMonth := time.Now().Add(events.DefaultEventsMaxAge)
	if deleted := r.prunedOnce(inAMonth, events.DefaultEventsMaxAge+events.DefaultMaxAge); sum(deleted) != 0 {
		t.Errorf("deleted %v", deleted)
	}
	r.Reset(testkit.Durables()...)
	r.Settled()
	if after := r.State(); after != before {
		t.Errorf("after the redelivery %+v, before %+v", after, before)
	}
}

// After years, valid links still open, everybody with an access has a status, and the run's sums are unchanged.
func TestPruningKeepsInvitesBehindAnAccess(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.Config()
	cfg.Policy = rules.Policy{InviteTTL: 300 * 24 * time.Hour} // no cooldown
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertContact("lee", "Lee Ray", "lee@example.com")
	r.UpsertClient("c1", "*dana", "*lee")
	r.UpsertClient("c2", "*ghost")
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Settled()
	r.Publish(events.InviteResendRequested, testkit.InviteData("c1", testkit.Contact("lee")))
	r.Settled()
	r.Exec(`UPDATE invites SET decided_at = decided_at - interval '200 days'`)
	r.Exec(`UPDATE attempts SET started_at = started_at - interval '200 days'`)
	// Lee's first invite, whose link was replaced.
	r.Exec(`UPDATE invites SET expires_at = decided_at WHERE kind = 'invite' AND contact_id = 'lee'`)

	deleted := r.prunedOnce(time.Now().Add(time.Second), 0) // with keep 0 every request is old
	if deleted["invites"] != 2 || deleted["requests"] != 0 {
		t.Fatalf("deleted %v, want Lee's first invite and the ghost's skip, whose run has others", deleted)
	}
	w := pipeline.NewInviteWorker(cfg)
	for _, m := range r.Mailbox.Messages() {
		redeemed, err := w.Answers().Redeem(r.Ctx, r.Firm, r.TokenIn(m))
		r.Must(err)
		invite := testkit.Query[string](r.Scene, `SELECT coalesce(max(kind), 'gone') FROM invites WHERE invite_id = $1`,
			redeemed.Invite.ID)
		if want := map[string]answer.Redemption{"invite": answer.LinkOpened, "resend": answer.LinkOpened,
			"gone": answer.LinkInvalid}[invite]; redeemed.Result != want {
			t.Errorf("the link of the %s of %s: %s", invite, m.To[0], redeemed.Result)
		}
	}
	statuses, err := r.Store.Statuses(r.Ctx, store.StatusFilter{FirmID: r.Firm, ClientID: "c1"}, 10)
	r.Must(err)
	for _, s := range statuses {
		if s.Access == nil || s.Access.State != rules.Active || s.Opener.State != store.Sent || s.Invite == nil {
			t.Errorf("%s: %+v, opened by %+v", s.Person, s.Access, s.Opener)
		}
	}
	if sums := testkit.Query[string](r.Scene, `SELECT concat_ws(' ', selected, sent, skipped, failed, pending)
		FROM runs`); sums != "3 2 1 0 0" {
		t.Errorf("the run's sums are %s", sums)
	}
}

// Nothing stays of people who have left longer ago than LEDGER_KEEP, and everything of those who have not.
func TestNothingStaysOfPeopleWhoHaveLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.Config()
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.UpsertFirm()
	people := []string{"gone", "late", "stays", "lost"}
	for _, who := range people {
		r.UpsertContact(who, who+" Wu", who+"@example.com")
		r.UpsertClient("c-"+who, "*"+who)
		r.Invite("c-"+who, testkit.Contact(who))
	}
	r.Invite("c-gone", testkit.Added("guest@example.com", "Guest"))
	r.Settled()
	r.Exec(`UPDATE access SET expires_at = now() WHERE person IN ('contact:late', 'contact:lost')`)
	r.Await(r.Outcomes(), 2, events.InviteExpired)
	r.Publish(events.ContactRemoved, testkit.Object{"contact_id": "gone"})
	r.Publish(events.ContactRemoved, testkit.Object{"contact_id": "late"})
	r.Publish(events.ClientRemoved, testkit.Object{"client_id": "c-gone"})
	r.Settled()
	r.Exec(`UPDATE access SET removed_at = removed_at - interval '200 days', expires_at = expires_at - interval '200 days'
		WHERE state IN ('removed', 'expired')`)
	r.Exec(`UPDATE invites SET decided_at = decided_at - interval '200 days',
		expires_at = expires_at - interval '200 days'`)
	r.Exec(`UPDATE attempts SET started_at = started_at - interval '200 days'`)
	deleted := r.prunedOnce(time.Now().Add(time.Second), 0) // with keep 0 every request is old
	if deleted["access"] != 3 || deleted["invites"] != 3 || deleted["requests"] == 0 {
		t.Errorf("deleted %v, want 3 accesses and their invites", deleted)
	}
	left := testkit.Query[[]string](r.Scene, `SELECT array_agg(person ORDER BY person) FROM access`)
	if want := []string{"contact:lost", "contact:stays"}; !slices.Equal(left, want) {
		t.Errorf("the access of %v is left, want %v", left, want)
	}
	for _, table := range []string{
		"access", "invites", "requests", "attempts", "contacts", "logins", "mail_reports", "outbox",
	} {
		for _, who := range []string{"gone", "late", "guest"} {
			found := testkit.Query[int](r.Scene, `SELECT count(*) FROM `+table+` t
				WHERE t::text ILIKE '%' || $1 || '@%' OR t::text LIKE '%' || $1 || ' Wu%'`, who)
			if found != 0 {
				t.Errorf("%s still has %s", table, who)
			}
		}
	}
	if again := r.prunedOnce(time.Now().Add(time.Second), 0); sum(again) != 0 {
		t.Errorf("a second pass deleted %v", again)
	}
	// Somebody who has left may come back, and is invited like anybody else.
	r.UpsertContact("gone", "Gone Wu", "gone@example.com")
	r.UpsertClient("c-gone", "*gone")
	r.Invite("c-gone", testkit.Contact("gone"))
	r.Settled()
	if o := r.Newest()["c-gone/gone"]; o.Type != events.InviteSent {
		t.Errorf("invited anew: %s", o.Raw)
	}
}
