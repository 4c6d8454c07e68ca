package api

import (
	"fmt"
	"strings"
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
)

func TestQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.onUnknown = pipeline.HoldUnknown
	r.start()
	r.office()
	queue := func(firm string) (individual, bulk QueuedLane) {
		t.Helper()
		answer, err := r.client.Queue(r.ctx, firm, QueueRequest{})
		r.must(err)
		if len(answer.Lanes) != 2 {
			t.Fatalf("%+v", answer)
		}
		return answer.Lanes[0], answer.Lanes[1]
	}
	nothing := func(firm string) {
		t.Helper()
		if individual, bulk := queue(firm); individual != (QueuedLane{Lane: "individual"}) ||
			bulk != (QueuedLane{Lane: "bulk"}) {
			t.Errorf("the queue of %s: %+v, %+v", firm, individual, bulk)
		}
	}
	nothing(acme)

	r.mailbox.Refuse("dana@example.com", 451, [3]int{4, 7, 1}, "dana@example.com: come back later")
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	testenv.Eventually(t, testenvPatience, func() error {
		if lane, _ := queue(acme); lane.Retrying != 1 {
			return fmt.Errorf("%+v", lane)
		}
		return nil
	})
	lane, bulk := queue(acme)
	if lane.Queued != 1 || lane.Sending != 0 || lane.Held != 0 || lane.OldestAt.IsZero() ||
		!lane.NextAttempt.After(lane.OldestAt) || bulk.Queued != 0 {
		t.Errorf("%+v, %+v", lane, bulk)
	}
	if last := lane.LastAttempt; last == nil || last.Stage != "rcpt" || last.SMTPCode != 451 ||
		last.EnhancedCode != "4.7.1" || last.Number != 1 ||
		!strings.Contains(last.Said, "come back later") || strings.Contains(last.Said, "dana@example.com") {
		t.Errorf("%+v", last)
	}
	nothing("other")

	_, err := r.db.Exec(r.ctx, `UPDATE invites SET next_attempt_at = NULL, held_at = now() WHERE state = 'queued'`)
	r.must(err)
	if lane, _ := queue(acme); lane.Held != 1 || lane.Queued != 1 || !lane.NextAttempt.IsZero() {
		t.Errorf("with a held invite: %+v", lane)
	}
	_, err = r.db.Exec(r.ctx, `UPDATE invites SET state = 'sent', held_at = NULL WHERE state = 'queued'`)
	r.must(err)
	nothing(acme)
}
