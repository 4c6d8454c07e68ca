package pipeline_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// aReport is a MailReported about a mail.
func aReport(kind, messageID, email, code, said string) testkit.Object {
	report := testkit.Object{
		"kind": kind, "message_id": messageID, "email": email, "at": time.Now().UTC().Format(time.RFC3339Nano),
		"reporter": "ses",
	}
	if code != "" {
		report["code"], report["said"] = code, said
	}
	return report
}

// comesBack publishes that the mail of an InviteSent came back, with no such mailbox.
func (r *rig) comesBack(sent testkit.Outcome, email string) {
	r.TB.Helper()
	r.Publish(events.MailReported, aReport("bounced", sent.MessageID, email, "550 5.1.1", "User unknown"))
}

// isFull publishes that the mail of an InviteSent came back from a full mailbox.
func (r *rig) isFull(sent testkit.Outcome, email string) {
	r.TB.Helper()
	r.Publish(events.MailReported, aReport("bounced", sent.MessageID, email, "552 5.2.2", "Mailbox full"))
}

func (r *rig) access(client, person string) string {
	r.TB.Helper()
	return testkit.Query[string](r.Scene,
		`SELECT coalesce(max(state), '') FROM access WHERE client_id = $1 AND person = $2`, client, person)
}

// blocked returns the causes that stop mail to an email.
func (r *rig) blocked(email string) string {
	r.TB.Helper()
	return testkit.Query[string](r.Scene,
		`SELECT coalesce(string_agg(cause, ',' ORDER BY cause), '') FROM suppressions WHERE email = $1 AND NOT lifted`, email)
}

func (r *rig) linkIn(w *pipeline.Worker, mail int) answer.Redemption {
	r.TB.Helper()
	redeemed, err := w.Answers().Peek(r.Ctx, firm, r.TokenIn(r.Mailbox.Messages()[mail]))
	r.Must(err)
	return redeemed.Result
}

// lastOfRun returns the last event about the run of a request.
func (r *rig) lastOfRun(request string) (last testkit.Outcome) {
	r.TB.Helper()
	for _, o := range r.Published(events.RunProgressed, events.RunCompleted, events.RunRevised) {
		if o.Cause.ID == request {
			last = o
		}
	}
	return last
}

