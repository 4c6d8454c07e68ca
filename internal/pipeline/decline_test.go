package pipeline_test

import (
	"bytes"
	"fmt"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/pipelinetest"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// decliners is a rig whose firm has the page on which people decline. Dana and Lee are on clients of their own.
type decliners struct {
	*pipelinetest.Rig
	*pipeline.Worker
	out <-chan testkit.Outcome
}

func newDecliners(t *testing.T) decliners {
	t.Helper()
	r := newRig(t)
	cfg := r.Config()
	cfg.Policy.ResendCooldown = -time.Minute // none, even if the clocks of the two workers differ
	d := decliners{r.Rig, pipeline.NewInviteWorker(cfg), r.Outcomes()}
	r.StartWorker(d.Worker)
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "decline", true))
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertClient("c1", "*dana")
	return d
}

func (d decliners) decline(m testenv.Message, oneClick bool) answer.Declining {
	d.TB.Helper()
	declining, err := d.Answers().Decline(d.Ctx, firm, d.TokenIn(m), oneClick)
	d.Must(err)
	return declining
}

func (d decliners) peek(m testenv.Message) answer.Redemption {
	d.TB.Helper()
	redeemed, err := d.Answers().Peek(d.Ctx, firm, d.TokenIn(m))
	d.Must(err)
	return redeemed.Result
}

// send publishes a request and waits until all is done. It returns the mail that left, which is zero if none did.
func (d decliners) send(typ events.Type, data testkit.Object) (m testenv.Message) {
	d.TB.Helper()
	before := len(d.Mailbox.Messages())
	d.Publish(typ, data)
	d.Settled()
	if all := d.Mailbox.Messages(); len(all) > before {
		return all[before]
	}
	return m
}

// mustSkip sends a request, and expects a skip for one reason and no mail.
func (d decliners) mustSkip(typ events.Type, data testkit.Object, reason string) {
	d.TB.Helper()
	before := len(d.Published(events.InviteSkipped))
	if m := d.send(typ, data); m.To != nil {
		d.TB.Errorf("%s: a mail left", typ)
	}
	skips := d.Published(events.InviteSkipped)
	if len(skips) != before+1 || skips[before].Reason != reason {
		d.TB.Errorf("%s: %d more skips, want one for %s: %v", typ, len(skips)-before, reason, skips)
	}
}

func declinedOf(o testkit.Outcome) string {
	return fmt.Sprintf("ended %t, one click %t", strings.Contains(o.Raw, `"ended":true`),
		strings.Contains(o.Raw, `"one_click":true`))
}

var resendInBulk = testkit.With(testkit.With(testkit.BulkAll(), "mode", "resend"), "to", "all")

// Mail programs and filters press what is in a header. That ends bulk mails and reminders, and no invite.
func TestOneClickStopsBulkMailsOnly(t *testing.T) {
	t.Parallel()
	d := newDecliners(t)
	first := d.send(events.BulkInviteRequested, testkit.BulkAll())
	for range 2 {
		if declining := d.decline(first, true); !declining.Known || declining.Ended {
			t.Errorf("one click: %+v", declining)
		}
	}
	if said := d.Await(d.out, 1, events.InviteDeclined); declinedOf(said[0]) != "ended false, one click true" {
		t.Errorf("%s", said[0].Raw)
	}
	if got := d.peek(first); got != answer.LinkOpened {
		t.Errorf("after the one click the link is %s", got)
	}
	d.mustSkip(events.BulkInviteRequested, resendInBulk, "declined")
	again := d.send(events.InviteResendRequested, testkit.InviteData("c1", testkit.Contact("dana")))
	if again.To == nil {
		t.Fatal("the office's own resend did not leave")
	}
	if n := len(d.Published(events.InviteDeclined)); n != 1 {
		t.Errorf("%d InviteDeclined, want 1", n)
	}

	// A login takes it back.
	_, err := d.Answers().Redeem(d.Ctx, firm, d.TokenIn(again))
	d.Must(err)
	if m := d.send(events.BulkInviteRequested, resendInBulk); m.To == nil {
		t.Error("after the login, a bulk mail does not leave")
	}
}

