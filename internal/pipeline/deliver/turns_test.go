package deliver_test

import (
	"testing"

	"portal-invites/internal/events"
)

// twoFirms makes requests of acme, and one of another firm behind them.
func (r *rig) twoFirms(requests int) (batch []events.Delivery) {
	r.TB.Helper()
	stop := r.StartInvites()
	for _, firm := range []string{"other", "acme"} {
		r.Firm = firm
		r.Office(requests + 2)
	}
	r.Handled(events.FactsDurable)
	stop()
	for n := range requests {
		batch = append(batch, r.request(n+2))
	}
	r.Firm = "other"
	return append(batch, r.request(0))
}

// However many invites of one firm wait, a claim of two mails has one of the other firm, and so have two claims of one.
func TestAnotherFirmsInviteLeavesAtItsTurn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w, d := r.byHand(r.Config())
	r.queue(w, r.twoFirms(5)...)
	for limit := 1; limit <= 2; limit++ { // room for one mail, and for one more
		d.Limit(limit)
		if _, err := d.Take(r.Ctx); err != nil || d.Handed() != limit {
			t.Fatalf("%d mails are with the mailers, want %d: %v", d.Handed(), limit, err)
		}
	}
	if first, second := d.Next().Invite.FirmID, d.Next().Invite.FirmID; first == second {
		t.Errorf("both mails are of the firm %s (deliver/take.go keeps the turn)", first)
	}
}

// A firm that sends many requests at once does not use up the room for invites that are sent as they are decided.
func TestInvitesThatAreSentAtOnceAreSharedAmongFirms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w, d := r.byHand(r.Config())
	batch := r.twoFirms(5)
	d.Limit(3)
	r.Must(r.decide(w, batch...))
	begun := map[string]int{}
	for range d.Handed() {
		begun[d.Next().Invite.FirmID]++
	}
	if begun["acme"] != 2 || begun["other"] != 1 {
		t.Errorf("of three mails, %v leave at once", begun)
	}
}
