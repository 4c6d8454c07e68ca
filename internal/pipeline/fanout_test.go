package pipeline

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
)

// register publishes n clients with one Primary contact each, in the order in which a run walks them, and waits until they are
// known. Few have an email.
func (r *rig) register(n int, emails map[int]string) {
	r.t.Helper()
	r.firm()
	var facts []*nats.Msg
	for i := range n {
		id := fmt.Sprintf("k%05d", i)
		facts = append(facts, r.event(events.ContactUpserted, contactData(id, "Kay "+id, emails[i])),
			r.event(events.ClientUpserted, clientData(fmt.Sprintf("c%05d", i), "*"+id)))
	}
	r.publishAll(facts)
	r.start(NewInviteWorker(r.config())) // applies them
	r.handled(events.FactsDurable)
}

// startRun has a worker put what was asked on record.
func (r *rig) startRun(w *Worker) {
	r.t.Helper()
	_, err := (&consumer{Worker: w, durable: events.BulkDurable, size: runsBatch, handle: w.startRuns}).step(r.ctx)
	r.must(err)
}

// tries returns a configuration that calls a function at the beginning of each try of a transaction, with its number.
func (r *rig) tries(begins func(n int)) Config {
	cfg, n := r.config(), 0
	cfg.Now = func() time.Time {
		n++
		begins(n)
		return time.Now()
	}
	return cfg
}

// Pages end between contacts with one email, and each page is read while the one before it is decided. All the same the second
// contact is decided on what the first one has taken hold of, without losing a race for it.
func TestAnEmailSharedAcrossPagesOpensThePortalOfTheFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	last, first, third := pageSize-1, pageSize, 2*pageSize
	r.register(third+1, map[int]string{last: "one@example.com", first: "one@example.com", third: "one@example.com"})
	id := r.publish(events.BulkInviteRequested, bulkAll())
	tries := 0
	w := NewBulkWorker(r.tries(func(int) { tries++ }))
	r.dies(w, func() {
		r.startRun(w)
		tries = 0
		if _, err := w.walk(r.ctx); err != nil || tries != 3 {
			t.Errorf("three pages took %d tries: %v", tries, err)
		}
	})
	r.start(NewBulkWorker(r.config()))
	r.settled()
	if o := r.completed(id); o.Selected != third+1 || o.Sent != 1 || o.ByReason["email_shared"] != 2 {
		t.Errorf("completed: %s", o.Raw)
	}
	standing := r.standing()
	for _, n := range []int{first, third} {
		o := standing[fmt.Sprintf("c%05d/k%05d", n, n)]
		if o.Reason != "email_shared" || o.Reasons[0].Conflict.ContactID != fmt.Sprintf("k%05d", last) {
			t.Errorf("contact %d: %s", n, o.Raw)
		}
	}
}

// A page loses a race, is read anew and ends elsewhere, while the next one was read behind where it would have ended. Nobody in
// between is passed over.
func TestAPageThatLosesARaceIsReadAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register(pageSize+1, nil)
	id := r.publish(events.BulkInviteRequested, bulkAll())
	r.age(`CREATE SEQUENCE inserts;
		CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('inserts') = 1 THEN RAISE 'the first one loses' USING ERRCODE = 'serialization_failure'; END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER lose AFTER INSERT ON invites FOR EACH STATEMENT EXECUTE FUNCTION lose()`)
	w := NewBulkWorker(r.tries(func(n int) {
		if n == 2 { // the run was put on record at 1; a page has been read by now
			r.client("a-new-one")
			r.handled(events.FactsDurable)
		}
	}))
	r.dies(w, func() {
		r.startRun(w)
		if _, err := w.walk(r.ctx); err != nil {
			t.Error(err)
		}
		if n := query[int](r, `SELECT count(*) FROM invites`); n != pageSize {
			t.Errorf("%d are decided, want a page", n)
		}
		if n := query[int](r, `SELECT count(*) FROM runs WHERE worker_id IS NOT NULL`); n != 0 {
			t.Error("the run was not handed back")
		}
	})
	r.start(NewBulkWorker(r.config()))
	r.settled()
	if o := r.completed(id); o.Selected != pageSize+2 || o.ByReason["client_has_no_contacts"] != 1 {
		t.Errorf("completed: %s", o.Raw)
	}
}

