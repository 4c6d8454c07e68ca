package oracle

import (
	"fmt"
	"slices"
	"time"
)

// ledgerDiffers compares each invite with its valid outcome, in every field that both have.
func ledgerDiffers(s *scene) (found []string) {
	known := map[string]bool{}
	for _, i := range s.Ledger.Invites {
		known[i.ID] = true
		o, has := s.valid[i.ID]
		if !has {
			continue
		}
		if i.Revision != o.Revision {
			found = append(found, fmt.Sprintf("invite %s has revision %d, and the stream %d", i.ID, i.Revision, o.Revision))
		}
		if i.isUnfinished() {
			continue // its row is about the next outcome
		}
		for _, field := range compare(i, o) {
			found = append(found, fmt.Sprintf("invite %s, %s: %s", i.ID, o.EventID, field))
		}
	}
	for id := range s.valid {
		if !known[id] {
			found = append(found, fmt.Sprintf("invite %s has an outcome, and the ledger does not know it", id))
		}
	}
	return found
}

func compare(i Invite, o outcome) (differences []string) {
	differ := func(field string, here, there any) {
		if here != there {
			differences = append(differences, fmt.Sprintf("%s is %v in the ledger, and %v on the stream", field, here, there))
		}
	}
	types := map[string]string{"sent": "InviteSent", "skipped": "InviteSkipped", "failed": "InviteFailed"}
	differ("type", types[i.State], o.Type)
	differ("firm_id", i.Firm, o.Firm)
	differ("client_id", i.Client, o.Client)
	differ("cause.source", i.Source, o.Cause.Source)
	differ("cause.id", i.EventID, o.Cause.ID)
	differ("kind", i.Kind, o.Kind)
	differ("lane", i.Lane, o.Lane)
	differ("run_id", i.Run, o.Run)
	differ("replay_id", i.Replay, o.Replay)
	differ("reason", i.Reason, o.Reason)
	if i.Contact != "" {
		differ("recipient.contact_id", i.Contact, o.Recipient.Contact)
	}
	codes := make([]string, len(o.Reasons))
	for n, r := range o.Reasons {
		codes[n] = r.Code
	}
	if !slices.Equal(i.Reasons, codes) {
		differ("reasons", fmt.Sprint(i.Reasons), fmt.Sprint(codes))
	}
	if o.Type == "InviteSent" {
		differ("attempt", i.Attempt, o.Attempt)
		differ("sent_at", text(i.Sent), text(o.Sent))
		differ("expires_at", text(i.Expires), text(o.Expires))
	}
	return differences
}

// text returns a time as Postgres keeps it, in microseconds.
func text(t *time.Time) string {
	if t == nil {
		return "nothing"
	}
	return t.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
}
