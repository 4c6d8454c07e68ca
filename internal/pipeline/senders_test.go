package pipeline_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// senderAt is a sender whose mails go to a mailbox.
func (r *rig) senderAt(name string, m *testenv.Mailbox) pipeline.Sender {
	r.TB.Helper()
	host, port := testenv.SplitAddress(r.TB, m.Addr())
	return pipeline.Sender{Name: name, Connections: 2, SMTP: smtp.Config{
		Host: host, Port: port, From: "portal@" + name + ".example", TLS: smtp.TLSNone, HelloName: "test.example",
	}}
}

// otherMailbox is a mail server of another sender.
func (r *rig) otherMailbox() *testenv.Mailbox {
	r.TB.Helper()
	m := testenv.NewMailbox(r.TB)
	r.Others = append(r.Others, m)
	return m
}

// firmBy publishes a firm that names a sender, and makes it the firm of what follows.
func (r *rig) firmBy(firm, sender string) {
	r.TB.Helper()
	r.Firm = firm
	r.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "sender", sender))
}

// client publishes a client with one Primary contact.
func (r *rig) client(id string) {
	r.TB.Helper()
	r.UpsertContact("k"+id, "Kay", "k"+id+"@"+r.Firm+".example")
	r.UpsertClient("c"+id, "*k"+id)
}

// bulk invites the clients 1 to n-1, so that nobody is invited twice.
func (r *rig) bulk(n int) {
	r.TB.Helper()
	var ids []string
	for i := 1; i < n; i++ {
		ids = append(ids, fmt.Sprintf("c%d", i))
	}
	r.Publish(events.BulkInviteRequested, testkit.BulkOf(ids...))
}

func (r *rig) inviteTo(id string) {
	r.TB.Helper()
	r.Invite("c"+id, testkit.Contact("k"+id))
}

// arrived waits for n mails in a mailbox, and checks that each is the mail of the firm and the sender.
func (r *rig) arrived(m *testenv.Mailbox, n int, senderOf map[string]string) {
	r.TB.Helper()
	mails, err := m.Wait(r.Ctx, n)
	r.Must(err)
	for _, got := range mails {
		_, firm, _ := strings.Cut(strings.TrimSuffix(got.To[0], ".example"), "@")
		domain := senderOf[firm]
		if got.From != "portal@"+domain || !strings.Contains(got.Content.From, "<portal@"+domain+">") ||
			!strings.HasSuffix(got.MessageID, "."+domain) {
			r.TB.Errorf("a mail of the firm %s left by %s, as %s with the id %s; want the sender at %s",
				firm, got.From, got.Content.From, got.MessageID, domain)
		}
	}
}

