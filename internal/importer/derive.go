package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"portal-invites/internal/address"
)

// An export without ids gets derived ones, so that importing it again updates the same clients and contacts. They hold as
// long as what they are derived from does: a client renamed in such a file is a new client, and a contact whose email is
// corrected is a new contact. A file with ids is better.

// derivedClientID is the client of that name, however it is spaced and capitalised.
func derivedClientID(name string) string { return "client-" + digest(fold(name)) }

// derivedContactID is the person of that name and email, on whichever clients: two spouses who share an email stay two
// people. Without an email a name alone is not enough to be one person across clients, so the client takes part.
func derivedContactID(clientID, name, email string) string {
	email = strings.ToLower(email)
	if parsed := address.Parse(email); parsed.Normal != "" {
		email = parsed.Normal
	}
	if email == "" {
		return "contact-" + digest(fold(name), clientID)
	}
	return "contact-" + digest(fold(name), "", email)
}

// digest is 64 bits: among a million names two collide once in 37 million tries.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}
