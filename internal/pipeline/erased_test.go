package pipeline_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// erase publishes that a person is erased. who has a contact_id or an email.
func (r *rig) erase(who testkit.Object) {
	r.Publish(events.PersonErased, erasing(who))
}

func erasing(who testkit.Object) testkit.Object {
	return testkit.With(testkit.With(who, "requested_by", "Kim Staff"), "reason", "They asked for it by letter 17.")
}

// dump is the whole database as text.
func (r *rig) dump() string {
	r.TB.Helper()
	return testenv.Dump(r.TB, r.DatabaseURL)
}

// mustNotHave fails for each text that the database has.
func (r *rig) mustNotHave(texts ...string) {
	r.TB.Helper()
	dump := r.dump()
	for _, text := range texts {
		for line := range strings.Lines(dump) {
			if strings.Contains(strings.ToLower(line), strings.ToLower(text)) {
				r.TB.Errorf("the database still has %q: %.300s", text, line)
			}
		}
	}
}

// pat fills every table with Pat: a contact of three clients, with an email before the one of today. Dana shares a
// request with Pat.
func pat(t *testing.T) (*rig, *pipeline.Worker) {
	t.Helper()
	r := newRig(t)
	cfg := r.Config()
	cfg.Policy.ResendCooldown = -time.Minute
	w := pipeline.NewInviteWorker(cfg)
	r.StartWorker(w)
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "decline", true))
	r.UpsertContact("pat-id", "Pat Zyxine", "zyxine.old@example.com")
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.Publish(events.ClientUpserted, testkit.With(testkit.With(testkit.ClientData("c1", "*pat-id"),
		"kind", "individual"), "name", "Pat Zyxine"))
	r.UpsertClient("c2", "pat-id", "*dana")
	r.UpsertClient("c3", "pat-id")
	r.Invite("c1", testkit.Contact("pat-id"))
	r.Settled()
	first := r.Mailbox.Messages()[0]
	_, err := w.Answers().Decline(r.Ctx, firm, r.TokenIn(first), false)
	r.Must(err)
	r.UpsertContact("pat-id", "Pat Zyxine", "zyxine@example.com")
	r.Settled()
	alone := testkit.With(testkit.InviteData("c1", testkit.Contact("pat-id")), "message",
		testkit.Object{"text": "Dear Pat, zyxinemessage for you alone."})
	r.PublishAs("alone", events.InviteRequested, alone)
	r.Settled()
	r.PublishAs("both", events.InviteRequested, testkit.With(testkit.InviteData("c2", testkit.Contact("dana"),
		testkit.Contact("pat-id")), "message", testkit.Object{"text": "For the two of you."}))
	r.Settled()
	r.Publish(events.BulkInviteRequested, testkit.BulkAll()) // nobody of c3 is Primary, and that names Pat
	r.Publish(events.AccessRemovalRequested, testkit.InviteData("c3", testkit.Contact("pat-id")))
	r.Publish(events.ContactUpserted, testkit.Object{"contact_id": "pat-id", "name": 7, "email": "zyxine@example.com"})
	r.Publish(events.EmailSuppressed, testkit.Object{"email": "zyxine@example.com", "cause": "complaint"})
	sent := r.Published(events.InviteSent)
	r.Publish(events.MailReported, testkit.Object{
		"kind": "delivered", "message_id": sent[1].MessageID, "email": "zyxine@example.com", "at": time.Now(),
		"reporter": "ses",
	})
	r.Settled()
	return r, w
}

