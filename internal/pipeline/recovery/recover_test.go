package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/pipelinetest"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

const clients = 60

// The database is copied in the middle of a run. When everything has ended, the copy is restored, and recovered. Then
// the ledger is as it was before the loss, and nobody is mailed again.
func TestARestoredDatabaseIsRecovered(t *testing.T) {
	t.Parallel()
	t.Run("with pg_basebackup", func(t *testing.T) {
		t.Parallel()
		server := testenv.NewOwnServer(t)
		r := &rig{pipelinetest.OnDatabase(t, testenv.Broker(t), server.DatabaseURL)}
		r.losesItsPast(rand.N(clients-5), true, server.BackUp)
	})
	moments := 2
	if given := os.Getenv("RECOVERY_MOMENTS"); given != "" {
		var err error
		if moments, err = strconv.Atoi(given); err != nil {
			t.Fatalf("RECOVERY_MOMENTS: %v", err)
		}
	}
	for n := range moments {
		mails, running := rand.N(clients-5), n%2 == 1
		t.Run(fmt.Sprintf("%d: after %d mails, while workers run: %v", n, mails, running), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.losesItsPast(mails, running, func() func() { return testenv.BackUp(t, r.DatabaseURL) })
		})
	}
}

// losesItsPast makes an office live, restores a backup from the middle of its run, and recovers it. Workers are running
// meanwhile, or not.
func (r *rig) losesItsPast(mails int, running bool, backUp func() (restore func())) {
	t := r.TB
	t.Helper()
	w, stop, restore := r.live(mails, backUp)
	before := r.ledger()
	mailed, links := len(r.Mailbox.Messages()), r.links()
	published := len(r.Published())
	if running {
		restore()
	} else {
		stop()
		restore()
		w = pipeline.NewInviteWorker(r.Config())
		r.StartWorker(w)
		r.StartBulk()
	}
	r.logged(2, "the database was restored to an earlier moment")
	check, err := w.Answers().Recover(r.Ctx, true, 0)
	r.Must(err)
	if len(check.Lost) == 0 || check.Done || check.Read != check.Last {
		t.Errorf("checked: %+v", check)
	}
	r.recover(w.Answers())
	r.Settled()
	r.remind()
	r.same("the ledger", before, r.ledger())
	r.same("the links", links, r.links())
	if again := len(r.Mailbox.Messages()) - mailed; again != 0 {
		t.Errorf("%d mails left again", again)
	}
	for _, o := range r.Published()[published:] {
		t.Errorf("published again: %s %s %s", o.Type, o.EventID, o.Raw)
	}
	unasked, err := w.Answers().Unasked(r.Ctx, 10)
	r.Must(err)
	if unasked.Total != 0 {
		t.Errorf("without a request: %+v", unasked)
	}
	// What is decided from now on has a higher revision.
	r.UpsertContact("k1", "Kay k1", "k1@example.com")
	r.Publish(events.EmailUnsuppressed, testkit.Object{"email": "k11@example.com", "cause": "bounce"})
	r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
	r.Settled()
	if o := r.Newest()["c1/k1"]; o.Type != events.InviteSent || o.Revision != 2 {
		t.Errorf("after it was fixed: %s", o.Raw)
	}
	// The recovered failure suppresses the address once, and not again after that was lifted.
	if o := r.Newest()["c11/k11"]; o.Type != events.InviteSent {
		t.Errorf("after its suppression was lifted: %s", o.Raw)
	}
}

