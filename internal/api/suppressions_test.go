package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/store"
)

// A mistake suppresses many emails by a bounce. One call lifts them, and nothing else: not what was suppressed before,
// not a complaint about one of them, not what a person blocked, and not another firm's.
func TestSuppressionsAreListedAndLifted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	db, err := store.Open(r.ctx, r.url, 2)
	r.must(err)
	t.Cleanup(db.Close)
	before, mistake := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC), time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	const n = 25
	var facts store.Facts
	place := uint64(0)
	suppress := func(firm, email, cause string, since time.Time) {
		place++
		facts.Suppression(firm, email, cause, since, store.Position{Stream: before, Sequence: place})
	}
	for i := range n {
		suppress(acme, fmt.Sprintf("p%d@x.example", i), store.CauseBounce, mistake.Add(time.Duration(i)*time.Second))
	}
	suppress(acme, "gone@x.example", store.CauseBounce, before)
	suppress(acme, "p3@x.example", store.CauseComplaint, mistake)
	suppress(acme, "p4@x.example", store.CauseManual, mistake)
	suppress("other", "p5@x.example", store.CauseBounce, mistake)
	r.must(db.Tx(r.ctx, func(tx *store.Tx) error { _, err := tx.ApplyFacts(r.ctx, &facts); return err }))

	if all := r.suppressed(SuppressionsRequest{}); len(all) != n+3 || all[0].Email != "p•••@x.example" ||
		all[len(all)-1].Since != before || all[0].Since != mistake.Add((n-1)*time.Second) {
		t.Errorf("listed: %+v", all)
	}
	window := SuppressionsRequest{Cause: store.CauseBounce, From: mistake, Until: mistake.Add(time.Hour)}
	if listed := r.suppressed(window); len(listed) != n {
		t.Errorf("%d are listed, want %d", len(listed), n)
	}
	lift := window
	lift.Action, lift.DryRun = LiftSuppressions, true
	if answer, err := r.client.Suppressions(r.ctx, acme, lift); err != nil || answer.Count != n {
		t.Errorf("a dry run: %+v, %v", answer, err)
	}
	if listed := r.suppressed(window); len(listed) != n {
		t.Errorf("a dry run has lifted some: %d are left", len(listed))
	}
	lift.DryRun, lift.By = false, "sam"
	for _, want := range []int{n, 0} {
		if answer, err := r.client.Suppressions(r.ctx, acme, lift); err != nil || answer.Count != want {
			t.Errorf("lifted: %+v, %v, want %d", answer, err, want)
		}
	}
	// The facts are delivered again.
	r.must(db.Tx(r.ctx, func(tx *store.Tx) error { _, err := tx.ApplyFacts(r.ctx, &facts); return err }))
	var left []string
	for _, s := range r.suppressed(SuppressionsRequest{}) {
		left = append(left, s.Email+" "+s.Cause)
	}
	if got := strings.Join(left, ", "); len(left) != 3 || !strings.Contains(got, "complaint") ||
		!strings.Contains(got, "manual") || !strings.Contains(got, "g•••@x.example bounce") {
		t.Errorf("left: %s", got)
	}
	if others, err := r.client.Suppressions(r.ctx, "other", SuppressionsRequest{}); err != nil || others.Count != 1 {
		t.Errorf("another firm: %+v, %v", others, err)
	}
	one, err := r.client.Suppressions(r.ctx, acme, SuppressionsRequest{Action: LiftSuppressions, Cause: store.CauseManual,
		Email: "P4@X.example", By: "sam"})
	if err != nil || one.Count != 1 {
		t.Errorf("one email: %+v, %v", one, err)
	}
}

// suppressed lists all that match, in small pages.
func (r *rig) suppressed(request SuppressionsRequest) (all []Suppression) {
	r.t.Helper()
	request.Limit = 10
	for {
		answer, err := r.client.Suppressions(r.ctx, acme, request)
		r.must(err)
		all = append(all, answer.Suppressions...)
		if answer.Next == "" {
			if answer.Count != len(all) {
				r.t.Errorf("the count is %d, and %d are listed", answer.Count, len(all))
			}
			return all
		}
		request.Cursor = answer.Next
	}
}

func TestSuppressionsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	now := time.Now()
	for says, request := range map[string]SuppressionsRequest{
		"action: must be one of: list, lift": {Action: "remove"},
		"cause: must be one of:":             {Cause: "spam"},
		"cause: missing":                     {Action: LiftSuppressions, By: "sam"},
		"by: missing":                        {Action: LiftSuppressions, Cause: store.CauseBounce},
		"email: must be an email address":    {Email: "dana"},
		"until: must be later than from":     {From: now, Until: now},
		"limit, cursor: are for a list only": {Action: LiftSuppressions, Cause: store.CauseBounce, By: "sam",
			Page: Page{Limit: 3}},
	} {
		if _, err := r.client.Suppressions(r.ctx, acme, request); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", request, err, says)
		}
	}
}
