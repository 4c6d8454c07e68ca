package pipeline

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
)

// newOffice is a rig on which the facts of an office are known and no worker runs.
func newOffice(t *testing.T, clients int) *rig {
	t.Helper()
	r := newRig(t)
	stop := r.start(NewInviteWorker(r.config()))
	r.office(clients)
	r.handled(events.FactsDurable)
	stop()
	return r
}

// byHand is an invite-worker that does what a test has it do, and its delivery.
func (r *rig) byHand(cfg Config) (*Worker, *delivery) {
	r.t.Helper()
	cfg.LeaseFor = time.Hour // nobody renews it
	w := NewInviteWorker(cfg)
	r.must(w.beginLease(r.ctx))
	d := w.newDelivery()
	r.t.Cleanup(d.pool.Close)
	w.delivery.Store(d)
	return w, d
}

// request is an event that invites k<n> on c<n>.
func (r *rig) request(n int, more ...object) events.Event {
	r.t.Helper()
	r.invite(fmt.Sprintf("c%d", n), append([]object{contact(fmt.Sprintf("k%d", n))}, more...)...)
	taken := r.taken(events.InviteDurable, 1)
	events.Ack(taken)
	return taken[0].Event
}

// leaves sends what a delivery has been handed, and records it.
func (d *delivery) leaves(ctx context.Context) error {
	close(d.jobs)
	d.send(ctx)
	close(d.results)
	return d.record(ctx)
}

// inFlight says of how many invites the rows are as a claim leaves them, with an attempt under way.
func (r *rig) inFlight(worker uuid.UUID) int {
	r.t.Helper()
	return query[int](r, `SELECT count(*) FROM invites i JOIN attempts a USING (invite_id, attempt)
		WHERE i.state = 'sending' AND i.worker_id = $1 AND i.attempt = 1 AND i.next_attempt_at IS NULL AND i.slot_at IS NULL
		  AND a.worker_id = $1 AND a.verdict = '' AND a.finished_at IS NULL AND a.started_at >= i.decided_at AND a.message_id <> ''`, worker)
}

func (r *rig) inState(state store.State) int {
	r.t.Helper()
	return query[int](r, `SELECT count(*) FROM invites WHERE state = $1`, state)
}

// decisions is an observer of them.
type decisions struct {
	nobody
	invited int
}

func (d *decisions) Decided(lane store.Lane, reason rules.Code) {
	if lane == store.IndividualLane && reason == "" {
		d.invited++
	}
}

// noWait is for requests whose facts are applied.
func noWait() error { return nil }

func TestAnInviteIsSentByTheTransactionThatDecidesIt(t *testing.T) {
	t.Parallel()
	r := newOffice(t, 1)
	cfg := r.config()
	count := &decisions{}
	cfg.Observer = count
	w, d := r.byHand(cfg)
	r.must(w.invite(r.ctx, noWait, []events.Event{r.request(0)}))
	if count.invited != 1 {
		t.Errorf("the observer has heard of %d decisions to invite", count.invited)
	}
	if n := r.inFlight(w.id); n != 1 || len(d.jobs) != 1 || d.window.taken != 1 {
		t.Fatalf("%d invites are in flight, %d with the senders, %d in the window; want 1", n, len(d.jobs), d.window.taken)
	}
	r.must(d.leaves(r.ctx))
	if d.window.taken != 0 {
		t.Errorf("%d in the window after it was recorded", d.window.taken)
	}
	r.start(NewBulkWorker(r.config()))
	r.must(r.store.EndLease(r.ctx, w.id)) // whoever is left announces
	r.settled()
	sent := r.told(events.InviteSent)
	if mails := r.mailbox.Messages(); len(mails) != 1 || len(sent) != 1 || sent[0].Attempt != 1 || sent[0].MessageID != mails[0].MessageID {
		t.Errorf("%d mails, and told: %+v", len(mails), sent)
	}
}

