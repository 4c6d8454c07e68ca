package api

import "testing"

func TestGapsAreListedAndAcknowledged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	ask := func(request RecoverRequest) (RecoverAnswer, error) { return r.client.Recover(r.ctx, AllFirms, request) }
	a, err := ask(RecoverRequest{Action: ListGaps})
	if r.must(err); len(a.Gaps) != 0 {
		t.Errorf("at first: %+v", a.Gaps)
	}
	_, err = ask(RecoverRequest{Action: AcknowledgeGaps, By: "sam"})
	refused(t, err, 409, "no gap is open")
	_, err = r.db.Exec(r.ctx, `INSERT INTO event_gaps (created, durable, first_sequence, last_sequence, handled_at)
		VALUES (now(), 'facts', 8811, 9002, now())`)
	r.must(err)
	a, err = ask(RecoverRequest{Action: ListGaps})
	if r.must(err); len(a.Gaps) != 1 || a.Gaps[0].Events != 192 || a.Gaps[0].AcknowledgedBy != "" {
		t.Errorf("a gap: %+v", a.Gaps)
	}
	_, err = ask(RecoverRequest{Action: AcknowledgeGaps})
	refused(t, err, 400, "by: missing")
	a, err = ask(RecoverRequest{Action: AcknowledgeGaps, By: "sam"})
	if r.must(err); len(a.Gaps) != 1 || a.Gaps[0].AcknowledgedBy != "sam" || a.Gaps[0].AcknowledgedAt.IsZero() {
		t.Errorf("acknowledged: %+v", a.Gaps)
	}
}