// The page's button ends a pending invite. The office can send another one all the same, and that is on record. Nobody
// loses access that is in use.
func TestTheButtonEndsAPendingInvite(t *testing.T) {
	t.Parallel()
	d := newDecliners(t)
	invite := testkit.InviteData("c1", testkit.Contact("dana"))
	first := d.send(events.InviteRequested, invite)
	if declining := d.decline(first, false); !declining.Ended {
		t.Errorf("the button: %+v", declining)
	}
	if said := d.Await(d.out, 1, events.InviteDeclined); declinedOf(said[0]) != "ended true, one click false" ||
		strings.Contains(said[0].Raw, "dana@example.com") {
		t.Errorf("%s", said[0].Raw)
	}
	if got := d.peek(first); got != answer.LinkExpired {
		t.Errorf("the declined link is %s", got)
	}
	d.mustSkip(events.InviteRequested, invite, "declined")
	d.mustSkip(events.BulkInviteRequested, testkit.BulkAll(), "declined")

	second := d.send(events.InviteRequested, testkit.With(invite, "despite_decline", true))
	if second.To == nil {
		t.Fatal("the office's second invite did not leave")
	}
	sent := d.Published(events.InviteSent)
	if last := sent[len(sent)-1]; !strings.Contains(last.Raw, `"despite_decline":true`) ||
		strings.Contains(sent[0].Raw, "despite_decline") {
		t.Errorf("on record is\n%s\n%s", sent[0].Raw, last.Raw)
	}
	if declining := d.decline(first, false); !declining.Ended { // a link that has expired declines as well
		t.Errorf("the first mail's button, again: %+v", declining)
	}
	third := d.send(events.InviteRequested, testkit.With(invite, "despite_decline", true))
	_, err := d.Answers().Redeem(d.Ctx, firm, d.TokenIn(third))
	d.Must(err)
	for _, m := range []testenv.Message{first, second, third} {
		if declining := d.decline(m, false); !declining.Known || declining.Ended {
			t.Errorf("the button, of somebody who is active: %+v", declining)
		}
	}
	if got := d.peek(third); got != answer.LinkOpened {
		t.Errorf("who is active has a link that is %s", got)
	}
	if state := testkit.Query[string](d.Scene, `SELECT state FROM access`); state != "active" {
		t.Errorf("the access is %s", state)
	}
}

// A decline is about the address that a mail went to. It ends nothing that a mail to another address began.
func TestADeclineOfAnOldAddressEndsNoNewInvite(t *testing.T) {
	t.Parallel()
	d := newDecliners(t)
	invite := testkit.InviteData("c1", testkit.Contact("dana"))
	old := d.send(events.InviteRequested, invite)
	d.UpsertContact("dana", "Dana Wu", "dana@new.example")
	d.Await(d.out, 1, events.RemovedAccess)
	newer := d.send(events.InviteRequested, invite)
	if declining := d.decline(old, false); !declining.Known || declining.Ended {
		t.Errorf("the old mail's button: %+v", declining)
	}
	if got := d.peek(newer); got != answer.LinkOpened {
		t.Errorf("the new mail's link is %s", got)
	}
	if m := d.send(events.BulkInviteRequested, resendInBulk); !slices.Equal(m.To, []string{"dana@new.example"}) {
		t.Errorf("a bulk mail went to %v", m.To)
	}
	if said := d.Published(events.InviteDeclined); len(said) != 1 || said[0].Recipient.EmailMasked != "d•••@example.com" {
		t.Errorf("declined: %v", said)
	}
}

// A login that product services report takes a decline back as well, if it came after it.
func TestAReportedLoginTakesADeclineBack(t *testing.T) {
	t.Parallel()
	d := newDecliners(t)
	first := d.send(events.BulkInviteRequested, testkit.BulkAll())
	before := time.Now()
	d.decline(first, true)
	login := func(at time.Time) {
		d.Publish(events.PortalAccessGranted, testkit.Object{"client_id": "c1", "contact_id": "dana", "granted_at": at})
		d.Settled()
	}
	login(before.Add(-time.Minute))
	d.mustSkip(events.BulkInviteRequested, resendInBulk, "declined")
	d.Exec(`UPDATE declines SET declined_at = now() - interval '1 hour'`)
	login(before)
	if m := d.send(events.BulkInviteRequested, resendInBulk); m.To == nil {
		t.Error("after the login, a bulk mail does not leave")
	}
}

// Only mails that somebody may not expect say how to decline, and their headers say it to mail programs (RFC 8058).
func TestWhichMailsSayHowToDecline(t *testing.T) {
	t.Parallel()
	d := newDecliners(t)
	check := func(what string, m testenv.Message, want bool) {
		t.Helper()
		read, err := netmail.ReadMessage(bytes.NewReader(m.Raw))
		d.Must(err)
		link := "https://portal.acme.example/invite/" + d.TokenIn(m) + "/decline"
		expected := map[string]string{
			"List-Unsubscribe": "<" + link + ">", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
			"X-Auto-Response-Suppress": "OOF, AutoReply",
		}
		if !want {
			expected["List-Unsubscribe"], expected["List-Unsubscribe-Post"] = "", ""
		}
		for field, value := range expected {
			if got := read.Header.Get(field); got != value {
				t.Errorf("%s: %s is %q, want %q", what, field, got, value)
			}
		}
		if slices.Contains(strings.Fields(m.Text), link) != want || strings.Contains(m.HTML, `"`+link+`"`) != want {
			t.Errorf("%s: the mail has the link: %t", what, !want)
		}
	}
	dana := testkit.InviteData("c1", testkit.Contact("dana"))
	check("an invite of a contact", d.send(events.InviteRequested, dana), false)
	check("a resend", d.send(events.InviteResendRequested, dana), true)
	check("a bulk resend", d.send(events.BulkInviteRequested, resendInBulk), true)
	guest := testkit.InviteData("c1", testkit.Added("guest@example.com", "Gus Este"))
	check("an invite of somebody who is no contact", d.send(events.InviteRequested, guest), true)

	d.Publish(events.FirmUpserted, testkit.FirmData())
	m := d.send(events.InviteResendRequested, guest)
	check("a resend of a firm without the page", m, false)
	if !strings.Contains(m.Text, "Was this email not meant for you? Please tell Acme CPA.") {
		t.Errorf("without the page, the mail says\n%s", m.Text)
	}
}
