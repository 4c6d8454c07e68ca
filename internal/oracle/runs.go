package oracle

import "fmt"

// wrongSum finds events about runs whose sums do not add up.
func wrongSum(s *scene) (found []string) {
	for _, o := range s.progress {
		skipped := 0
		for _, n := range o.ByReason {
			skipped += n
		}
		if o.Selected != o.SentSum+o.Skipped+o.Failed+o.Pending || skipped != o.Skipped {
			found = append(found, o.Type+" "+o.Raw)
		}
	}
	return found
}

// notCompletedOnce finds runs that have not completed, or twice, or with something pending. It also compares the last
// sums with the invites of the run.
func notCompletedOnce(s *scene) (found []string) {
	completed, ids := map[string]int{}, map[string]bool{}
	for _, o := range s.progress {
		if o.Type != "RunCompleted" || ids[o.EventID] {
			continue
		}
		ids[o.EventID] = true
		completed[o.Run]++
		if o.Pending != 0 {
			found = append(found, "completed with some pending: "+o.Raw)
		}
	}
	invites := map[string]int{}
	for _, i := range s.Ledger.Invites {
		invites[i.Run]++
	}
	for _, r := range s.Ledger.Runs {
		if n := completed[r.ID]; n > 1 || n == 0 && !r.Quiet || !r.Completed {
			found = append(found, fmt.Sprintf("run %s completed %d times", r.ID, n))
		}
		if n := invites[r.ID]; n > 0 && n != r.Selected {
			found = append(found, fmt.Sprintf("run %s has selected %d, and has %d invites", r.ID, r.Selected, n))
		}
	}
	return found
}
