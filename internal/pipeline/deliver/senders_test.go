package deliver_test

import (
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testkit"
)

// Each sender has its own room: while one of them has none, or invites that wait, another one's invite is sent as it is
// decided. An invite of a sender that is not configured is queued.
func TestRoomIsASendersOwn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sender           string // of the firm acme
		byDefault, north int    // jobs
	}{
		"the default sender": {"", 1, 0},
		"the other one":      {"north", 0, 1},
		"an unknown one":     {"west", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			cfg := r.Config()
			cfg.Senders = []pipeline.Sender{{Name: "north", SMTP: cfg.SMTP, Connections: 2}}
			w, d := r.byHand(cfg)
			north := w.Senders.Of("north")
			t.Cleanup(north.Close)
			north.Begin()
			stop := r.StartInvites()
			r.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "sender", c.sender))
			for _, id := range []string{"0", "1"} {
				r.UpsertContact("k"+id, "Kay", "k"+id+"@example.com")
				r.UpsertClient("c"+id, "*k"+id)
			}
			r.Handled(events.FactsDurable)
			stop()
			busy, free := north, d
			if c.sender == "north" {
				busy, free = d, north
			}
			busy.ServerAway()
			r.Must(r.decide(w, r.request(0)))
			if d.Handed() != c.byDefault || north.Handed() != c.north {
				t.Errorf("the default sender has %d jobs, and the other one %d; want %d and %d: deliver/sendnow.go",
					d.Handed(), north.Handed(), c.byDefault, c.north)
			}
			free.ServerAway()
			r.Must(r.decide(w, r.request(1)))
			if got := d.Handed() + north.Handed(); got != c.byDefault+c.north {
				t.Errorf("a sender that stands still got %d jobs", got)
			}
		})
	}
}

// A claim takes the invites of one sender, whatever waits for others, and a claim of unclear result requeues these
// only.
func TestAClaimIsOfOneSender(t *testing.T) {
	t.Parallel()
	r := newOffice(t, 4)
	cfg := r.Config()
	cfg.Senders = []pipeline.Sender{{Name: "north", SMTP: cfg.SMTP, Connections: 2}}
	w, d := r.byHand(cfg)
	north := w.Senders.Of("north")
	t.Cleanup(north.Close)
	north.Begin()
	r.queue(w, r.request(0), r.request(2))
	if _, err := r.DB.Exec(r.Ctx, `UPDATE firms SET sender = 'north'`); err != nil {
		t.Fatal(err)
	}
	r.queue(w, r.request(3))
	if _, err := r.DB.Exec(r.Ctx, `UPDATE firms SET sender = ''`); err != nil {
		t.Fatal(err)
	}
	north.Limit(10)
	if _, err := north.Take(r.Ctx); err != nil || north.Handed() != 0 {
		t.Fatalf("%d mails left by a sender that the firm no longer names: %v", north.Handed(), err)
	}
	d.Limit(10) // all three are the default sender's by now
	if _, err := d.Take(r.Ctx); err != nil || d.Handed() != 3 {
		t.Fatalf("the default sender has %d jobs, want 3: %v", d.Handed(), err)
	}
	north.SetUnclear()
	if _, err := north.Take(r.Ctx); err != nil {
		t.Fatal(err)
	}
	if n := r.inFlight(w.ID); n != 3 {
		t.Errorf("%d mails of the default sender are under way, want 3: ReturnUnsent is about one sender", n)
	}
}
