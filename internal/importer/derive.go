package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"portal-invites/internal/address"
)

// An export without ids gets derived ones, so that the next import updates the same clients and contacts. A derived id
// changes with its source: a renamed client becomes a new client, and a contact with a corrected email becomes a new
// contact. A file with ids is better.

// derivedClientID returns the id of the client with that name. Spaces and capitals do not matter.
func derivedClientID(name string) string { return "client-" + digest(fold(name)) }

// derivedContactID returns the id of the person with that name and email, on any client. Two spouses who share an email
// stay two people. Without an email, a name alone does not identify one person across clients, so the id depends on the
// client, too.
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

// digest returns 64 bits in hex. The chance that two of a million names collide is 1 in 37 million.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}
