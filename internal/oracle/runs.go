package oracle

import (
	"fmt"
	"strconv"
	"strings"
)

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

// oldSums finds runs whose last event has other sums than the ledger has now, or than the invites of the run. A replay
// has the invites that it decided last. It may have decided others, which a later replay has decided again.
func oldSums(s *scene) (found []string) {
	last := map[string]outcome{}
	for _, o := range s.progress {
		if before, has := last[o.Run]; !has || numberOf(o) > numberOf(before) {
			last[o.Run] = o
		}
	}
	invites, replayed := map[string]sums{}, map[string]sums{}
	for _, i := range s.Ledger.Invites {
		invites[i.Run] = invites[i.Run].with(i)
		replayed[i.Replay] = replayed[i.Replay].with(i)
	}
	for _, r := range s.Ledger.Runs {
		o, published := last[r.ID]
		here := sums{Selected: r.Selected, SentSum: r.Sent, Skipped: r.Skipped, Failed: r.Failed, Pending: r.Pending}
		if published && o.numbers() != here.numbers() {
			found = append(found, fmt.Sprintf("run %s has %v, and %s says %v", r.ID, here.numbers(), o.EventID, o.numbers()))
		}
		if of, own := invites[r.ID]; own && of.numbers() != here.numbers() {
			found = append(found, fmt.Sprintf("run %s has %v, and its invites %v", r.ID, here.numbers(), of.numbers()))
		}
		if of := replayed[r.ID]; of.SentSum > r.Sent || of.Failed > r.Failed || of.Skipped > r.Skipped {
			found = append(found, fmt.Sprintf("replay %s has %v, and its invites %v", r.ID, here.numbers(), of.numbers()))
		}
	}
	return found
}

func (n sums) with(i Invite) sums {
	n.Selected++
	switch i.State {
	case "sent":
		n.SentSum++
	case "skipped":
		n.Skipped++
	case "failed":
		n.Failed++
	case "queued", "sending":
		n.Pending++
	default: // the ledger knows no other state
	}
	return n
}

// numbers are selected, sent, skipped, failed and pending.
func (n sums) numbers() [5]int { return [5]int{n.Selected, n.SentSum, n.Skipped, n.Failed, n.Pending} }

// numberOf is the number of an event about a run.
func numberOf(o outcome) int {
	_, number, _ := strings.Cut(o.EventID, ".")
	n, _ := strconv.Atoi(number)
	return n
}
