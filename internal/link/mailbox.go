package link

import (
	"crypto/hmac"
	"crypto/sha256"
)

// purposeOfMailbox makes a MAC of a mailbox useless as a MAC of a link.
const purposeOfMailbox = "portal-invites/mailbox/1\x00"

// Mailboxes are the names under which the mails to a mailbox are counted (ADR 152): a MAC with each key, the newest
// first. Whoever counts under all of them, and finds what is under any, loses no count while keys change.
func (r Keyring) Mailboxes(mailbox string) [][]byte {
	names := make([][]byte, len(r.keys))
	for i, k := range r.keys {
		h := hmac.New(sha256.New, k.secret)
		h.Write([]byte(purposeOfMailbox))
		h.Write([]byte(mailbox))
		names[i] = h.Sum(nil)[:macSize]
	}
	return names
}