// What may not leave at once waits in the queue, as if there were no other way.
func TestAnInviteThatMayNotLeaveAtOnceIsQueued(t *testing.T) {
	t.Parallel()
	r := newOffice(t, 40)
	client := 1 // has no email
	next := func(more ...object) events.Event { client++; return r.request(client, more...) }
	away := mail.Result{Verdict: mail.Retry, Stage: mail.StageConnect}
	for name, c := range map[string]struct {
		config  func(*Config)
		before  func(*Worker, *delivery)
		request func() []events.Event
		sending int
		queued  int
	}{
		"nothing stands in the way": {sending: 1},
		"the lane has a rate":       {config: func(c *Config) { c.Rate = 1000 }, queued: 1},
		"domains have a rate":       {config: func(c *Config) { c.DomainRate = 1000 }, queued: 1},
		"the mail server is away":   {before: func(_ *Worker, d *delivery) { d.server.begin(away) }, queued: 1},
		"it is back":                {before: func(_ *Worker, d *delivery) { d.server.begin(away); d.server.over(mail.Result{}) }, sending: 1},
		"the window is full":        {before: func(_ *Worker, d *delivery) { d.window.takeNow(d.window.limit) }, queued: 1},
		"a claim is being made":     {before: func(_ *Worker, d *delivery) { d.claiming <- struct{}{} }, queued: 1},
		"delivery has ended":        {before: func(_ *Worker, d *delivery) { d.end() }, queued: 1},
		"a claim is unclear":        {before: func(_ *Worker, d *delivery) { d.unclear.Store(true) }, queued: 1},
		"nothing is delivered":      {before: func(w *Worker, _ *delivery) { w.delivery.Store(nil) }, queued: 1},
		"somebody waits who is due": {before: func(w *Worker, d *delivery) {
			w.delivery.Store(nil)
			r.must(w.invite(r.ctx, noWait, []events.Event{next()}))
			w.delivery.Store(d)
		}, queued: 2},
		"somebody waits who is not due": {before: func(w *Worker, d *delivery) {
			w.delivery.Store(nil)
			r.must(w.invite(r.ctx, noWait, []events.Event{next()}))
			w.delivery.Store(d)
			r.age(`UPDATE invites SET next_attempt_at = now() + interval '1 hour' WHERE state = 'queued'`)
		}, sending: 1, queued: 1},
		"there is room for some": {
			before:  func(_ *Worker, d *delivery) { d.window.limit = 3; d.window.takeNow(1) },
			request: func() []events.Event { return []events.Event{next(), next(added("one@example.com", "One"))} },
			sending: 2, queued: 1,
		},
		"nobody may be invited": {request: func() []events.Event { return []events.Event{r.request(1)} }},
		"the request is known": {request: func() []events.Event {
			e := next()
			r.must(r.store.Tx(r.ctx, func(tx *store.Tx) error {
				_, err := tx.InsertRequests(r.ctx, []store.Request{requestOf(e)})
				return err
			}))
			return []events.Event{e}
		}, queued: 1},
	} {
		r.age(`TRUNCATE invites, attempts, held_decisions`)
		cfg := r.config()
		if c.config != nil {
			c.config(&cfg)
		}
		w, d := r.byHand(cfg)
		if c.before != nil {
			c.before(w, d)
		}
		list := []events.Event{}
		if c.request == nil {
			list = append(list, next())
		} else {
			list = c.request()
		}
		taken := d.window.taken
		r.must(w.invite(r.ctx, noWait, list))
		if sending, queued := r.inFlight(w.id), r.inState(store.Queued); sending != c.sending || queued != c.queued || len(d.jobs) != sending {
			t.Errorf("%s: %d are in flight, %d with the senders and %d in the queue; want %d and %d", name, sending, len(d.jobs), queued, c.sending, c.queued)
		}
		if d.window.taken != taken+c.sending {
			t.Errorf("%s: %d in the window, want %d more than %d", name, d.window.taken, c.sending, taken)
		}
	}
}

// Of those that were decided together, the first leave at once.
func TestWhereThereIsRoomForSomeTheFirstLeave(t *testing.T) {
	t.Parallel()
	r := newOffice(t, 6)
	w, d := r.byHand(r.config())
	d.window.limit = 2
	r.must(w.invite(r.ctx, noWait, []events.Event{r.request(3), r.request(0), r.request(5)}))
	if last := query[string](r, `SELECT client_id FROM invites WHERE state = 'queued'`); last != "c5" {
		t.Errorf("%s waits, want c5", last)
	}
}

// The answer to the commit gets lost: the worker knows neither that its invites are on record as being sent, nor that they are not.
func TestWhatIsDecidedByALostCommitIsSentOnce(t *testing.T) {
	t.Parallel()
	r := newOffice(t, 3)
	lossy := newLossyProxy(t, r.url, "INSERT INTO requests")
	cfg := r.config()
	var err error
	cfg.Store, err = store.Open(r.ctx, lossy.url, 5)
	r.must(err)
	t.Cleanup(cfg.Store.Close)
	w, d := r.byHand(cfg)
	first, second := r.request(0), r.request(2)
	for _, e := range []events.Event{first, second} {
		if err := w.invite(r.ctx, noWait, []events.Event{e}); err == nil {
			t.Fatal("the answer did not get lost")
		}
		r.must(w.invite(r.ctx, noWait, []events.Event{e})) // it is delivered again
	}
	// The second one did not go the same way, since clear could not have told it from the first.
	if n, queued := r.inFlight(w.id), r.inState(store.Queued); n != 1 || queued != 1 || len(d.jobs) != 0 || d.window.taken != 0 {
		t.Fatalf("%d in flight, %d in the queue, %d with the senders, %d in the window", n, queued, len(d.jobs), d.window.taken)
	}
	d.window.limit = 8
	if _, err := d.take(r.ctx); err != nil || len(d.jobs) != 2 || d.unclear.Load() {
		t.Fatalf("%d invites taken, unclear: %v; %v", len(d.jobs), d.unclear.Load(), err)
	}
	r.must(d.leaves(r.ctx))
	if mails, sent := len(r.mailbox.Messages()), r.inState(store.Sent); mails != 2 || sent != 2 {
		t.Errorf("%d mails, %d invites sent; want 2", mails, sent)
	}
	if n := query[int](r, `SELECT count(*) FROM attempts WHERE attempt = 1 AND verdict = 'retry'`); n != 1 {
		t.Errorf("%d attempts on record that never left, want 1", n)
	}
}

