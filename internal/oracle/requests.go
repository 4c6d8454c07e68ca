package oracle

import (
	"fmt"
	"slices"
)

// noOutcome finds recipients without an invite, or with several, and invites that have no outcome and are not
// unfinished.
func noOutcome(s *scene) (found []string) {
	invites := map[string][]Invite{}
	for _, i := range s.Ledger.Invites {
		k := nameOf(i.Source, i.EventID, i.Firm, i.Client, i.Contact, i.AddedEmail)
		invites[k] = append(invites[k], i)
		_, hasOutcome := s.valid[i.ID]
		if !hasOutcome && !i.isUnfinished() {
			found = append(found, fmt.Sprintf("invite %s is %s and has no outcome on the stream", i.ID, i.State))
		}
	}
	for _, r := range s.requests {
		for _, to := range s.recipientsOf(r) {
			k := nameOf(r.Source, r.ID, r.Firm, to.client, to.Contact, to.Email)
			if n := len(invites[k]); n != 1 {
				found = append(found, fmt.Sprintf("%s of %s %s (%d in the stream) has %d invites", to, r.Type, r.ID, r.Sequence, n))
			}
		}
	}
	return found
}

func nameOf(parts ...string) string { return fmt.Sprintf("%q", parts) }

// named is one recipient for one client.
type named struct {
	client string
	recipient
}

func (n named) String() string { return n.client + "/" + n.Contact + n.Email }

// recipientsOf returns whom a request surely names. Of a bulk request, those are the contacts of its clients that no
// fact has changed since: a run selects while facts go on.
func (s *scene) recipientsOf(r request) (found []named) {
	if r.Type == "AccessRemovalRequested" {
		return nil
	}
	for _, to := range r.Recipients {
		found = append(found, named{r.Client, to})
	}
	if r.Selection == nil || r.Mode != "invite" {
		return found
	}
	for k, versions := range s.history.clients {
		client, isOfFirm := cutFirm(k, r.Firm)
		isSelected := r.Selection.AllClients || slices.Contains(r.Selection.ClientIDs, client)
		if !isOfFirm || !isSelected || versions[0].sequence > r.Sequence {
			continue
		}
		for _, contact := range at(versions, r.Sequence).contacts {
			if staysOn(since(versions, r.Sequence), contact) {
				found = append(found, named{client, recipient{Contact: contact}})
			}
		}
	}
	return found
}

func staysOn(versions []version, contact string) bool {
	for _, v := range versions {
		if v.isGone || !slices.Contains(v.contacts, contact) {
			return false
		}
	}
	return true
}

func cutFirm(k, firm string) (id string, ok bool) {
	if len(k) <= len(firm) || k[:len(firm)+1] != firm+"/" {
		return "", false
	}
	return k[len(firm)+1:], true
}
