package deliver_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/mail/mailtest"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

// Whatever a mail server does, and at whatever step: the attempt is recorded as the sender's table says, and so are the
// next state of the invite, its address, whether the lane stops, and the outcome. Each cell of the table is one mail,
// sent by a worker of its own.
func TestEveryFaultIsOnRecord(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	// Commands that are sent together end in the same results, as the sender's own test shows.
	faults := slices.DeleteFunc(mailtest.Faults(t), func(f mailtest.Fault) bool { return f.Grouped })
	r.queued(len(faults))
	// The clock of the workers stands still, so no deferred mail comes due again.
	now := time.Now().Truncate(time.Microsecond)
	tries := make([]try, len(faults))
	t.Run("sent", func(t *testing.T) {
		for i, f := range faults {
			t.Run(f.Name(), func(t *testing.T) {
				t.Parallel()
				tries[i] = r.in(t).try(f, now)
			})
		}
	})
	if t.Failed() {
		return
	}
	published := map[string][]testkit.Outcome{}
	for _, o := range r.Published() {
		published[o.InviteID] = append(published[o.InviteID], o)
	}
	for _, tried := range tries {
		t.Run(tried.Name(), func(t *testing.T) {
			t.Parallel()
			tried.checkAttempt(r.in(t))
			tried.checkInvite(r.in(t))
			tried.checkPublished(t, published[tried.invite.String()])
		})
	}
}

// in returns the rig for a subtest.
func (r *rig) in(t *testing.T) *rig {
	t.Helper()
	return &rig{r.In(t)}
}

// queued puts n invites into the queue.
func (r *rig) queued(n int) {
	r.TB.Helper()
	stop := r.StartInvites()
	r.UpsertFirm()
	r.UpsertClient("c1")
	r.Handled(events.FactsDurable)
	stop()
	for i := range n {
		r.Invite("c1", testkit.Added(fmt.Sprintf("kay%d@example.com", i), "Kay"))
	}
	requests := r.Taken(events.InviteDurable, n)
	r.queue(r.ByHand(store.IndividualLane, r.Config()), requests...)
	events.Ack(requests)
}

// try is one attempt to send an invite's mail, at a server with a fault.
type try struct {
	mailtest.Fault
	invite  uuid.UUID
	at      time.Time
	server  string
	hold    bool // mails of unknown result are held
	stopped bool // the lane was stopped
}

// try sends the next invite with the parts of a delivery.
func (r *rig) try(f mailtest.Fault, now time.Time) try {
	r.TB.Helper()
	s := f.Start(r.TB)
	cfg := r.faulty(f, s.Port)
	cfg.Now = func() time.Time { return now }
	// A mail to a server that hangs is cut off at once, so that the test waits for no timeout.
	sendCtx, cutOff := context.WithCancel(r.Ctx)
	defer cutOff()
	if f.Verb != "QUIT" {
		s.WhenHanging(cutOff)
	}

	w := r.ByHand(store.IndividualLane, cfg)
	d := w.Delivery
	if _, err := d.Take(r.Ctx); err != nil || d.Handed() != 1 {
		r.TB.Fatalf("%d invites taken, want 1: %v", d.Handed(), err)
	}
	j := d.Next()
	if f.Verb == "content" {
		d.Ended(j, d.SendMessage(sendCtx, large(j, f)))
	} else {
		d.Send(sendCtx, j)
	}
	s.Free()
	r.Must(d.Record(r.Ctx))
	d.Close()
	s.ExpectClosed(r.TB)
	r.announce(w)
	r.Must(r.Store.EndLease(r.Ctx, w.ID))
	return try{
		Fault: f, invite: j.Invite.ID, at: now, hold: cfg.OnUnknown == pipeline.HoldUnknown,
		server: net.JoinHostPort(cfg.SMTP.Host, strconv.Itoa(cfg.SMTP.Port)), stopped: !d.Stopped().IsZero(),
	}
}

// faulty is the configuration of a worker that uses a server with a fault. To test both settings, mails of unknown
// result are held if the server has TLS, and sent again otherwise.
func (r *rig) faulty(f mailtest.Fault, port int) pipeline.Config {
	cfg := r.Config()
	cfg.LeaseFor = time.Hour // nobody renews it
	cfg.SMTP.Host, cfg.SMTP.Port, cfg.SMTP.Username, cfg.SMTP.Password = "127.0.0.1", port, "user", "secret"
	if f.Cert != nil {
		cfg.SMTP.TLS, cfg.SMTP.RootCAs, cfg.OnUnknown = smtp.TLSMandatory, f.CAs, pipeline.HoldUnknown
	}
	if f.Verb == "content" {
		cfg.SMTP.Timeouts.Content = time.Second // far more than a server that reads needs
	}
	return cfg
}

