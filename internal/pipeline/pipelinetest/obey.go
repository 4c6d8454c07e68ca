package pipelinetest

import (
	"fmt"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// RunOf waits until a request is a run, and returns its id.
func (r *Rig) RunOf(request string) (run string) {
	r.TB.Helper()
	testenv.Eventually(r.TB, 2*time.Minute, func() error {
		return r.DB.QueryRow(r.Ctx, `SELECT run_id::text FROM runs JOIN requests USING (request_id)
			WHERE event_id = $1 AND NOT quiet`, request).Scan(&run)
	})
	return run
}

// Tell publishes an instruction to a run, and waits until it is answered. It returns the answer, with the result before
// it.
func (r *Rig) Tell(typ events.Type, run, by string) (answer string) {
	r.TB.Helper()
	return r.Answered(r.Publish(typ, testkit.ToRun(run, by)))
}

// Answered waits until an instruction is answered.
func (r *Rig) Answered(id string) (answer string) {
	r.TB.Helper()
	testenv.Eventually(r.TB, 2*time.Minute, func() error {
		err := r.DB.QueryRow(r.Ctx, `SELECT i.result || ': ' || i.answer FROM run_instructions i
			JOIN requests USING (request_id) WHERE event_id = $1`, id).Scan(&answer)
		if err != nil {
			return fmt.Errorf("instruction %s is not answered: %w", id, err)
		}
		return nil
	})
	return answer
}
