package pipeline

import (
	"encoding/binary"
	"strconv"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
)

// Identities are derived, never drawn: every rerun finds its own rows, and the same outcome has the same id.

// namespace keeps the pipeline's ids apart from other version 5 UUIDs (RFC 9562 section 5.5).
var namespace = uuid.MustParse("6f1d7a0e-3c58-5b0c-9d7e-2a4b8c90e1f3")

func derive(parts ...string) uuid.UUID {
	var name []byte
	for _, part := range parts {
		// Lengths keep ("ab", "c") and ("a", "bc") apart.
		name = binary.AppendUvarint(name, uint64(len(part)))
		name = append(name, part...)
	}
	return uuid.NewSHA1(namespace, name)
}

// requestID is the identity of an event within a firm: its source and id.
func requestID(firm, source, id string) uuid.UUID { return derive("request", firm, source, id) }

// runID is the one run that a bulk request becomes.
func runID(request uuid.UUID) uuid.UUID { return derive("run", request.String()) }

// inviteID is the identity of a recipient within a request; times tells apart the same recipient named again.
func inviteID(request uuid.UUID, clientID string, r rules.Recipient, times int) uuid.UUID {
	return derive("invite", request.String(), clientID, r.Key(), strconv.Itoa(times))
}
