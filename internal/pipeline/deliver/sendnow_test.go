package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/deliver"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// decisions counts decisions to invite.
type decisions struct {
	pipeline.Unwatched
	invited int
}

func (d *decisions) Decided(lane store.Lane, reason rules.Code) {
	if lane == store.IndividualLane && reason == "" {
		d.invited++
	}
}

func TestAnInviteIsSentByTheTransactionThatDecidesIt(t *testing.T) {
	t.Parallel()
	r := newOffice(t, 1)
	cfg := r.Config()
	count := &decisions{}
	cfg.Observer = count
	w, d := r.byHand(cfg)
	r.Must(r.decide(w, r.request(0)))
	if count.invited != 1 {
		t.Errorf("the observer has counted %d decisions to invite, want 1", count.invited)
	}
	if n := r.inFlight(w.ID); n != 1 || d.Handed() != 1 || d.OnTheirWay() != 1 {
		t.Fatalf("%d invites are in flight, %d with the mailers, %d in the window; want 1", n, d.Handed(), d.OnTheirWay())
	}
	r.Must(d.Leave(r.Ctx))
	if d.OnTheirWay() != 0 {
		t.Errorf("%d in the window after the result was recorded", d.OnTheirWay())
	}
	r.StartBulk()
	r.Must(r.Store.EndLease(r.Ctx, w.ID)) // the other worker takes over the outcomes
	r.Settled()
	sent := r.Published(events.InviteSent)
	if mails := r.Mailbox.Messages(); len(mails) != 1 || len(sent) != 1 || sent[0].Attempt != 1 ||
		sent[0].MessageID != mails[0].MessageID {
		t.Errorf("%d mails, and published: %+v", len(mails), sent)
	}
}

// An invite that may not leave at once goes into the queue.
func TestAnInviteThatMayNotLeaveAtOnceIsQueued(t *testing.T) {
	t.Parallel()
	r := newOffice(t, 40)
	client := 1 // the contact of c1 has no email, so next begins with c2
	next := func(more ...testkit.Object) events.Delivery { client++; return r.request(client, more...) }
	for name, c := range map[string]struct {
		config  func(*pipeline.Config)
		before  func(pipeline.Parts, *deliver.Delivery)
		request func() []events.Delivery
		sending int
		queued  int
	}{
		"nothing prevents it":     {sending: 1},
		"the lane has a rate":     {config: func(c *pipeline.Config) { c.Rate = 1000 }, queued: 1},
		"domains have a rate":     {config: func(c *pipeline.Config) { c.DomainRate = 1000 }, queued: 1},
		"the mail server is down": {before: func(_ pipeline.Parts, d *deliver.Delivery) { d.ServerAway() }, queued: 1},
		"the server is back": {
			before: func(_ pipeline.Parts, d *deliver.Delivery) { d.ServerAway(); d.ServerBack() }, sending: 1,
		},
		"the window is full":     {before: func(_ pipeline.Parts, d *deliver.Delivery) { d.FillAll() }, queued: 1},
		"a claim is under way":   {before: func(_ pipeline.Parts, d *deliver.Delivery) { d.Hold() }, queued: 1},
		"delivery has ended":     {before: func(_ pipeline.Parts, d *deliver.Delivery) { d.End() }, queued: 1},
		"a claim is unclear":     {before: func(_ pipeline.Parts, d *deliver.Delivery) { d.SetUnclear() }, queued: 1},
		"delivery has not begun": {before: func(_ pipeline.Parts, d *deliver.Delivery) { d.Unbegin() }, queued: 1},
		"an invite that is due waits": {before: func(w pipeline.Parts, _ *deliver.Delivery) {
			r.queue(w, next())
		}, queued: 2},
		"an invite that is not due waits": {before: func(w pipeline.Parts, _ *deliver.Delivery) {
			r.queue(w, next())
			r.Exec(`UPDATE invites SET next_attempt_at = now() + interval '1 hour' WHERE state = 'queued'`)
		}, sending: 1, queued: 1},
		"there is room for some": {
			before: func(_ pipeline.Parts, d *deliver.Delivery) { d.Limit(3); d.Fill(1) },
			request: func() []events.Delivery {
				return []events.Delivery{next(), next(testkit.Added("one@example.com", "One"))}
			},
			sending: 2, queued: 1,
		},
		"nobody may be invited": {request: func() []events.Delivery { return []events.Delivery{r.request(1)} }},
		"the request is stored already": {request: func() []events.Delivery {
			e := next()
			r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) error {
				_, err := tx.InsertRequests(r.Ctx, []store.Request{ledger.RequestOf(e.Event)})
				return err
			}))
			return []events.Delivery{e}
		}, queued: 1},
	} {
		r.Exec(`TRUNCATE invites, attempts, held_decisions, mail_reports`)
		cfg := r.Config()
		if c.config != nil {
			c.config(&cfg)
		}
		w, d := r.byHand(cfg)
		if c.before != nil {
			c.before(w, d)
		}
		list := []events.Delivery{}
		if c.request == nil {
			list = append(list, next())
		} else {
			list = c.request()
		}
		taken := d.OnTheirWay()
		r.Must(r.decide(w, list...))
		if sending, queued := r.inFlight(w.ID), r.inState(store.Queued); sending != c.sending || queued != c.queued ||
			d.Handed() != sending {
			t.Errorf("%s: %d are in flight, %d with the mailers and %d in the queue; want %d and %d", name, sending, d.Handed(),
				queued, c.sending, c.queued)
		}
		if d.OnTheirWay() != taken+c.sending {
			t.Errorf("%s: %d in the window, want %d more than %d", name, d.OnTheirWay(), c.sending, taken)
		}
	}
}

