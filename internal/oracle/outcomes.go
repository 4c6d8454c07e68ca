package oracle

import "fmt"

// oneIDTwoOutcomes finds ids under which different outcomes were published.
func oneIDTwoOutcomes(s *scene) (found []string) {
	bodies := map[string]string{}
	for _, m := range s.Outcomes {
		id, body := m.Header["ce-id"], m.Header["ce-type"]+" "+string(m.Body)
		if first, known := bodies[id]; known && first != body {
			found = append(found, fmt.Sprintf("%s: %s\n    and then: %s", id, first, body))
		}
		bodies[id] = body
	}
	return found
}

// revisionNotPublished finds revisions that the ledger or a later revision knows, and the stream does not. It also
// finds outcomes that still wait.
func revisionNotPublished(s *scene) (found []string) {
	newest, published := map[string]int{}, map[string]bool{}
	for _, i := range s.Ledger.Invites {
		newest[i.ID] = i.Revision
	}
	for _, o := range s.outcomes {
		published[fmt.Sprintf("%s.%d", o.Invite, o.Revision)] = true
		newest[o.Invite] = max(newest[o.Invite], o.Revision)
		if want := fmt.Sprintf("%s.%d", o.Invite, o.Revision); o.EventID != want {
			found = append(found, fmt.Sprintf("%s has the id %s, want %s", o.Type, o.EventID, want))
		}
	}
	for invite, last := range newest {
		for n := 1; n <= last; n++ {
			if !published[fmt.Sprintf("%s.%d", invite, n)] {
				found = append(found, fmt.Sprintf("revision %d of invite %s, which has %d", n, invite, last))
			}
		}
	}
	if s.Ledger.Outbox > 0 {
		found = append(found, fmt.Sprintf("%d outcomes wait in the outbox", s.Ledger.Outbox))
	}
	return found
}
