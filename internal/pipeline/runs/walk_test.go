package runs_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/runs"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

// register publishes n clients with one Primary contact each, in the order in which a run walks them, and waits until
// these facts are applied. Only the given contacts have an email.
func (r *rig) register(n int, emails map[int]string) {
	r.TB.Helper()
	r.UpsertFirm()
	var facts []*nats.Msg
	for i := range n {
		id := fmt.Sprintf("k%05d", i)
		facts = append(facts, r.Event(events.ContactUpserted, testkit.ContactData(id, "Kay "+id, emails[i])),
			r.Event(events.ClientUpserted, testkit.ClientData(fmt.Sprintf("c%05d", i), "*"+id)))
	}
	r.PublishAll(facts...)
	r.StartInvites() // applies them
	r.Handled(events.FactsDurable)
}

// tries returns a configuration that calls begins at the beginning of each try of a transaction, with the number of the
// try.
func (r *rig) tries(begins func(n int)) pipeline.Config {
	cfg, n := r.Config(), 0
	cfg.Now = func() time.Time {
		n++
		begins(n)
		return time.Now()
	}
	return cfg
}

// The contacts with one email are on different pages, and each page is read while the page before it is decided. The
// later contacts are still decided on the reservation of the first, and no page loses a race.
func TestAnEmailSharedAcrossPagesInvitesTheFirstContactOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	last, first, third := runs.PageSize-1, runs.PageSize, 2*runs.PageSize
	r.register(third+1, map[int]string{last: "one@example.com", first: "one@example.com", third: "one@example.com"})
	id := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	tries := 0
	w := r.ByHand(store.BulkLane, r.tries(func(int) { tries++ }))
	r.Dies(w, func() {
		r.StartRuns(w, 1)
		tries = 0
		if _, err := r.Runs(w).Walk(r.Ctx); err != nil || tries != 3 {
			t.Errorf("three pages took %d tries: %v", tries, err)
		}
	})
	r.StartBulk()
	r.Settled()
	if o := r.Completed(id); o.Selected != third+1 || o.Sent != 1 || o.ByReason["email_shared"] != 2 {
		t.Errorf("completed: %s", o.Raw)
	}
	newest := r.Newest()
	for _, n := range []int{first, third} {
		o := newest[fmt.Sprintf("c%05d/k%05d", n, n)]
		if o.Reason != "email_shared" || o.Reasons[0].Conflict.ContactID != fmt.Sprintf("k%05d", last) {
			t.Errorf("contact %d: %s", n, o.Raw)
		}
	}
}

// A page loses a race, is read again and ends elsewhere. The next page was read ahead from where it should have ended.
// Nobody in between is left out.
func TestAPageThatLosesARaceIsReadAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register(runs.PageSize+1, nil)
	id := r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Exec(`CREATE SEQUENCE inserts;
		CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('inserts') = 1 THEN RAISE 'the first one loses' USING ERRCODE = 'serialization_failure'; END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER lose AFTER INSERT ON invites FOR EACH STATEMENT EXECUTE FUNCTION lose()`)
	w := r.ByHand(store.BulkLane, r.tries(func(n int) {
		if n == 2 { // try 1 stored the run, and by now a page has been read
			r.UpsertClient("a-new-one")
			r.Handled(events.FactsDurable)
		}
	}))
	r.Dies(w, func() {
		r.StartRuns(w, 1)
		if _, err := r.Runs(w).Walk(r.Ctx); err != nil {
			t.Error(err)
		}
		if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites`); n != runs.PageSize {
			t.Errorf("%d invites are decided, want one page", n)
		}
		if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM runs WHERE worker_id IS NOT NULL`); n != 0 {
			t.Error("the run was not returned")
		}
	})
	r.StartBulk()
	r.Settled()
	if o := r.Completed(id); o.Selected != runs.PageSize+2 || o.ByReason["client_has_no_contacts"] != 1 {
		t.Errorf("completed: %s", o.Raw)
	}
}

// A run that is alone is walked to its end. If another run waits, it gives way after four pages.
func TestARunGivesWayToARunThatWaits(t *testing.T) {
	t.Parallel()
	const turn, contacts = runs.PagesPerTurn * runs.PageSize, (runs.PagesPerTurn + 1) * runs.PageSize
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
				requests = append(requests, r.Event(events.BulkInviteRequested, testkit.BulkAll()))
			}
			r.PublishAll(requests...)
			w := r.ByHand(store.BulkLane, r.Config())
			r.Dies(w, func() {
				r.StartRuns(w, c.runs)
				for range c.walks {
					if _, err := r.Runs(w).Walk(r.Ctx); err != nil {
						t.Error(err)
					}
				}
				if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites`); n != c.decided {
					t.Errorf("%d are decided, want %d", n, c.decided)
				}
			})
			r.StartBulk()
			r.Settled()
		})
	}
}

// After a replay's page was read, another worker decides one of its invites, and the contact of the other gets a new
// email. So the page must be read again before it is decided.
func TestAReplayThatLosesARaceDecidesOnTodaysFacts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register(2, nil)
	first := r.Invite("c00000", testkit.Contact("k00000"))
	r.Invite("c00001", testkit.Contact("k00001"))
	r.Settled()
	r.UpsertContact("k00000", "Kay", "first@example.com")
	r.UpsertContact("k00001", "Kay", "second@example.com")
	r.Handled(events.FactsDurable)
	id := r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
	w := r.ByHand(store.BulkLane, r.Config())
	r.Dies(w, func() {
		r.StartRuns(w, 1)
		run, err := r.Store.LeaseRun(r.Ctx, w.ID)
		r.Must(err)
		ahead, err := r.Runs(w).ReadAhead(r.Ctx, run)
		r.Must(err)
		r.PublishAs(first, events.InviteRequested, testkit.InviteData("c00000", testkit.Contact("k00000")))
		r.UpsertContact("k00001", "Kay", "corrected@example.com")
		r.Handled(events.InviteDurable, events.FactsDurable)
		_, err = r.Runs(w).DecidePage(r.Ctx, ahead)
		r.Must(err)
		if email := testkit.Query[string](r.Scene, `SELECT email FROM invites
			WHERE contact_id = 'k00001'`); email != "corrected@example.com" {
			t.Errorf("decided to send to %s", email)
		}
	})
	r.StartBulk()
	r.Settled()
	if o := r.Completed(id); o.Selected != 1 || o.Sent != 1 {
		t.Errorf("completed: %s", o.Raw)
	}
	var to []string
	for _, m := range r.Mailbox.Messages() {
		to = append(to, m.To[0])
	}
	if slices.Sort(to); !slices.Equal(to, []string{"corrected@example.com", "first@example.com"}) {
		t.Errorf("mails went to %v", to)
	}
}