func TestAMailThatComesBackIsAFailureOfItsRunAndOfItsReplay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.Office(6) // k1 has no email
	bulk := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Settled()
	first := r.Newest()["c0/k0"]
	r.comesBack(first, "k0@example.com")
	r.Settled()
	o := r.Newest()["c0/k0"]
	if o.Type != events.InviteFailed || o.Revision != 2 || o.Stage != "after" || o.SMTPCode != 550 ||
		o.EnhancedCode != "5.1.1" || !strings.Contains(o.Explanation, "User unknown") {
		t.Fatalf("came back: %s", o.Raw)
	}
	if run := r.lastOfRun(bulk); run.Type != events.RunRevised || run.Sent != 4 || run.Failed != 1 || run.Skipped != 1 {
		t.Errorf("the run: %s %s", run.Type, run.Raw)
	}
	if got := r.access("c0", "contact:k0"); got != "expired" {
		t.Errorf("the access is %s", got)
	}
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM logins WHERE email = 'k0@example.com'`); n != 0 {
		t.Errorf("the login is not free")
	}
	if got := r.blocked("k0@example.com"); got != "bounce" {
		t.Errorf("blocked by %q", got)
	}
	r.Publish(events.MailReported, aReport("delivered", first.MessageID, "k0@example.com", "250", ""))
	r.Settled()
	if n := len(r.Published(events.InviteDelivered)); n != 0 {
		t.Errorf("%d InviteDelivered after the mail came back", n)
	}

	// The email is corrected. A replay sends the invite, and that mail comes back, too.
	r.UpsertContact("k0", "Kay k0", "kay0@example.com")
	replay := r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
	r.Settled()
	again := r.Newest()["c0/k0"]
	if again.Type != events.InviteSent || again.Revision != 3 || again.MessageID == o.MessageID {
		t.Fatalf("sent again: %s", again.Raw)
	}
	// A late report about the first mail touches nothing of the second one, although both are of one invite.
	r.Publish(events.MailReported, aReport("bounced", first.MessageID, "k0@example.com", "554 5.1.1", "gone"))
	r.Settled()
	if o := r.Newest()["c0/k0"]; o.Revision != again.Revision || r.access("c0", "contact:k0") != "invited" {
		t.Fatalf("after a late report about the first mail: %s, access %s", o.Raw, r.access("c0", "contact:k0"))
	}
	r.isFull(again, "kay0@example.com")
	r.Settled()
	if o := r.Newest()["c0/k0"]; o.Type != events.InviteFailed || o.Revision != 4 || r.blocked("kay0@example.com") != "" {
		t.Errorf("came back again: %s, blocked by %q", o.Raw, r.blocked("kay0@example.com"))
	}
	if run := r.lastOfRun(replay); run.Type != events.RunRevised || run.Selected != 2 || run.Sent != 0 || run.Failed != 1 {
		t.Errorf("the replay: %s %s", run.Type, run.Raw)
	}
	if run := r.lastOfRun(bulk); run.Sent != 4 || run.Failed != 1 || run.Selected != 6 {
		t.Errorf("the run in the end: %s %s", run.Type, run.Raw)
	}
	// A bulk run again invites the person as well.
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Settled()
	if o := r.Newest()["c0/k0"]; o.Type != events.InviteSent || o.Revision != 1 {
		t.Errorf("invited anew: %s", o.Raw)
	}
}

func TestAnOutcomeOfTheSecondSendingHasAnIDOfItsOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.Config())
	r.StartWorker(w)
	r.StartBulk()
	r.Office(1)
	r.Invite("c0", testkit.Contact("k0"))
	r.Settled()
	first := r.Newest()["c0/k0"]
	r.Publish(events.MailReported, aReport("delayed", first.MessageID, "k0@example.com", "", ""))
	r.Publish(events.MailReported, aReport("delivered", first.MessageID, "k0@example.com", "", ""))
	r.Settled() // two workers may handle reports in another order
	r.isFull(first, "k0@example.com")
	r.Settled()
	r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
	r.Settled()
	second := r.Newest()["c0/k0"]
	r.Publish(events.MailReported, aReport("delivered", second.MessageID, "k0@example.com", "250", ""))
	r.Publish(events.MailReported, aReport("delivered", second.MessageID, "k0@example.com", "250 2.1.5", ""))
	r.Settled()
	_, err := w.Answers().Redeem(r.Ctx, firm, r.TokenIn(r.Mailbox.Messages()[1]))
	r.Must(err)
	r.Settled()
	var ids []string
	for _, o := range r.Published(events.InviteDelivered, events.InviteAccepted) {
		ids = append(ids, string(o.Type)+strings.TrimPrefix(o.EventID, first.InviteID))
	}
	want := "[InviteDelivered.delivered InviteDelivered.3.delivered InviteAccepted.3.accepted]"
	if got := fmt.Sprint(ids); got != want || first.InviteID != second.InviteID {
		t.Errorf("ids are %s, want %s", got, want)
	}
}

// A late report about an old mail touches nothing that a newer mail began.
func TestAReportEndsOnlyWhatItsMailBegan(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.Config())
	r.StartWorker(w)
	r.Office(3)
	r.Invite("c0", testkit.Contact("k0"))
	r.Settled() // so that the mails come in this order
	r.Invite("c2", testkit.Contact("k2"))
	r.Settled()
	old, other := r.Newest()["c0/k0"], r.Newest()["c2/k2"]
	r.Publish(events.AccessRemovalRequested, testkit.InviteData("c0", testkit.Contact("k0")))
	r.Settled()
	r.UpsertContact("k0", "Kay k0", "new0@example.com")
	r.Invite("c0", testkit.Contact("k0"))
	r.Settled()
	r.comesBack(old, "k0@example.com")
	// The person has opened the link, and so has proved that the mailbox is there.
	_, err := w.Answers().Redeem(r.Ctx, firm, r.TokenIn(r.Mailbox.Messages()[1]))
	r.Must(err)
	r.comesBack(other, "k2@example.com")
	r.Settled()
	newest := r.Newest()["c0/k0"]
	if newest.Type != events.InviteFailed || newest.InviteID != old.InviteID || newest.Revision != 2 {
		t.Errorf("the old invite: %s", newest.Raw)
	}
	if a := r.access("c0", "contact:k0"); a != "invited" || r.linkIn(w, 2) != answer.LinkOpened ||
		r.blocked("k0@example.com") != "bounce" || r.blocked("new0@example.com") != "" {
		t.Errorf("the new mail: access %s, its link %s", a, r.linkIn(w, 2))
	}
	if a := r.access("c2", "contact:k2"); a != "active" || r.linkIn(w, 1) != answer.LinkOpened {
		t.Errorf("somebody who has logged in keeps everything: access %s, link %s", a, r.linkIn(w, 1))
	}
	if n := len(r.Published(events.RemovedAccess)); n != 1 {
		t.Errorf("%d AccessRemoved", n)
	}
}

// A resend that comes back must not leave a person without any link.
func TestAResendThatComesBackGivesWayToTheLinkBeforeIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.Config())
	r.StartWorker(w)
	r.Office(3)
	for _, n := range []string{"0", "2"} {
		r.Invite("c"+n, testkit.Contact("k"+n))
		r.Settled() // so that the mails come in this order
	}
	r.Exec(`UPDATE access SET mailed_at = mailed_at - interval '1 day', invited_at = invited_at - interval '1 day'`)
	for _, n := range []string{"0", "2"} {
		r.Publish(events.InviteResendRequested, testkit.InviteData("c"+n, testkit.Contact("k"+n)))
		r.Settled()
	}
	if got := r.linkIn(w, 0); got != answer.LinkReplaced {
		t.Fatalf("the first link is %s", got)
	}
	r.isFull(r.Newest()["c0/k0"], "k0@example.com")
	r.comesBack(r.Newest()["c2/k2"], "k2@example.com")
	r.Settled()
	if a := r.access("c0", "contact:k0"); a != "invited" || r.linkIn(w, 0) != answer.LinkOpened {
		t.Errorf("full: access %s, the first link %s", a, r.linkIn(w, 0))
	}
	if a := r.access("c2", "contact:k2"); a != "expired" || r.linkIn(w, 1) == answer.LinkOpened {
		t.Errorf("no mailbox: access %s, the first link %s", a, r.linkIn(w, 1))
	}
	if n := len(r.Published(events.RemovedAccess, events.InviteExpired)); n != 0 {
		t.Errorf("%d accesses are reported as ended", n)
	}
}

// Four reports about one mail lead to one end in whatever order they come, each twice.
func TestReportsInAnyOrderHaveOneEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	reports := [][2]string{{"delayed", "4.4.1"}, {"delivered", "250"}, {"bounced", "550 5.1.1"}, {"complained", ""}}
	var orders [][]int
	permute(len(reports), nil, &orders)
	r.UpsertFirm()
	var clients []string
	for n := range orders {
		id := fmt.Sprintf("k%d", n)
		r.UpsertContact(id, "Kay "+id, id+"@example.com")
		r.UpsertClient("c"+id, "*"+id)
		clients = append(clients, "c"+id)
	}
	bulk := r.Publish(events.BulkInviteRequested, testkit.BulkOf(clients...))
	r.Settled()
	sent := r.Newest()
	for n, order := range orders {
		id := fmt.Sprintf("k%d", n)
		mail := sent["c"+id+"/"+id].MessageID
		for range 2 {
			for _, which := range order {
				r.Publish(events.MailReported, aReport(reports[which][0], mail, id+"@example.com", reports[which][1], ""))
			}
		}
	}
	r.Settled()
	for n, order := range orders {
		id := fmt.Sprintf("k%d", n)
		o := r.Newest()["c"+id+"/"+id]
		if o.Type != events.InviteFailed || o.Revision != 2 || r.blocked(id+"@example.com") != "bounce,complaint" ||
			r.access("c"+id, "contact:"+id) != "expired" {
			t.Errorf("order %v: %s, blocked by %s, access %s", order, o.Raw, r.blocked(id+"@example.com"),
				r.access("c"+id, "contact:"+id))
		}
	}
	if run := r.lastOfRun(bulk); run.Failed != len(orders) || run.Sent != 0 {
		t.Errorf("the run: %s", run.Raw)
	}
	before := len(r.Published())
	for n := range orders {
		id := fmt.Sprintf("k%d", n)
		for _, kind := range []string{"delivered", "delayed"} {
			r.Publish(events.MailReported, aReport(kind, sent["c"+id+"/"+id].MessageID, id+"@example.com", "250 2.0.0", ""))
		}
	}
	r.Settled()
	if n := len(r.Published()) - before; n != 0 {
		t.Errorf("reports after the end have published %d outcomes", n)
	}
}

func permute(n int, begun []int, into *[][]int) {
	if len(begun) == n {
		*into = append(*into, append([]int(nil), begun...))
	}
	for i := range n {
		if !strings.Contains(fmt.Sprint(begun), fmt.Sprint(i)) {
			permute(n, append(begun, i), into)
		}
	}
}

// A report decides an attempt of unknown result: the mail is not sent again, and its invite is not held any more.
func TestAReportDecidesAnUnknownAttempt(t *testing.T) {
	t.Parallel()
	for _, hold := range []bool{false, true} {
		t.Run(fmt.Sprintf("held %v", hold), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			cfg := r.Config()
			if hold {
				cfg.OnUnknown = pipeline.HoldUnknown
			}
			r.StartWorker(pipeline.NewInviteWorker(cfg))
			r.Office(3)
			r.Mailbox.DropReplies(2)
			r.Invite("c0", testkit.Contact("k0"))
			r.Invite("c2", testkit.Contact("k2"))
			r.Attempted(2)
			mail := func(client string) string {
				return testkit.Query[string](r.Scene, `SELECT message_id FROM attempts JOIN invites USING (invite_id)
					WHERE client_id = $1`, client)
			}
			r.Publish(events.MailReported, aReport("delivered", mail("c0"), "k0@example.com", "", ""))
			r.Publish(events.MailReported, aReport("bounced", mail("c2"), "k2@example.com", "550 5.1.1", "no such user"))
			r.Settled()
			delivered, failed := r.Newest()["c0/k0"], r.Newest()["c2/k2"]
			if delivered.Type != events.InviteSent || delivered.Attempt != 1 ||
				failed.Type != events.InviteFailed || failed.Stage != "after" || failed.Revision != 1 {
				t.Errorf("decided: %s and %s", delivered.Raw, failed.Raw)
			}
			if n := len(r.Published(events.InviteDelivered)); n != 1 || r.access("c2", "contact:k2") != "expired" {
				t.Errorf("%d InviteDelivered, the failed one's access %s", n, r.access("c2", "contact:k2"))
			}
			if mails := len(r.Mailbox.Messages()); mails != 2 {
				t.Errorf("%d mails, want 2", mails)
			}
		})
	}
}

func TestReportsAboutOtherMailsAndAddressesDoNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartInvites()
	r.Office(1)
	r.Invite("c0", testkit.Contact("k0"))
	r.Settled()
	sent := r.Newest()["c0/k0"]
	r.Publish(events.MailReported, aReport("bounced", "news.17@shop.example", "k0@example.com", "550 5.1.1", "unknown"))
	r.Publish(events.MailReported, aReport("bounced", sent.MessageID, "boss@example.com", "550 5.1.1", "unknown"))
	r.Publish(events.MailReported, aReport("complained", sent.MessageID, "boss@example.com", "", ""))
	for id, email := range map[string]string{sent.InviteID: "boss@example.com", bulkOfAnother: "k0@example.com"} {
		report := aReport("bounced", "", email, "550 5.1.1", "unknown")
		delete(report, "message_id")
		report["invite_id"], report["proof"] = id, mail.ProofIn(sent.MessageID)
		r.Publish(events.MailReported, report)
	}
	other := r.Event(events.MailReported, aReport("bounced", sent.MessageID, "k0@example.com", "550 5.1.1", "unknown"))
	other.Subject = "portal.facts.other.MailReported"
	r.PublishAll(other)
	r.Settled()
	if o := r.Newest()["c0/k0"]; o.Type != events.InviteSent || r.access("c0", "contact:k0") != "invited" {
		t.Errorf("after reports that mean other mails: %s", o.Raw)
	}
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM suppressions`); n != 0 {
		t.Errorf("%d suppressions", n)
	}
	// The invite and its present email say which mail it is, too.
	report := aReport("bounced", "", "K0@Example.com", "550 5.1.1", "unknown")
	delete(report, "message_id")
	report["proof"] = mail.ProofIn(sent.MessageID)
	r.Publish(events.MailReported, testkit.With(report, "invite_id", sent.InviteID))
	r.Settled()
	if o := r.Newest()["c0/k0"]; o.Type != events.InviteFailed {
		t.Errorf("reported by the invite's id: %s", o.Raw)
	}
}