// Nothing of an erased person is left in the database: no name, no email, no message to them alone. What must outlive
// them does.
func TestAnErasedPersonIsGone(t *testing.T) {
	t.Parallel()
	r, w := pat(t)
	link := r.TokenIn(r.Mailbox.Messages()[1])
	if !strings.Contains(r.dump(), "zyxinemessage") {
		t.Fatal("the dump does not show what is there before")
	}
	before := testkit.Query[string](r.Scene, `SELECT string_agg(state || ' ' || revision, ', ' ORDER BY invite_id)
		FROM invites`)
	mails := len(r.Mailbox.Messages())
	r.erase(testkit.Contact("pat-id"))
	r.Settled()
	r.mustNotHave("zyxine", "Pat Zyx", "pat-id")
	if dump := r.dump(); !strings.Contains(dump, "For the two of you.") || !strings.Contains(dump, "Dana Wu") {
		t.Error("the message to Dana is gone")
	}
	after := testkit.Query[string](r.Scene, `SELECT string_agg(state || ' ' || revision, ', ' ORDER BY invite_id)
		FROM invites`)
	if before != after {
		t.Errorf("the invites were %s, and are %s", before, after)
	}
	if got := r.accesses(); got != "c2 contact:dana invited" {
		t.Errorf("access is %s", got)
	}
	removed := r.Published(events.RemovedAccess)
	last := removed[len(removed)-1]
	if last.Recipient.ContactID != "pat-id" || strings.Contains(last.Raw, "example.com") {
		t.Errorf("the end of the access: %s", last.Raw)
	}
	if opened, err := w.Answers().Redeem(r.Ctx, firm, link); err != nil || opened.Result == answer.LinkOpened {
		t.Errorf("the link is %s, %v", opened.Result, err)
	}

	// The same events again mail nobody, and bring nobody back.
	r.Reset(testkit.Durables()...)
	r.Settled()
	r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
	r.UpsertContact("pat-id", "Pat Zyxine", "zyxine@example.com")
	r.UpsertContact("pat-2", "Pat Zyxine", "ZYXINE@example.com") // another record of them
	r.UpsertClient("c2", "*pat-id", "*dana")
	r.Publish(events.PortalAccessGranted,
		testkit.Object{"client_id": "c1", "contact_id": "pat-id", "granted_at": time.Now()})
	r.Publish(events.EmailSuppressed, testkit.Object{"email": "zyxine@example.com", "cause": "manual"})
	r.Settled()
	r.Invite("c2", testkit.Contact("pat-id"))
	r.Invite("c2", testkit.Added("zyxine@example.com", "Pat Zyxine"), testkit.Contact("dana"))
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Publish(events.ContactUpserted, testkit.Object{"contact_id": "pat-id", "name": 7, "email": "zyxine@example.com"})
	r.Settled()
	if n := len(r.Mailbox.Messages()) - mails; n != 0 {
		t.Errorf("%d mails left", n)
	}
	r.mustNotHave("zyxine", "Pat Zyx", "pat-id", "pat-2")
	reasons := map[string]int{}
	for _, o := range r.Published(events.InviteSkipped) {
		reasons[o.Reason]++
	}
	if reasons["person_erased"] != 2 {
		t.Errorf("skips: %v, want two for person_erased", reasons)
	}
	letters := testkit.Query[string](r.Scene, `SELECT coalesce(string_agg(type || ' ' || reason, '; '), '')
		FROM dead_letters WHERE state = 'open' AND type <> 'ContactUpserted'`)
	if letters != "" {
		t.Errorf("dead letters: %s", letters)
	}

	// Lifted by name, they can be known again, and their blocks hold.
	r.Publish(events.ErasureLifted, erasing(testkit.Object{"email": "zyxine@example.com"}))
	r.UpsertContact("pat-id", "Pat Zyxine", "zyxine@example.com")
	r.UpsertClient("c2", "*pat-id", "*dana")
	r.Settled()
	r.Invite("c2", testkit.Contact("pat-id"))
	r.Settled()
	skips := r.Published(events.InviteSkipped)
	if o := skips[len(skips)-1]; o.Reason != "email_suppressed" {
		t.Errorf("after the erasure was lifted: %s", o.Raw)
	}
	r.Publish(events.EmailUnsuppressed, testkit.Object{"email": "zyxine@example.com", "cause": "manual"})
	r.Settled()
	r.Invite("c2", testkit.Contact("pat-id"))
	r.Settled()
	if n := len(r.Mailbox.Messages()) - mails; n != 1 {
		t.Errorf("%d mails left after the block was lifted, want 1", n)
	}
}

// A mail that is on its way when its person is erased ends by the server's word. What waits is skipped.
func TestWhatWaitsForAnErasedPersonIsSkipped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.UpsertFirm()
	r.UpsertContact("pat-id", "Pat Zyxine", "zyxine@example.com")
	r.UpsertClient("c1", "*pat-id")
	r.UpsertClient("c2", "*pat-id")
	r.Mailbox.Refuse("zyxine@example.com", 451, [3]int{4, 3, 0}, "zyxine@example.com: try again")
	r.Invite("c1", testkit.Contact("pat-id"))
	testenv.Eventually(t, time.Minute, func() error {
		if testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts WHERE verdict <> ''`) == 0 {
			return errors.New("nothing was tried yet")
		}
		return nil
	})
	r.erase(testkit.Object{"email": " ZYXINE@example.com"})
	r.Settled()
	r.mustNotHave("zyxine", "Pat Zyx", "pat-id")
	skips := r.Published(events.InviteSkipped)
	if len(skips) != 1 || skips[0].Reason != "person_erased" || strings.Contains(skips[0].Raw, "example.com") {
		t.Errorf("skips: %v", skips)
	}
	if got := r.accesses(); got != "" {
		t.Errorf("access is %s", got)
	}
}

// The attempt is in the mailer's hands: its result is written without the person, whatever it is.
func TestAnAttemptOfAnErasedPersonEnds(t *testing.T) {
	t.Parallel()
	for name, verdict := range map[string]struct {
		code int
		want string
	}{"taken": {0, "sent"}, "refused": {550, "failed"}, "deferred": {451, "skipped"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.StartBoth()
			r.UpsertFirm()
			r.UpsertContact("pat-id", "Pat Zyxine", "zyxine@example.com")
			r.UpsertClient("c1", "*pat-id")
			reached, release := r.Mailbox.Stall("zyxine@example.com")
			r.Invite("c1", testkit.Contact("pat-id"))
			<-reached
			r.erase(testkit.Contact("pat-id"))
			r.Handled(events.FactsDurable)
			r.mustNotHave("zyxine", "Pat Zyx") // the end of the access may not be published yet, and has the contact's id
			if verdict.code != 0 {
				r.Mailbox.Refuse("zyxine@example.com", verdict.code, [3]int{verdict.code / 100, 1, 1}, "zyxine@example.com: no")
			}
			release()
			r.Settled()
			r.mustNotHave("zyxine", "Pat Zyx", "pat-id")
			if got := testkit.Query[string](r.Scene, `SELECT state FROM invites`); got != verdict.want {
				t.Errorf("the invite is %s, want %s", got, verdict.want)
			}
			if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts`); n != 1 {
				t.Errorf("%d attempts, want 1", n)
			}
			for _, o := range r.Published(events.InviteSent, events.InviteFailed, events.InviteSkipped) {
				if strings.Contains(o.Raw, "zyxine") || strings.Contains(o.Raw, "Pat Zyx") {
					t.Errorf("the outcome names the person: %s", o.Raw)
				}
			}
		})
	}
}

