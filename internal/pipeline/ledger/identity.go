package ledger

import (
	"strconv"

	"github.com/google/uuid"

	"portal-invites/internal/identity"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// RequestID is the identity of an event within a firm: its source and id.
func RequestID(firm, source, id string) uuid.UUID {
	return identity.Derive("request", firm, source, id)
}

// RunID is the one run that a bulk request becomes.
func RunID(request uuid.UUID) uuid.UUID { return identity.Derive("run", request.String()) }

// InviteID is the identity of a recipient within a request; times tells apart the same recipient named again. The request is the
// one on record: an event that comes again may have another time, and must find the invites of the first.
func InviteID(request store.Request, clientID string, r rules.Recipient, times int) uuid.UUID {
	id := identity.Derive("invite", request.ID.String(), clientID, r.Key(), strconv.Itoa(times))
	if !request.TimedIDs {
		return id
	}
	return identity.Timed(id, request.Time)
}

// removalID is the identity of the outcome that tells of an access which a request has removed.
func removalID(request uuid.UUID, clientID string, person rules.Person) uuid.UUID {
	return identity.Derive("removed", request.String(), clientID, string(person))
}