// The worker is told to stop while an invite is decided that is to leave at once. It leaves, or it is queued again.
func TestAStopWhileAnInviteIsDecided(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]error{"the commit is answered": nil, "its answer gets lost": errors.New("lost")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newOffice(t, 1)
			w := NewInviteWorker(r.config())
			r.must(w.beginLease(r.ctx))
			ctx, stop := context.WithCancel(r.ctx)
			delivered := make(chan error, 1)
			go func() { delivered <- w.deliver(ctx) }()
			e := r.request(0)
			request, err := nameIn(requestOf(e), e)
			r.must(err)
			testenv.Eventually(t, time.Minute, func() error { // now and then the other stage is about to claim
				began := false
				err := w.atOnce(r.ctx, 1, func(room int) ([]job, error) {
					if began = room == 1; !began {
						return nil, nil
					}
					stop()
					begun, err := w.inviteNow(r.ctx, []naming{request}, room)
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
			if n := r.inState(state); n != 1 || len(r.mailbox.Messages()) != mails {
				t.Errorf("%d invites are %s, with %d mails", n, state, len(r.mailbox.Messages()))
			}
			if got := query[string](r, `SELECT verdict FROM attempts`); got != string(verdict) {
				t.Errorf("the attempt is on record as %q", got)
			}
			// What is decided from now on is left to others.
			r.must(w.atOnce(r.ctx, 1, func(room int) ([]job, error) {
				if room != 0 {
					t.Error("there is room in a delivery that has ended")
				}
				return nil, nil
			}))
		})
	}
}

// A message that can't be handled must not take the delivery down with it.
func TestAPanicWhileAnInviteIsDecided(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w, d := r.byHand(r.config())
	_, err := w.safely("decide", func() (bool, error) {
		return true, w.atOnce(r.ctx, 1, func(int) ([]job, error) { panic("poison") })
	})
	if err == nil || d.window.taken != 0 || !d.unclear.Load() || len(d.claiming) != 0 {
		t.Errorf("%v; %d in the window, unclear: %v", err, d.window.taken, d.unclear.Load())
	}
}

// Workers start and stop while invites are asked for: everyone gets one mail, at the first attempt or explained by it.
func TestInviteWorkersComeAndGo(t *testing.T) {
	t.Parallel()
	const n = 150
	r := newOffice(t, n)
	r.start(NewBulkWorker(r.config()))
	var requests []*nats.Msg
	for i := range n {
		requests = append(requests, r.event(events.InviteRequested, inviteData(fmt.Sprintf("c%d", i), contact(fmt.Sprintf("k%d", i)))))
	}
	for i := 0; i < n; i += n / 10 {
		one, other := r.start(NewInviteWorker(r.config())), r.start(NewInviteWorker(r.config()))
		for _, request := range requests[i : i+n/10] {
			_, err := r.js.PublishMsg(r.ctx, request)
			r.must(err)
		}
		testenv.Eventually(t, time.Minute, func() error {
			working := query[int](r, `SELECT count(*) FROM workers WHERE lease_until > now()`)
			if decided := query[int](r, `SELECT count(*) FROM invites`); working < 3 || decided <= i {
				return fmt.Errorf("%d invites are decided by %d workers", decided, working)
			}
			return nil
		})
		one()
		other()
	}
	r.start(NewInviteWorker(r.config()))
	r.settled()
	if sent := len(r.told(events.InviteSent)); sent != n-1 {
		t.Errorf("%d are invited, want %d", sent, n-1)
	}
	if unknown := query[int](r, `SELECT count(*) FROM attempts WHERE verdict = 'unknown'`); unknown != 0 {
		t.Errorf("%d attempts are of unknown result, though every worker stopped in order", unknown)
	}
	if r.inState(store.Sending) != 0 || query[int](r, `SELECT count(*) FROM attempts WHERE verdict = ''`) != 0 {
		t.Error("an attempt is still under way")
	}
}
