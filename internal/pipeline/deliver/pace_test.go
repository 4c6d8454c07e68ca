package deliver_test

import (
	"testing"
	"time"

	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

// A claim that fails sends nothing, so it uses up nothing of the lane's rate.
func TestAClaimThatFailsGivesItsTokensBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const rate = 5
	r.queued(1)
	now := time.Now().Truncate(time.Microsecond) // the clock stands still, so the bucket does not refill
	cfg := r.Config()
	cfg.Rate, cfg.Now = rate, func() time.Time { return now }
	d := r.ByHand(store.IndividualLane, cfg).Delivery
	_, err := r.DB.Exec(r.Ctx, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'refused by the test' USING ERRCODE = '22000'; END $$;
		CREATE TRIGGER refuse BEFORE INSERT ON attempts FOR EACH ROW EXECUTE FUNCTION refuse()`)
	r.Must(err)
	if _, err := d.Take(r.Ctx); err == nil || d.Handed() != 0 {
		t.Fatalf("the claim took %d invites, and should have failed", d.Handed())
	}
	if left := testkit.Query[float64](r.Scene, `SELECT tokens FROM lane_rates`); left != rate {
		t.Errorf("%v tokens are left after a claim that failed, want all %d", left, rate)
	}
	_, err = r.DB.Exec(r.Ctx, `DROP TRIGGER refuse ON attempts`)
	r.Must(err)
	if _, err := d.Take(r.Ctx); err != nil || d.Handed() != 1 {
		t.Errorf("%d invites taken, want 1: %v", d.Handed(), err)
	}
	if left := testkit.Query[float64](r.Scene, `SELECT tokens FROM lane_rates`); left != rate-1 {
		t.Errorf("%v tokens are left, want %d", left, rate-1)
	}
}