// Three senders have one server. Each mail leaves as its firm's sender: by MAIL FROM, From and Message-ID, in both
// lanes.
func TestEachMailLeavesByItsFirmsSender(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.Config()
	cfg.Senders = []pipeline.Sender{r.senderAt("north", r.Mailbox), r.senderAt("south", r.Mailbox)}
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	senderOf := map[string]string{"a": "mail.example", "b": "north.example", "c": "south.example", "d": "north.example"}
	for firm, domain := range senderOf {
		r.firmBy(firm, strings.TrimSuffix(strings.TrimSuffix(domain, ".example"), "mail"))
		for i := range 5 {
			r.client(fmt.Sprint(i))
		}
		r.inviteTo("0")
		r.bulk(5)
	}
	r.arrived(r.Mailbox, 20, senderOf)
	r.Settled()
	if n := len(r.Mailbox.Messages()); n != 20 {
		t.Errorf("%d mails have left, want 20", n)
	}
	// Lost connections and deferrals do not mix them either.
	for firm, domain := range senderOf {
		r.firmBy(firm, strings.TrimSuffix(strings.TrimSuffix(domain, ".example"), "mail"))
		r.Mailbox.DropReplies(2)
		for i := range 5 {
			r.client(fmt.Sprint(10 + i))
			r.inviteTo(fmt.Sprint(10 + i))
		}
		r.Mailbox.Refuse("k12@"+firm+".example", 451, [3]int{4, 7, 1}, "come back later")
	}
	testenv.Eventually(t, time.Minute, func() error {
		n := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts WHERE verdict <> ''`)
		if n < 40 {
			return fmt.Errorf("%d attempts have ended", n)
		}
		return nil
	})
	for firm := range senderOf {
		r.Mailbox.Accept("k12@" + firm + ".example")
	}
	r.left(0)
	r.arrived(r.Mailbox, 40, senderOf)
}

// A sender whose mail server is down stops its own mails only, in both lanes, and they leave by it when it is back.
func TestASendersOutageStopsNoOtherSender(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	north, watch := r.otherMailbox(), &waits{}
	cfg := r.Config()
	cfg.Senders, cfg.Observer = []pipeline.Sender{r.senderAt("north", north)}, watch
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	senderOf := map[string]string{"acme": "mail.example", "other": "north.example"}
	north.Down()
	r.firmBy("other", "north")
	for i := range 6 {
		r.client(fmt.Sprint(i))
	}
	r.inviteTo("0")
	r.bulk(6)
	watch.await(t, "send individual by north", true)
	watch.await(t, "send bulk by north", true)
	r.firmBy("acme", "")
	for i := range 6 {
		r.client(fmt.Sprint(i))
	}
	r.inviteTo("0")
	r.bulk(6)
	r.arrived(r.Mailbox, 6, senderOf)
	if waiting := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites
		WHERE firm_id = 'other' AND sender = 'north' AND state IN ('queued', 'sending')`); waiting != 6 {
		t.Errorf("%d mails of the sender that is down wait, want 6", waiting)
	}
	north.Up()
	r.left(0)
	r.arrived(north, 6, senderOf)
	r.Settled()
}

// Nobody sends the mails of a sender that is not configured. When the firm names another one, that sends them.
func TestAnUnknownSendersMailsWait(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	north := r.otherMailbox()
	cfg := r.Config()
	cfg.Senders = []pipeline.Sender{r.senderAt("north", north)}
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.firmBy("other", "nort")
	for i := range 4 {
		r.client(fmt.Sprint(i))
	}
	r.inviteTo("0")
	r.bulk(4)
	r.Decided(4)
	r.firmBy("acme", "")
	r.client("0")
	r.inviteTo("0") // behind them
	r.arrived(r.Mailbox, 1, map[string]string{"acme": "mail.example"})
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites
		WHERE firm_id = 'other' AND state = 'queued' AND attempt = 0`); n != 4 {
		t.Errorf("%d mails of the unknown sender wait, want 4", n)
	}
	r.firmBy("other", "north")
	r.arrived(north, 4, map[string]string{"other": "north.example"})
	r.Settled()
	if n := len(r.Mailbox.Messages()); n != 1 {
		t.Errorf("%d mails have left by the default sender, want 1", n)
	}
}

// A mail that a server has deferred is tried again by the same sender, although its firm names another one by now. A
// new invite leaves by that one.
func TestAMailThatHadAnAttemptKeepsItsSender(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	north := r.otherMailbox()
	cfg := r.Config()
	cfg.Senders = []pipeline.Sender{r.senderAt("north", north)}
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.firmBy("acme", "north")
	r.client("0")
	r.client("1")
	north.Refuse("k0@acme.example", 451, [3]int{4, 7, 1}, "come back later")
	r.inviteTo("0")
	testenv.Eventually(t, time.Minute, func() error {
		if !testkit.Query[bool](r.Scene, `SELECT count(*) = 1 FROM attempts a JOIN invites USING (invite_id)
			WHERE a.verdict = 'retry' AND state = 'queued'`) {
			return errors.New("the mail was not tried yet")
		}
		return nil
	})
	r.firmBy("acme", "")
	r.inviteTo("1")
	r.arrived(r.Mailbox, 1, map[string]string{"acme": "mail.example"})
	r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) error { // what the upkeep does every few seconds
		moved, err := tx.FollowFirms(r.Ctx, store.IndividualLane, 100)
		if len(moved) > 0 {
			t.Errorf("a mail that had an attempt was moved to another sender: %q", moved)
		}
		return err
	}))
	north.Accept("k0@acme.example")
	r.left(0)
	r.arrived(north, 1, map[string]string{"acme": "north.example"})
	r.Settled()
}

// A report by the account of another sender than the mail's changes nothing, whichever sender the firm names by now. A
// report that does not say by whose account it came is about any mail.
func TestAReportCountsForTheSenderItCameBy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	north := r.otherMailbox()
	cfg := r.Config()
	cfg.Senders = []pipeline.Sender{r.senderAt("north", north)}
	seen := &reportFates{}
	cfg.Observer = seen
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.firmBy("acme", "north")
	for i := range 3 {
		r.client(fmt.Sprint(i))
		r.inviteTo(fmt.Sprint(i))
	}
	r.Settled()
	r.firmBy("acme", "") // its mails have left by the sender that it named before
	sent := r.Newest()
	report := func(i, sender string) {
		t.Helper()
		data := aReport("bounced", sent["c"+i+"/k"+i].MessageID, "k"+i+"@acme.example", "550 5.1.1", "User unknown")
		if sender != "?" {
			data["sender"] = sender
		}
		r.Publish(events.MailReported, data)
	}
	report("0", "")
	report("0", "south")
	r.Settled()
	if o := r.Newest()["c0/k0"]; o.Type != events.InviteSent || r.blocked("k0@acme.example") != "" {
		t.Errorf("after reports by other accounts: %s", o.Raw)
	}
	if n := seen.count("other_sender"); n != 2 {
		t.Errorf("%d reports are counted as other_sender, want 2", n)
	}
	report("1", "north")
	report("2", "?")
	r.Settled()
	for _, i := range []string{"1", "2"} {
		if o := r.Newest()["c"+i+"/k"+i]; o.Type != events.InviteFailed {
			t.Errorf("after a report by its own account, or by nobody knows whose: %s", o.Raw)
		}
	}
	// The firm is judged by the sender that it has now. These mails left by another one.
	if suspects, err := r.Store.Suspects(r.Ctx, 1, 1); err != nil || len(suspects) != 0 {
		t.Errorf("counted against the firm: %+v, %v", suspects, err)
	}
}

// reportFates counts what became of reports.
type reportFates struct {
	pipeline.Unwatched
	mu    sync.Mutex
	fates map[pipeline.ReportFate]int // guarded by mu
}

func (f *reportFates) Reported(_ events.ReportKind, fate pipeline.ReportFate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fates == nil {
		f.fates = map[pipeline.ReportFate]int{}
	}
	f.fates[fate]++
}

func (f *reportFates) count(fate pipeline.ReportFate) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fates[fate]
}