// Quinn shares Pat's email, and another firm has a Pat of its own. Neither loses anything.
func TestAnErasureLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.UpsertFirm()
	r.UpsertContact("pat-id", "Pat Zyxine", "both@example.com")
	r.UpsertContact("quinn", "Quinn Yu", "both@example.com")
	r.UpsertClient("c1", "*quinn", "*pat-id")
	r.Settled()
	r.Invite("c1", testkit.Contact("pat-id"))
	r.Settled()
	r.Invite("c1", testkit.Contact("quinn")) // Pat has the login, and that names Pat
	other := *r.Scene
	other.Firm = "zenith"
	other.UpsertFirm()
	other.UpsertContact("pat-id", "Pat Zyxine", "both@example.com")
	other.UpsertClient("c1", "*pat-id")
	other.Invite("c1", testkit.Contact("pat-id"))
	other.Publish(events.EmailSuppressed, testkit.Object{"email": "both@example.com", "cause": "manual"})
	r.Publish(events.EmailSuppressed, testkit.Object{"email": "both@example.com", "cause": "manual"})
	r.Settled()
	const ofOther = `SELECT string_agg(md5(t::text), ' ' ORDER BY t::text) FROM (
		SELECT to_jsonb(k)::text AS t FROM contacts k WHERE firm_id = 'zenith'
		UNION ALL SELECT to_jsonb(a)::text FROM access a WHERE firm_id = 'zenith'
		UNION ALL SELECT to_jsonb(i)::text FROM invites i WHERE firm_id = 'zenith'
		UNION ALL SELECT to_jsonb(s)::text FROM suppressions s WHERE firm_id = 'zenith') t`
	before := testkit.Query[string](r.Scene, ofOther)

	r.erase(testkit.Object{"email": "both@example.com"}) // whom does it mean?
	r.Settled()
	reason := testkit.Query[string](r.Scene, `SELECT reason FROM dead_letters`)
	if !strings.Contains(reason, "contact_id") {
		t.Errorf("an email of two contacts: %s", reason)
	}
	r.erase(testkit.Contact("pat-id"))
	r.Settled()
	if after := testkit.Query[string](r.Scene, ofOther); after != before {
		t.Error("the erasure has changed another firm's rows")
	}
	const left = `SELECT count(*) FROM invites WHERE firm_id = 'acme' AND reasons::text LIKE '%Zyxine%'`
	if n := testkit.Query[int](r.Scene, left); n != 0 {
		t.Errorf("%d reasons of others still name Pat", n)
	}
	r.Publish(events.EmailUnsuppressed, testkit.Object{"email": "both@example.com", "cause": "manual"})
	r.Invite("c1", testkit.Contact("quinn"))
	r.Settled()
	if got := r.accesses(); !strings.Contains(got, "c1 contact:quinn invited") {
		t.Errorf("Quinn can't be invited: access is %s", got)
	}
}

// One batch erases several people. Each is a transaction of its own, because nobody else writes beside one.
func TestOthersHaveTheirTurnBetweenTwoErasures(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.UpsertFirm()
	const people = 5
	for n := range people {
		id := fmt.Sprintf("k%d", n)
		r.UpsertContact(id, "Kay "+id, id+"@example.com")
		r.erase(testkit.Object{"contact_id": id})
	}
	r.UpsertContact("after", "Ann After", "after@example.com")
	r.StartBoth()
	r.Handled(events.FactsDurable)
	if n := testkit.Query[int](r.Scene, `SELECT count(DISTINCT xmin::text) FROM erasures`); n != people {
		t.Errorf("%d people are erased in %d transactions", people, n)
	}
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM contacts WHERE NOT removed`); n != 1 {
		t.Errorf("%d contacts are left, want 1", n)
	}
}
