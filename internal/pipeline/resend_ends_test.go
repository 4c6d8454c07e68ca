package pipeline_test

import (
	"sync/atomic"
	"testing"
	"time"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

const day = 24 * time.Hour

// calendar is a clock for workers that a test moves on.
type calendar struct {
	begin time.Time
	ahead atomic.Int64
}

func newCalendar() *calendar { return &calendar{begin: time.Now()} }

func (c *calendar) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// comes moves the clock to a day, counted from the beginning of the test.
func (c *calendar) comes(days int) { c.ahead.Store(int64(time.Duration(days) * day)) }

// dayOf is the day of a time, counted from the beginning of the test.
func (c *calendar) dayOf(at time.Time) int { return int(at.Sub(c.begin).Round(day) / day) }

// newYear starts a worker of each lane that go by a calendar, with links of 30 days, and publishes a firm with Dana and
// Lee.
func newYear(t *testing.T) (*rig, *pipeline.Worker, *calendar) {
	t.Helper()
	r, c := newRig(t), newCalendar()
	cfg := r.Config()
	cfg.Now = c.now
	cfg.Policy = rules.Policy{InviteTTL: 30 * day, ResendCooldown: time.Minute}
	w := pipeline.NewInviteWorker(cfg)
	r.StartWorker(w)
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.danaAndLee()
	return r, w, c
}

// statusOf returns the state of a person's access, and the day on which it expires.
func (r *rig) statusOf(person rules.Person, c *calendar) (state rules.AccessState, expires int) {
	r.TB.Helper()
	list, err := r.Store.Statuses(r.Ctx, store.StatusFilter{FirmID: firm, ContactID: person.ContactID()}, 10)
	r.Must(err)
	if len(list) != 1 {
		r.TB.Fatalf("%d statuses of %s", len(list), person)
	}
	return list[0].Access.StateAt(c.now()), c.dayOf(list[0].Access.ExpiresAt)
}

// A resend can't be delivered. The link that was delivered stays valid until its own day, and then whoever invites gets
// through.
func TestAResendThatFailsTakesNothing(t *testing.T) {
	t.Parallel()
	r, w, c := newYear(t)
	r.Invite("c1", testkit.Contact("dana"))
	r.Settled()
	c.comes(25)
	r.Mailbox.Refuse("dana@example.com", 552, [3]int{5, 2, 2}, "mailbox full")
	r.Publish(events.InviteResendRequested, testkit.InviteData("c1", testkit.Contact("dana")))
	r.Settled()
	if failed := r.Published(events.InviteFailed); len(failed) != 1 || failed[0].Kind != "resend" {
		t.Fatalf("failed: %+v", failed)
	}
	if state, until := r.statusOf("contact:dana", c); state != rules.Invited || until != 30 {
		t.Errorf("on day 25 Dana is %s until day %d, want invited until day 30", state, until)
	}
	if got := r.linkIn(w, 0); got != answer.LinkOpened {
		t.Errorf("on day 25 the link is %s", got)
	}
	r.Mailbox.Accept("dana@example.com")
	c.comes(31)
	r.Await(r.Outcomes(), 1, events.InviteExpired)
	if got := r.linkIn(w, 0); got != answer.LinkExpired {
		t.Errorf("on day 31 the link is %s", got)
	}
	r.Invite("c1", testkit.Contact("dana"))
	r.Settled()
	if o := r.Newest()["c1/dana"]; o.Type != events.InviteSent || o.Kind != "invite" {
		t.Errorf("invited anew: %s", o.Raw)
	}
}

// A resend moves the expiry when its mail leaves, and a resend that comes back moves it back.
func TestAResendMovesTheExpiryWhenItHasLeft(t *testing.T) {
	t.Parallel()
	r, w, c := newYear(t)
	r.Invite("c1", testkit.Contact("dana"))
	r.Settled()
	c.comes(25)
	r.Publish(events.InviteResendRequested, testkit.InviteData("c1", testkit.Contact("dana")))
	r.Settled()
	if state, until := r.statusOf("contact:dana", c); state != rules.Invited || until != 55 {
		t.Errorf("on day 25 Dana is %s until day %d, want invited until day 55", state, until)
	}
	if first, second := r.linkIn(w, 0), r.linkIn(w, 1); first != answer.LinkReplaced || second != answer.LinkOpened {
		t.Errorf("the first link is %s, the second %s", first, second)
	}
	r.isFull(r.Newest()["c1/dana"], "dana@example.com")
	r.Settled()
	if state, until := r.statusOf("contact:dana", c); state != rules.Invited || until != 30 {
		t.Errorf("after the resend came back Dana is %s until day %d, want invited until day 30", state, until)
	}
	if got := r.linkIn(w, 0); got != answer.LinkOpened {
		t.Errorf("after the resend came back the first link is %s", got)
	}
	c.comes(31)
	r.Await(r.Outcomes(), 1, events.InviteExpired)
}

// A resend waits while the only delivered link expires. The office invites, and that mail leaves.
func TestALinkExpiresWhileAResendWaits(t *testing.T) {
	t.Parallel()
	r, w, c := newYear(t)
	r.Invite("c1", testkit.Contact("dana"))
	r.Settled()
	r.Mailbox.Down()
	c.comes(25)
	r.Publish(events.InviteResendRequested, testkit.InviteData("c1", testkit.Contact("dana")))
	r.Decided(2)
	r.withoutServer() // a try under way might have left, and keeps the access until it is over
	c.comes(31)
	r.Await(r.Outcomes(), 1, events.InviteExpired)
	r.Invite("c1", testkit.Contact("dana"))
	r.Decided(3)
	r.withoutServer()
	r.Mailbox.Up()
	r.Settled()
	if subjects := r.opens(w, "dana@example.com"); len(subjects) != 2 {
		t.Errorf("the mails to Dana are %q, want the first invite and the new one", subjects)
	}
}

// Somebody logged in before the invite expired, and that is told afterwards. The invite was accepted. A login after the
// expiry accepts nothing.
func TestALoginThatIsToldLate(t *testing.T) {
	t.Parallel()
	r, _, c := newYear(t)
	r.UpsertContact("lee", "Lee Ray", "lee@example.com")
	r.Invite("c1", testkit.Contact("dana"), testkit.Contact("lee"))
	r.Settled()
	c.comes(31)
	expired := r.Await(r.Outcomes(), 2, events.InviteExpired)
	inTime := c.begin.Add(29 * day).UTC().Truncate(time.Second)
	for who, at := range map[string]time.Time{"dana": inTime, "lee": c.begin.Add(30*day + time.Hour)} {
		r.Publish(events.PortalAccessGranted, testkit.Object{"client_id": "c1", "contact_id": who, "granted_at": at})
	}
	r.Settled()
	accepted := r.Published(events.InviteAccepted)
	if len(accepted) != 1 || accepted[0].Recipient.ContactID != "dana" || !accepted[0].AcceptedAt.Equal(inTime) {
		t.Fatalf("accepted: %+v, want Dana at %s", accepted, inTime)
	}
	for _, o := range expired {
		if o.Recipient.ContactID == "dana" && o.AccessVersion >= accepted[0].AccessVersion {
			t.Errorf("the login has version %d, and the expiry before it %d", accepted[0].AccessVersion, o.AccessVersion)
		}
	}
	for _, who := range []string{"dana", "lee"} {
		if got := r.access("c1", "contact:"+who); got != "active" {
			t.Errorf("the access of %s is %s", who, got)
		}
	}
}