// live makes an office live for a while, with workers that stop ends. The database is copied when that many mails have
// left, and at least one outcome is known to be published: before that, nothing can be noticed (ADR 87). restore puts
// the copy in its place.
func (r *rig) live(mails int, backUp func() (restore func())) (w *pipeline.Worker, stop, restore func()) {
	r.TB.Helper()
	w = pipeline.NewInviteWorker(r.Config())
	stopInvites, stopBulk := r.StartWorker(w), r.StartBulk()
	r.Mailbox.Refuse("k5@example.com", 550, [3]int{5, 1, 1}, "no such user")
	r.Office(clients)
	r.UpsertContact("k2", "Kay k2", "not an email")
	r.Invite("c0", testkit.Contact("k0"), testkit.Added("new@example.com", "New"))
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	testenv.Eventually(r.TB, time.Minute, func() error {
		if n := len(r.Mailbox.Messages()); n < mails {
			return fmt.Errorf("%d of %d mails", n, mails)
		}
		if !testkit.Query[bool](r.Scene, `SELECT EXISTS (SELECT FROM outcome_streams WHERE last_sequence > 0)`) {
			return errors.New("no outcome is known to be published")
		}
		return nil
	})
	restore = backUp()
	r.Settled()
	r.UpsertContact("k2", "Kay k2", "k2@example.com")
	r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
	r.Invite("c3", testkit.Added("guest@example.com", "Guest"))
	r.Publish(events.PortalAccessGranted,
		testkit.Object{"client_id": "c4", "contact_id": "k4", "granted_at": time.Now()})
	r.Publish(events.ContactRemoved, testkit.Object{"contact_id": "k6"})
	r.Publish(events.AccessRemovalRequested, testkit.InviteData("c7", testkit.Contact("k7")))
	r.Settled()
	r.Exec(`UPDATE access SET mailed_at = mailed_at - interval '1 day', invited_at = invited_at - interval '1 day'
		WHERE person = 'contact:k8'`) // no resend is too soon
	r.Publish(events.InviteResendRequested, testkit.InviteData("c8", testkit.Contact("k8")))
	r.Settled()
	opened, err := w.Answers().Redeem(r.Ctx, r.Firm, r.tokenTo("k9@example.com"))
	r.Must(err)
	if opened.Result != answer.LinkOpened {
		r.TB.Fatalf("the link is %s", opened.Result)
	}
	r.report("k10", "delivered", "")
	r.report("k11", "bounced", "550 5.1.1")
	r.report("k13", "bounced", "550 5.1.1")
	r.Settled()
	r.Publish(events.EmailUnsuppressed, testkit.Object{"email": "k13@example.com", "cause": "bounce"})
	r.Publish(events.EmailUnsuppressed, testkit.Object{"email": "k5@example.com", "cause": "bounce"})
	r.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "reminder_after", "72h"))
	r.Settled()
	r.remind()
	return w, func() { stopInvites(); stopBulk() }, restore
}

// report publishes what became of a contact's mail.
func (r *rig) report(contact, kind, code string) {
	r.TB.Helper()
	sent := r.Newest()[strings.Replace(contact, "k", "c", 1)+"/"+contact]
	data := testkit.Object{
		"kind": kind, "message_id": sent.MessageID, "email": contact + "@example.com", "at": time.Now(), "reporter": "ses",
	}
	if code != "" {
		data["code"], data["said"] = code, "no such user"
	}
	r.Publish(events.MailReported, data)
}