// If there is room for some of several invites, the first ones leave at once.
func TestTheFirstInvitesLeaveIfThereIsRoomForSome(t *testing.T) {
	t.Parallel()
	r := newOffice(t, 6)
	w, d := r.byHand(r.Config())
	d.Limit(2)
	r.Must(r.decide(w, r.request(3), r.request(0), r.request(5)))
	if last := testkit.Query[string](r.Scene, `SELECT client_id FROM invites WHERE state = 'queued'`); last != "c5" {
		t.Errorf("%s waits, want c5", last)
	}
}

// The answer to the commit gets lost, so the worker does not know whether its invites are stored as being sent.
func TestAnInviteIsSentOnceIfTheAnswerToItsCommitGetsLost(t *testing.T) {
	t.Parallel()
	r := newOffice(t, 3)
	lossy := testenv.NewLossyProxy(t, r.DatabaseURL, "INSERT INTO requests")
	cfg := r.Config()
	var err error
	cfg.Store, err = store.Open(r.Ctx, lossy.URL, 5)
	r.Must(err)
	t.Cleanup(cfg.Store.Close)
	w, d := r.byHand(cfg)
	first, second := r.request(0), r.request(2)
	for _, e := range []events.Delivery{first, second} {
		if err := r.decide(w, e); err == nil {
			t.Fatal("the answer did not get lost")
		}
		r.Must(r.decide(w, e)) // the request is delivered again
	}
	// The second one was queued, because the claim was unclear and must be cleared first.
	if n, queued := r.inFlight(w.ID), r.inState(store.Queued); n != 1 || queued != 1 || d.Handed() != 0 ||
		d.OnTheirWay() != 0 {
		t.Fatalf("%d in flight, %d in the queue, %d with the mailers, %d in the window", n, queued, d.Handed(),
			d.OnTheirWay())
	}
	d.Limit(8)
	if _, err := d.Take(r.Ctx); err != nil || d.Handed() != 2 || d.Unclear() {
		t.Fatalf("%d invites taken, unclear: %v; %v", d.Handed(), d.Unclear(), err)
	}
	r.Must(d.Leave(r.Ctx))
	if mails, sent := len(r.Mailbox.Messages()), r.inState(store.Sent); mails != 2 || sent != 2 {
		t.Errorf("%d mails, %d invites sent; want 2", mails, sent)
	}
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts WHERE attempt = 1 AND verdict = 'retry'`); n != 1 {
		t.Errorf("%d attempts on record that never left, want 1", n)
	}
}

// The worker must stop while it decides an invite that may leave at once. The invite leaves, or it is requeued.
func TestAStopWhileAnInviteIsDecided(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]error{"the commit is answered": nil, "its answer gets lost": errors.New("lost")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newOffice(t, 1)
			w := r.ByHand(store.IndividualLane, r.Config())
			ctx, stop := context.WithCancel(r.Ctx)
			delivered := make(chan error, 1)
			go func() { delivered <- w.Delivery.Stage().Run(ctx) }()
			request, err := ledger.NewRequest(r.request(0).Event)
			r.Must(err)
			testenv.Eventually(t, time.Minute, func() error { // sometimes the other stage is about to claim
				began := false
				err := w.Senders.SendNow(r.Ctx, oneOfAcme, func(room ledger.Room) ([]ledger.Job, error) {
					if began = room[""] == 1; !began {
						return nil, nil
					}
					stop()
					var begun []ledger.Job
					err := w.Ledger.Commit(r.Ctx, func(tx *ledger.Tx) error {
						candidates, _, err := tx.Record(r.Ctx, []ledger.Request{request})
						r.Must(err)
						tx.BeginUpTo(room)
						err = tx.DecideAll(r.Ctx, candidates)
						begun = tx.Begun()
						return err
					})
					return begun, errors.Join(err, answer)
				})
				if !began {
					return errors.New("there is no room")
				}
				if !errors.Is(err, answer) {
					t.Error(err)
				}
				return nil
			})
			if err := <-delivered; !errors.Is(err, context.Canceled) {
				t.Errorf("delivery ended: %v", err)
			}
			state, verdict, mails := store.Sent, mail.Delivered, 1
			if answer != nil {
				state, verdict, mails = store.Queued, mail.Retry, 0
			}
			if n := r.inState(state); n != 1 || len(r.Mailbox.Messages()) != mails {
				t.Errorf("%d invites are %s, with %d mails", n, state, len(r.Mailbox.Messages()))
			}
			if got := testkit.Query[string](r.Scene, `SELECT verdict FROM attempts`); got != string(verdict) {
				t.Errorf("the attempt is on record as %q", got)
			}
			// From now on, other workers send what is decided.
			r.Must(w.Senders.SendNow(r.Ctx, oneOfAcme, func(room ledger.Room) ([]ledger.Job, error) {
				if len(room) != 0 {
					t.Error("there is room in a delivery that has ended")
				}
				return nil, nil
			}))
		})
	}
}

// oneOfAcme is a request of one invite.
var oneOfAcme = map[string]int{"acme": 1}

// A panic while an invite is decided must not stop the delivery.
func TestAPanicWhileAnInviteIsDecided(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w, d := r.byHand(r.Config())
	_, err := w.Runner.Safely("decide", func() (bool, error) {
		return true, w.Senders.SendNow(r.Ctx, oneOfAcme, func(ledger.Room) ([]ledger.Job, error) { panic("poison") })
	})
	if err == nil || d.OnTheirWay() != 0 || !d.Unclear() || d.Held() {
		t.Errorf("%v; %d in the window, unclear: %v", err, d.OnTheirWay(), d.Unclear())
	}
}

// Workers start and stop while invites are requested. Each person gets one mail, and no attempt is of unknown result.
func TestInvitesAreSentOnceWhileWorkersComeAndGo(t *testing.T) {
	t.Parallel()
	const n = 150
	r := newOffice(t, n)
	r.StartBulk()
	var requests []*nats.Msg
	for i := range n {
		requests = append(requests, r.Event(events.InviteRequested,
			testkit.InviteData(fmt.Sprintf("c%d", i), testkit.Contact(fmt.Sprintf("k%d", i)))))
	}
	for i := 0; i < n; i += n / 10 {
		one, other := r.StartInvites(), r.StartInvites()
		for _, request := range requests[i : i+n/10] {
			_, err := r.JS.PublishMsg(r.Ctx, request)
			r.Must(err)
		}
		testenv.Eventually(t, time.Minute, func() error {
			working := testkit.Query[int](r.Scene, `SELECT count(*) FROM workers WHERE lease_until > now()`)
			if decided := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites`); working < 3 || decided <= i {
				return fmt.Errorf("%d invites are decided by %d workers", decided, working)
			}
			return nil
		})
		one()
		other()
	}
	r.StartInvites()
	r.Settled()
	if sent := len(r.Published(events.InviteSent)); sent != n-1 {
		t.Errorf("%d are invited, want %d", sent, n-1)
	}
	if unknown := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts WHERE verdict = 'unknown'`); unknown != 0 {
		t.Errorf("%d attempts are of unknown result, though every worker stopped in order", unknown)
	}
	open := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts WHERE verdict = ''`)
	if r.inState(store.Sending) != 0 || open != 0 {
		t.Error("an attempt is still under way")
	}
}
