// Package identity derives ids from what they name. No id is random. So work that runs again finds its own rows, and
// the same outcome always has the same id.
package identity

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// namespace keeps the pipeline's ids apart from other version 5 UUIDs (RFC 9562 section 5.5).
var namespace = uuid.MustParse("6f1d7a0e-3c58-5b0c-9d7e-2a4b8c90e1f3")

// Derive returns the id of what the parts name, in their order. It is a version 5 UUID (RFC 9562 section 5.5), so it is
// a hash (ADR 47).
func Derive(parts ...string) uuid.UUID {
	var name []byte
	for _, part := range parts {
		// Lengths keep ("ab", "c") and ("a", "bc") apart.
		name = binary.AppendUvarint(name, uint64(len(part)))
		name = append(name, part...)
	}
	return uuid.NewSHA1(namespace, name)
}

// TimeOf returns the time that [Timed] has prefixed an id with, in milliseconds.
func TimeOf(id uuid.UUID) time.Time {
	first := append([]byte{0, 0}, id[:6]...)
	return time.UnixMilli(int64(binary.BigEndian.Uint64(first)))
}

// Timed prefixes a derived id with a time (ADR 46). Rows written together are then adjacent in every index that starts
// with the id, and the newest are at its end. The id is a version 8 UUID (RFC 9562 section 5.8): 48 bits of
// milliseconds since 1970, as in version 7, and 74 bits of the derived id, which is a hash. Times before 1970 count as
// 1970.
func Timed(id uuid.UUID, t time.Time) uuid.UUID {
	var first [8]byte
	binary.BigEndian.PutUint64(first[:], uint64(max(t.UnixMilli(), 0))<<16)
	copy(id[:6], first[:6])
	id[6] = id[6]&0x0f | 0x80
	return id
}