// remind waits until the reminder of a contact is on record as sent. The reminder comes due now.
func (r *rig) remind() {
	r.TB.Helper()
	r.Exec(`UPDATE access SET mailed_at = mailed_at - interval '73 hours' WHERE person = 'contact:k12'`)
	testenv.Eventually(r.TB, time.Minute, func() error {
		n := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites JOIN requests USING (request_id)
			WHERE source = 'portal-invites' AND state = 'sent'`)
		if n != 1 {
			return fmt.Errorf("%d reminders are sent", n)
		}
		return nil
	})
	r.Settled()
}

// recover recovers, as often as the answer says that it is not done.
func (r *rig) recover(a *answer.Answers) {
	r.TB.Helper()
	for {
		done, err := a.Recover(r.Ctx, false, 0)
		r.Must(err)
		if done.Done {
			return
		}
	}
}

// ledger returns what matters of the ledger, line by line.
func (r *rig) ledger() []string {
	r.TB.Helper()
	var lines []string
	for _, sql := range []string{
		`SELECT format('%s %s %s: %s %s %s settled=%s %s %s nonce=%s expires=%s replay=%s',
			client_id, contact_id, added_email, state, revision, reason, settled, person,
			CASE WHEN k.removed THEN '' ELSE i.email_normal END,
			CASE WHEN state = 'sent' THEN nonce END, CASE WHEN state = 'sent' THEN expires_at::timestamptz(3) END,
			replay_id IS NOT NULL) FROM invites i LEFT JOIN contacts k USING (firm_id, contact_id)`,
		`SELECT format('mail %s %s: %s', invite_id, attempt, message_id) FROM attempts WHERE verdict = 'delivered'`,
		`SELECT format('report %s %s %s: %s', invite_id, kind, code, failed) FROM mail_reports`,
		`SELECT format('suppressed %s: %s', email, cause) FROM suppressions WHERE NOT lifted`,
		`SELECT format('access %s %s: %s %s %s %s', client_id, person, state, email, invite_id, reminders) FROM access
			WHERE state IN ('invited', 'active')`,
		`SELECT format('login %s %s %s', email, person, held_until = '9999-01-01Z') FROM logins`,
		`SELECT format('run %s %s: %s %s %s %s %s %s', run_id, kind, selected, sent, skipped, failed, pending,
			completed_at IS NOT NULL) FROM runs WHERE NOT quiet`,
	} {
		rows, err := r.DB.Query(r.Ctx, sql)
		r.Must(err)
		for rows.Next() {
			var line string
			r.Must(rows.Scan(&line))
			lines = append(lines, line)
		}
		r.Must(rows.Err())
	}
	slices.Sort(lines)
	return lines
}

// links returns what the link of each mail leads to.
func (r *rig) links() []string {
	r.TB.Helper()
	w := pipeline.NewInviteWorker(r.Config())
	var lines []string
	for _, m := range r.Mailbox.Messages() {
		peeked, err := w.Answers().Peek(r.Ctx, r.Firm, r.TokenIn(m))
		r.Must(err)
		if peeked.Result == answer.LinkExpired {
			peeked.Result = answer.LinkRemoved // both open nothing
		}
		lines = append(lines, m.To[0]+": "+string(peeked.Result))
	}
	slices.Sort(lines)
	return lines
}

func (r *rig) tokenTo(email string) string {
	r.TB.Helper()
	for _, m := range r.Mailbox.Messages() {
		if m.To[0] == email {
			return r.TokenIn(m)
		}
	}
	r.TB.Fatalf("no mail to %s", email)
	return ""
}

func (r *rig) same(what string, before, after []string) {
	r.TB.Helper()
	for _, line := range before {
		if !slices.Contains(after, line) {
			r.TB.Errorf("%s has lost: %s", what, line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			r.TB.Errorf("%s has got: %s", what, line)
		}
	}
}

// A call may end anywhere, with its worker. The next one goes on, and the end is the same.
func TestARecoveryThatIsInterruptedGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, stop, restore := r.live(20, func() func() { return testenv.BackUp(t, r.DatabaseURL) })
	stop()
	before, mailed, links := r.ledger(), len(r.Mailbox.Messages()), r.links()
	published := len(r.Published())
	restore()
	a := pipeline.NewInviteWorker(r.Config()).Answers()
	testenv.Eventually(t, time.Minute, func() error { return r.Store.Ping(r.Ctx) }) // its connections are lost
	interrupted := 0
	for looks := int64(1); ; looks += 1 + looks/16 {
		f := &fuse{Context: r.Ctx, blown: make(chan struct{})}
		f.left.Store(looks)
		done, err := a.Recover(f, false, 0)
		if err == nil && done.Done {
			break
		}
		if err == nil {
			t.Fatalf("after %d looks at the context: %+v", looks, done)
		}
		interrupted++
	}
	if interrupted < 20 {
		t.Errorf("it was interrupted %d times only", interrupted)
	}
	r.StartBoth()
	r.Settled()
	r.remind()
	r.same("the ledger", before, r.ledger())
	r.same("the links", links, r.links())
	if again := len(r.Mailbox.Messages()) - mailed; again != 0 {
		t.Errorf("%d mails left again", again)
	}
	for _, o := range r.Published()[published:] {
		t.Errorf("published again: %s %s %s", o.Type, o.EventID, o.Raw)
	}
}

// fuse is a context that ends when somebody has looked at it often enough. Whoever is about to wait for the database or
// the broker looks at it.
type fuse struct {
	context.Context //nolint:containedctx // it is a context

	left  atomic.Int64
	blown chan struct{}
}

func (f *fuse) Done() <-chan struct{} {
	if f.left.Add(-1) == 0 {
		close(f.blown)
	}
	return f.blown
}

func (f *fuse) Err() error {
	select {
	case <-f.blown:
		return context.Canceled
	default:
		return f.Context.Err()
	}
}

// A backup has an invite that was just being sent. The worker lives on and knows nothing of that, because its attempt
// has ended since: the server wanted the mail later.
func TestWhatTheBackupWasSendingIsSent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.Config())
	r.StartWorker(w)
	r.Office(4)
	r.Mailbox.Refuse("k3@example.com", 451, [3]int{4, 3, 0}, "later")
	r.Invite("c3", testkit.Contact("k3"))
	r.Attempted(1)
	r.Exec(`UPDATE invites SET state = 'sending', next_attempt_at = NULL, slot_at = NULL, attempt = 1,
		worker_id = (SELECT worker_id FROM workers)`)
	r.Exec(`UPDATE attempts SET verdict = '', finished_at = NULL`)
	restore := testenv.BackUp(t, r.DatabaseURL)
	testenv.Eventually(t, time.Minute, func() error { return r.DB.Ping(r.Ctx) }) // its connections are lost
	r.Invite("c2", testkit.Contact("k2"))
	_, err := r.Mailbox.Wait(r.Ctx, 1)
	r.Must(err)
	testenv.Eventually(t, time.Minute, func() error {
		if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM outcome_streams WHERE last_sequence > 0`); n != 1 {
			return errors.New("nothing is published")
		}
		return nil
	})
	restore()
	r.logged(1, "the database was restored to an earlier moment")
	r.Mailbox.Accept("k3@example.com")
	r.recover(w.Answers())
	r.Settled()
	if o := r.Newest()["c3/k3"]; o.Type != events.InviteSent {
		t.Errorf("it was not sent: %s", o.Raw)
	}
	if verdict := testkit.Query[string](r.Scene, `SELECT verdict FROM attempts WHERE attempt = 1 AND invite_id = (
		SELECT invite_id FROM invites WHERE contact_id = 'k3')`); verdict != "unknown" {
		t.Errorf("the attempt of the backup is %q (Orphan in internal/store/workers.go)", verdict)
	}
}

// A database that was never restored has nothing to recover.
func TestNothingIsRecoveredFromAWholeLedger(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.Config())
	if _, err := w.Answers().Recover(r.Ctx, false, 0); !errors.Is(err, answer.ErrNothingKnown) {
		t.Errorf("before anything was published: %v", err)
	}
	r.StartWorker(w)
	r.Office(3)
	r.Invite("c0", testkit.Contact("k0"))
	r.Settled()
	got, err := w.Answers().Recover(r.Ctx, false, 0)
	r.Must(err)
	if !got.Done || len(got.Lost) != 0 || got.Read != got.Last {
		t.Errorf("recovered: %+v", got)
	}
	if strings.Contains(r.Log.String(), "restored") {
		t.Error("the log tells of a restored database")
	}
}
