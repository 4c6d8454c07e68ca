package oracle

import (
	"fmt"
	"slices"
	"time"
)

// mailedInSpite finds mails to contacts who were removed, blocked or corrected before the request's place in the
// stream, with nothing after it that would allow the mail.
func mailedInSpite(s *scene) (found []string) {
	invites, inviteOf := map[string]Invite{}, map[string]string{}
	for _, i := range s.Ledger.Invites {
		invites[i.ID] = i
	}
	for _, a := range s.Ledger.Attempts {
		inviteOf[a.MessageID] = a.Invite
	}
	for _, m := range s.Mails {
		i, known := invites[inviteOf[m.MessageID]]
		if !known || i.Contact == "" {
			continue
		}
		place := s.place(i)
		if !s.history.mayMail(i.Firm, i.Client, i.Contact, m.To, place) {
			found = append(found, fmt.Sprintf("invite %s of %s/%s, requested at %d, was mailed to %s",
				i.ID, i.Client, i.Contact, place, m.To))
		}
	}
	return found
}

// mailedAfterRemoval finds mails whose attempt began after their recipient was barred. A mail that was on its way by
// then may still arrive.
func mailedAfterRemoval(s *scene) (found []string) {
	for _, m := range s.Mails {
		began := s.began(m)
		if slices.ContainsFunc(s.Barred, func(b Barred) bool { return b.Email == m.To && began.After(b.From) }) {
			found = append(found, fmt.Sprintf("%s was mailed to %s", m.MessageID, m.To))
		}
	}
	return found
}

// began is when the last attempt before the mail's arrival began.
func (s *scene) began(m Mail) (began time.Time) {
	for _, a := range s.Ledger.Attempts {
		if a.MessageID == m.MessageID && a.Started.Before(m.At) && a.Started.After(began) {
			began = a.Started
		}
	}
	return began
}
