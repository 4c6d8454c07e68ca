package pipeline

import (
	"encoding/binary"
	"strconv"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
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

// inviteID is the identity of a recipient within a request; times tells apart the same recipient named again. The request is the
// one on record: an event that comes again may have another time, and must find the invites of the first.
func inviteID(request store.Request, clientID string, r rules.Recipient, times int) uuid.UUID {
	id := derive("invite", request.ID.String(), clientID, r.Key(), strconv.Itoa(times))
	if !request.TimedIDs {
		return id
	}
	return timed(id, request.Time)
}

// timed puts a time before a derived id, so that what is written together stands together in every index that the id leads, and
// the newest at its end: a version 8 UUID (RFC 9562 section 5.8) of 48 bits of milliseconds since 1970, as in version 7, and 74 of
// the hash that the id was. Times before 1970 count as 1970.
func timed(id uuid.UUID, t time.Time) uuid.UUID {
	var first [8]byte
	binary.BigEndian.PutUint64(first[:], uint64(max(t.UnixMilli(), 0))<<16)
	copy(id[:6], first[:6])
	id[6] = id[6]&0x0f | 0x80
	return id
}