// A run that is alone is walked to its end; one that is not makes way for another after four pages.
func TestARunMakesWayForOneThatWaits(t *testing.T) {
	t.Parallel()
	const turn, contacts = pagesPerTurn * pageSize, (pagesPerTurn + 1) * pageSize
	for name, c := range map[string]struct{ runs, walks, decided int }{
		"alone":      {runs: 1, walks: 1, decided: contacts},
		"one of two": {runs: 2, walks: 1, decided: turn},
		"both":       {runs: 2, walks: 2, decided: 2 * turn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.register(contacts, nil)
			var requests []*nats.Msg
			for range c.runs {
				requests = append(requests, r.event(events.BulkInviteRequested, bulkAll()))
			}
			r.publishAll(requests)
			w := NewBulkWorker(r.config())
			r.dies(w, func() {
				r.startRun(w)
				for range c.walks {
					if _, err := w.walk(r.ctx); err != nil {
						t.Error(err)
					}
				}
				if n := query[int](r, `SELECT count(*) FROM invites`); n != c.decided {
					t.Errorf("%d are decided, want %d", n, c.decided)
				}
			})
			r.start(NewBulkWorker(r.config()))
			r.settled()
		})
	}
}

// A claim that found less than a run's share in one run has left some of another: it looks again at once, and not at the next bell.
func TestAClaimOfRunsLooksAgainWhereOneHadLess(t *testing.T) {
	t.Parallel()
	r := newOffice(t, 12)
	r.publishAll([]*nats.Msg{r.event(events.BulkInviteRequested, bulkOf("c0")), r.event(events.BulkInviteRequested, bulkOf("c2", "c3", "c4", "c5", "c6", "c7"))})
	w := NewBulkWorker(r.config())
	r.dies(w, func() {
		r.startRun(w)
		for range 2 {
			_, err := w.walk(r.ctx)
			r.must(err)
		}
		d := w.newDelivery()
		d.window.limit = 8
		if worked, err := d.take(r.ctx); err != nil || !worked || len(d.jobs) != 5 {
			t.Errorf("%d invites taken, %v; %v", len(d.jobs), worked, err)
		}
	})
	r.start(NewBulkWorker(r.config()))
	r.start(NewInviteWorker(r.config()))
	r.settled()
}

// Between the reading of a replay's page and its deciding somebody else has decided one invite of it, and the other's contact has a
// new email. Nothing of what was read counts any more.
func TestAReplayThatLosesARaceDecidesByWhatIsThereNow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register(2, nil)
	first := r.invite("c00000", contact("k00000"))
	r.invite("c00001", contact("k00001"))
	r.settled()
	r.contact("k00000", "Kay", "first@example.com")
	r.contact("k00001", "Kay", "second@example.com")
	r.handled(events.FactsDurable)
	id := r.publish(events.ReplayRequested, replayOf(object{}))
	w := NewBulkWorker(r.config())
	r.dies(w, func() {
		r.startRun(w)
		run, err := r.store.LeaseRun(r.ctx, w.id)
		r.must(err)
		ahead, err := w.readAhead(r.ctx, run)()
		r.must(err)
		r.publishAs(first, events.InviteRequested, inviteData("c00000", contact("k00000")))
		r.contact("k00001", "Kay", "corrected@example.com")
		r.handled(events.InviteDurable, events.FactsDurable)
		_, err = w.decidePage(r.ctx, ahead)
		r.must(err)
		if email := query[string](r, `SELECT email FROM invites WHERE contact_id = 'k00001'`); email != "corrected@example.com" {
			t.Errorf("decided to send to %s", email)
		}
	})
	r.start(NewBulkWorker(r.config()))
	r.settled()
	if o := r.completed(id); o.Selected != 1 || o.Sent != 1 {
		t.Errorf("completed: %s", o.Raw)
	}
	var to []string
	for _, m := range r.mailbox.Messages() {
		to = append(to, m.To[0])
	}
	if slices.Sort(to); !slices.Equal(to, []string{"corrected@example.com", "first@example.com"}) {
		t.Errorf("mails went to %v", to)
	}
}