// Anybody can write into the mailbox for bounces. A report counts only with the proof that its mail carried. Mails from
// before there were proofs have none, and reports about them count for a while.
func TestOnlyAProvenReportCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.Config()
	cfg.UnprovenFor = time.Hour
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.Office(6)
	for _, client := range []string{"c0", "c2", "c3", "c4", "c5"} {
		r.Invite(client, testkit.Contact("k"+client[1:]))
	}
	r.Settled()
	sent := r.Newest()
	idOf := func(client string) string { return sent[client+"/k"+client[1:]].MessageID }
	unproven := func(id string) string {
		local, _, _ := strings.Cut(id, "@")
		return local + "@mail.example"
	}
	proof, ofOther := mail.ProofIn(idOf("c0")), mail.ProofIn(idOf("c2"))
	if proof == "" || ofOther == "" || proof == ofOther {
		t.Fatalf("the proofs are %q and %q", proof, ofOther)
	}
	report := func(id string) testkit.Object {
		return aReport("bounced", id, "k0@example.com", "550 5.1.1", "unknown")
	}
	byInvite := report("")
	delete(byInvite, "message_id")
	byInvite["invite_id"] = sent["c0/k0"].InviteID
	for _, forged := range []testkit.Object{
		report(unproven(idOf("c0"))),
		report(strings.Replace(idOf("c0"), proof, ofOther, 1)),
		byInvite, testkit.With(byInvite, "proof", ofOther),
	} {
		r.Publish(events.MailReported, forged)
	}
	// Two mails from before, one of which left long ago, and one that has been sent again with a proof.
	r.Exec(`UPDATE attempts SET message_id = split_part(message_id, '@', 1) || '@mail.example',
			started_at = CASE WHEN message_id = $1 THEN started_at - interval '2 hours' ELSE started_at END
		WHERE message_id IN ($1, $2)`, idOf("c3"), idOf("c4"))
	for _, client := range []string{"c3", "c4"} {
		r.Publish(events.MailReported,
			aReport("bounced", unproven(idOf(client)), "k"+client[1:]+"@example.com", "550 5.1.1", "unknown"))
	}
	loud := strings.ToUpper(idOf("c5"))
	r.Publish(events.MailReported, aReport("bounced", loud, "k5@example.com", "550 5.1.1", "unknown"))
	r.Settled()
	for client, want := range map[string]events.Type{
		"c0": events.InviteSent, "c2": events.InviteSent, "c3": events.InviteSent,
		"c4": events.InviteFailed, "c5": events.InviteFailed,
	} {
		if o := r.Newest()[client+"/k"+client[1:]]; o.Type != want {
			t.Errorf("%s: %s, want %s", client, o.Type, want)
		}
	}
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM suppressions`); n != 2 {
		t.Errorf("%d suppressions, want those of the two reports that count", n)
	}
	r.Publish(events.MailReported, report(idOf("c0")))
	r.Settled()
	if o := r.Newest()["c0/k0"]; o.Type != events.InviteFailed {
		t.Errorf("with the proof: %s", o.Raw)
	}
}

const bulkOfAnother = "c2a7f0f4-6d1b-5a49-9b0e-7f1d2c3b4a59"

// A report about a mail from before a lift does not block the address again. One about a later mail does.
func TestAReportFromBeforeALiftBlocksNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartInvites()
	r.Office(1)
	r.Invite("c0", testkit.Contact("k0"))
	r.Settled()
	sent := r.Newest()["c0/k0"]
	r.Exec(`UPDATE attempts SET started_at = started_at - interval '2 hours'`) // the clocks of two processes may differ
	r.Publish(events.EmailUnsuppressed, testkit.Object{"email": "k0@example.com", "cause": "manual"})
	r.Handled(events.FactsDurable)
	r.comesBack(sent, "k0@example.com")
	r.Publish(events.MailReported, aReport("complained", sent.MessageID, "k0@example.com", "", ""))
	r.Settled()
	if o := r.Newest()["c0/k0"]; o.Type != events.InviteFailed || r.blocked("k0@example.com") != "" {
		t.Errorf("after the lift: %s, blocked by %q", o.Raw, r.blocked("k0@example.com"))
	}
	r.Exec(`UPDATE suppressions SET lifted_at = lifted_at - interval '1 hour'`)
	r.Invite("c0", testkit.Contact("k0"))
	r.Settled()
	r.comesBack(r.Newest()["c0/k0"], "k0@example.com")
	r.Settled()
	if r.blocked("k0@example.com") != "bounce" {
		t.Error("a mail from after the lift came back, and does not block")
	}
}

// An individual invite overtakes one that waits in a run, and its mail comes back. The mail of the run leaves then, and
// its link opens.
func TestAMailOfARunLeavesAfterTheOneThatOvertookItCameBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.Config())
	r.StartWorker(w)
	r.StartBulk()
	r.Office(1)
	r.Mailbox.Refuse("k0@example.com", 451, [3]int{4, 7, 1}, "come back later")
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	testenv.Eventually(t, time.Minute, func() error {
		if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts WHERE verdict = 'retry'`); n != 1 {
			return fmt.Errorf("%d mails were deferred, want 1", n)
		}
		return nil
	})
	r.Mailbox.Accept("k0@example.com")
	r.Invite("c0", testkit.Contact("k0"))
	mails, err := r.Mailbox.Wait(r.Ctx, 1)
	r.Must(err)
	r.Handled(events.InviteDurable)
	testenv.Eventually(t, time.Minute, func() error {
		if len(r.Published(events.InviteSent)) != 1 {
			return errors.New("the individual invite is not announced as sent")
		}
		return nil
	})
	r.isFull(testkit.Outcome{MessageID: mails[0].MessageID}, "k0@example.com")
	r.Handled(events.FactsDurable)
	r.left(0)
	r.Settled()
	if n := len(r.Mailbox.Messages()); n != 2 || r.access("c0", "contact:k0") != "invited" {
		t.Fatalf("%d mails, and the access is %s", n, r.access("c0", "contact:k0"))
	}
	if got := r.linkIn(w, 1); got != answer.LinkOpened {
		t.Errorf("the link of the run's mail is %s", got)
	}
	r.Invite("c0", testkit.Contact("k0"))
	r.Settled()
	if n := len(r.Mailbox.Messages()); n != 2 {
		t.Errorf("%d mails in the end: the person was invited twice", n)
	}
}