// large is a mail that is still being sent when the server fails. A mail of the pipeline fits into the buffers of a
// socket, and has left by then.
func large(j ledger.Job, f mailtest.Fault) mail.Message {
	return mail.Message{
		MessageID: j.Attempt.MessageID, FromName: "Acme CPA", To: j.Invite.Email.Written,
		Content: mail.Content{Subject: "Your portal", HTML: f.Content(), Text: "Your portal"},
	}
}

// comesAgain says whether the invite is not settled yet.
func (a try) comesAgain() bool { return a.Verdict != "delivered" && a.Verdict != "refused" }

// held says whether the invite is held.
func (a try) held() bool { return a.Verdict == "unknown" && a.hold }

// isSessionStep says whether the server fails before it knows the recipient.
func (a try) isSessionStep() bool {
	switch a.Step {
	case "connect", "tls", "auth", "mail":
		return true
	default:
		return false
	}
}

func (a try) checkAttempt(r *rig) {
	r.TB.Helper()
	var verdict, stage, enhanced, said, server string
	var number, code int
	var pause time.Duration
	// The sum would show a second attempt.
	r.Must(r.DB.QueryRow(r.Ctx, `SELECT sum(attempt), min(verdict), min(stage), min(smtp_code), min(enhanced),
			min(said), min(server), min(pause)
		FROM attempts WHERE invite_id = $1 AND finished_at >= started_at`, a.invite).
		Scan(&number, &verdict, &stage, &code, &enhanced, &said, &server, &pause))
	if number != 1 || verdict != a.Verdict || stage != a.Step || code != a.Code || enhanced != a.Enhanced || said == "" ||
		server != a.server {
		r.TB.Errorf("attempt %d: %s at %s, %d %q %q by %s; want %s at %s, %d %q by %s", number,
			verdict, stage, code, enhanced, said, server, a.Verdict, a.Step, a.Code, a.Enhanced, a.server)
	}
	if counts := a.comesAgain() && !a.isSessionStep() && !a.held(); pause > 0 != counts {
		r.TB.Errorf("a pause of %s is counted against the invite; want one: %v", pause, counts)
	}
}

func (a try) checkInvite(r *rig) {
	r.TB.Helper()
	var state string
	var next, held *time.Time
	var suppressed bool
	r.Must(r.DB.QueryRow(r.Ctx, `SELECT state, next_attempt_at, held_at, EXISTS (SELECT FROM suppressions s
			WHERE s.firm_id = i.firm_id AND s.email = i.email_normal AND cause = 'bounce' AND NOT lifted)
		FROM invites i WHERE invite_id = $1`, a.invite).Scan(&state, &next, &held, &suppressed))
	want := "queued"
	switch a.Verdict {
	case "delivered":
		want = "sent"
	case "refused":
		want = "failed"
	}
	if state != want || suppressed != a.Gone {
		r.TB.Errorf("the invite is %s, its address suppressed: %v; want %s and %v", state, suppressed, want, a.Gone)
	}
	if (held != nil) != a.held() {
		r.TB.Errorf("held since %s; want it held: %v", held, a.held())
	}
	switch {
	case !a.comesAgain() || a.held():
		if next != nil {
			r.TB.Errorf("the invite is settled or held, and due at %s", next)
		}
	case next == nil || !next.After(a.at):
		r.TB.Errorf("tried at %s, and due at %s", a.at, next)
	}
	// A mail that was cut off says nothing about the server.
	if stops := a.Kind != mailtest.Hang && (a.Verdict == "misconfigured" || a.isSessionStep()); a.stopped != stops {
		r.TB.Errorf("the lane stops: %v, want %v", a.stopped, stops)
	}
}

func (a try) checkPublished(t *testing.T, published []testkit.Outcome) {
	t.Helper()
	if a.comesAgain() {
		if len(published) != 0 {
			t.Errorf("published before the invite is settled: %+v", published)
		}
		return
	}
	if len(published) != 1 || published[0].Revision != 1 {
		t.Fatalf("published: %+v", published)
	}
	o := published[0]
	switch {
	case a.Verdict == "delivered":
		if o.Type != events.InviteSent || o.MessageID == "" || o.Attempt != 1 {
			t.Errorf("published: %s", o.Raw)
		}
	case o.Type != events.InviteFailed, o.Stage != a.Step, o.SMTPCode != a.Code, o.EnhancedCode != a.Enhanced,
		o.Explanation == "", o.Remedy == "":
		t.Errorf("published: %s", o.Raw)
	}
}
