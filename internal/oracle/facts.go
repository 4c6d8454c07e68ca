package oracle

import (
	"fmt"
	"maps"
	"slices"
)

// decidedOnOldFacts finds skips for a reason that no fact at the request's place in the stream, or after it, gives.
func decidedOnOldFacts(s *scene) (found []string) {
	for _, i := range s.Ledger.Invites {
		o := s.valid[i.ID]
		place := s.place(i)
		if o.Type != "InviteSkipped" || place == 0 {
			continue
		}
		contact, client := s.history.contacts[key(i.Firm, i.Contact)], s.history.clients[key(i.Firm, i.Client)]
		isOld := false
		switch o.Reason {
		case "firm_not_found":
			isOld = wasAlways(s.history.firms[i.Firm], place, func(version) bool { return true })
		case "client_not_found", "client_inactive":
			isOld = wasAlways(client, place, func(v version) bool { return !v.isGone })
		case "contact_not_found":
			isOld = wasAlways(contact, place, func(v version) bool { return !v.isGone })
		case "contact_not_on_client":
			isOld = wasAlways(client, place, func(v version) bool { return slices.Contains(v.contacts, i.Contact) })
		case "email_missing":
			isOld = wasAlways(contact, place, func(v version) bool { return v.email != "" })
		default: // the facts alone do not say whether it is right
		}
		if isOld {
			found = append(found, fmt.Sprintf("invite %s, requested at %d: %s", i.ID, place, o.Reason))
		}
	}
	return found
}

// wasAlways says whether something was true at a place of the stream, and ever after.
func wasAlways(versions []version, place uint64, isTrue func(version) bool) bool {
	if len(versions) == 0 || versions[0].sequence > place {
		return false
	}
	return !slices.ContainsFunc(since(versions, place), func(v version) bool { return !isTrue(v) })
}

// factsDiffer finds rows of the projection that a replay does not have, and the other way round.
func factsDiffer(s *scene) (found []string) {
	for _, table := range slices.Sorted(maps.Keys(s.Replayed)) {
		here, there := s.Facts[table], s.Replayed[table]
		found = append(found, missing("only in the tables: "+table, here, there)...)
		found = append(found, missing("only in the replay: "+table, there, here)...)
	}
	return found
}

func missing(what string, from, in []string) (found []string) {
	for _, row := range from {
		if _, has := slices.BinarySearch(in, row); !has {
			found = append(found, what+" "+row)
		}
	}
	return found
}
