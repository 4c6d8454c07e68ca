package oracle

import "fmt"

// mailWithoutAttempt finds mails whose Message-ID no attempt has.
func mailWithoutAttempt(s *scene) (found []string) {
	known := map[string]bool{}
	for _, a := range s.Ledger.Attempts {
		known[a.MessageID] = true
	}
	for _, m := range s.Mails {
		if !known[m.MessageID] {
			found = append(found, "the mail "+m.MessageID)
		}
	}
	return found
}

// secondMail finds mails that came more often than attempts of unknown result account for, with more than one link, or
// with more than one Message-ID for one invite. An invite whose mail came back may be sent again, as another mail.
func secondMail(s *scene) (found []string) {
	unknown, inviteOf := map[string]int{}, map[string]string{}
	for _, a := range s.Ledger.Attempts {
		inviteOf[a.MessageID] = a.Invite
		if a.Verdict == "unknown" {
			unknown[a.MessageID]++
		}
	}
	came, links, ids := map[string]int{}, map[string]string{}, map[string]string{}
	for _, m := range s.Mails {
		came[m.MessageID]++
		if first, again := links[m.MessageID]; m.Link == "" || again && first != m.Link {
			found = append(found, fmt.Sprintf("the mails %s have no link, or different ones", m.MessageID))
		}
		links[m.MessageID] = m.Link
		invite := inviteOf[m.MessageID]
		if first, again := ids[invite]; again && invite != "" && first != m.MessageID && !s.failed[invite] {
			found = append(found, fmt.Sprintf("invite %s was mailed as %s and as %s", invite, first, m.MessageID))
		}
		ids[invite] = m.MessageID
	}
	for id, n := range came {
		if n > 1+unknown[id] {
			found = append(found, fmt.Sprintf("the mail %s came %d times; %d attempts are unknown", id, n, unknown[id]))
		}
	}
	return found
}

// mailMissing finds outcomes that say that a mail was sent, which nobody has got.
func mailMissing(s *scene) (found []string) {
	came := map[string]bool{}
	for _, m := range s.Mails {
		came[m.MessageID] = true
	}
	for _, o := range s.outcomes {
		if o.Type == "InviteSent" && !came[o.MessageID] {
			found = append(found, fmt.Sprintf("%s says that %s was sent", o.EventID, o.MessageID))
		}
	}
	return found
}

// returnedAndSent finds invites whose valid outcome is that a mail was sent that came back.
func returnedAndSent(s *scene) (found []string) {
	for _, o := range s.valid {
		if o.Type == "InviteSent" && s.returned[o.MessageID] {
			found = append(found, fmt.Sprintf("%s says that %s was sent, and it came back", o.EventID, o.MessageID))
		}
	}
	return found
}

// invitedTwice finds people who got two invites for one client, without a removal that would allow the second.
func invitedTwice(s *scene) (found []string) {
	first := map[string]string{}
	for _, i := range s.Ledger.Invites {
		o := s.valid[i.ID]
		if o.Type != "InviteSent" || i.Kind != "invite" || s.wasRemoved(i) {
			continue
		}
		k := nameOf(i.Firm, i.Client, i.Person)
		if other, again := first[k]; again {
			found = append(found, fmt.Sprintf("%s by the invites %s and %s", k, other, i.ID))
		}
		first[k] = i.ID
	}
	return found
}

// nobodyInvitedThem finds people who are skipped because they are invited already, although no other invite was sent to
// them, nor waits to be sent. The other one's mail may have come back since.
func nobodyInvitedThem(s *scene) (found []string) {
	invited := map[string]bool{}
	for _, i := range s.Ledger.Invites {
		if s.valid[i.ID].Type == "InviteSent" || i.isUnfinished() || s.failed[i.ID] {
			invited[nameOf(i.Firm, i.Client, i.Person)] = true
		}
	}
	for _, i := range s.Ledger.Invites {
		o := s.valid[i.ID]
		isTold := o.Type == "InviteSkipped" && o.Reason == "already_invited"
		if isTold && !invited[nameOf(i.Firm, i.Client, i.Person)] && !s.wasRemoved(i) {
			found = append(found, fmt.Sprintf("invite %s of %s/%s: already_invited", i.ID, i.Client, i.Contact))
		}
	}
	return found
}

func (s *scene) wasRemoved(i Invite) bool {
	for _, versions := range [][]version{
		s.history.contacts[key(i.Firm, i.Contact)], s.history.clients[key(i.Firm, i.Client)],
	} {
		for _, v := range versions {
			if v.isGone {
				return true
			}
		}
	}
	for _, r := range s.requests {
		if r.Type == "AccessRemovalRequested" && r.Firm == i.Firm && r.Client == i.Client {
			return true
		}
	}
	return false
}

// unknownWithoutCause finds attempts of unknown result, if nothing was done that explains one.
func unknownWithoutCause(s *scene) (found []string) {
	for _, a := range s.Ledger.Attempts {
		if s.AnswersKept && a.Verdict == "unknown" {
			found = append(found, fmt.Sprintf("attempt %d of invite %s", a.Number, a.Invite))
		}
	}
	return found
}
