package link

import (
	"crypto/hmac"
	"crypto/sha256"
)

// purposeOfPlan makes a MAC of a recipient useless as a MAC of a link.
const purposeOfPlan = "portal-invites/plan/1\x00"

// Planned are the names of a recipient in a plan (ADR 169): a MAC with each key, the newest first. A plan has the first
// of them. Whoever looks for any of them finds the recipient also after the keys were changed.
func (r Keyring) Planned(firm, client, person, email string) [][]byte {
	names := make([][]byte, len(r.keys))
	for i, k := range r.keys {
		h := hmac.New(sha256.New, k.secret)
		h.Write([]byte(purposeOfPlan))
		for _, part := range []string{firm, client, person, email} {
			h.Write([]byte(part))
			h.Write([]byte{0}) // no part has it
		}
		names[i] = h.Sum(nil)[:macSize]
	}
	return names
}
