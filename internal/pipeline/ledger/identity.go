package ledger

import (
	"strconv"

	"github.com/google/uuid"

	"portal-invites/internal/identity"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// RequestID derives a request's id from its firm and the event's identity, which is source and id (ADR 47).
func RequestID(firm, source, id string) uuid.UUID {
	return identity.Derive("request", firm, source, id)
}

// RunID derives the id of the run that a bulk request becomes.
func RunID(request uuid.UUID) uuid.UUID { return identity.Derive("run", request.String()) }

// InviteID derives the id of a recipient's invite (ADR 46). times counts how often the request has named the same
// recipient so far, from 1. request is the stored one: a redelivered event may have another time, and must find the
// invites of the first delivery.
func InviteID(request store.Request, clientID string, r rules.Recipient, times int) uuid.UUID {
	id := identity.Derive("invite", request.ID.String(), clientID, r.Key(), strconv.Itoa(times))
	if !request.TimedIDs {
		return id
	}
	return identity.Timed(id, request.Time)
}

// InviteIDsOf returns the first and the last id that an invite of a request may have. They begin with the time of the
// request (ADR 46), so one index finds them. Those of an old request may be any.
func InviteIDsOf(request store.Request) (first, last uuid.UUID) {
	if !request.TimedIDs {
		return EveryInviteID()
	}
	return identity.Timed(uuid.Nil, request.Time), identity.Timed(uuid.Max, request.Time)
}

// EveryInviteID returns the first and the last id that any invite may have.
func EveryInviteID() (first, last uuid.UUID) { return uuid.Nil, uuid.Max }

// firmChangeID derives the id of the outcome that a fact has changed a firm.
func firmChangeID(fact uuid.UUID) uuid.UUID { return identity.Derive("firm changed", fact.String()) }

// removalID derives the id of the outcome of an access that a request has removed.
func removalID(request uuid.UUID, clientID string, person rules.Person) uuid.UUID {
	return identity.Derive("removed", request.String(), clientID, string(person))
}
