package mail

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"regexp"
	"strings"

	"github.com/google/uuid"
)

// ProofKey makes the proofs in Message-IDs. A report that quotes a mail proves by it that the mail was ours, and went
// to that address for that firm (ADR 155). It is no key of links.
type ProofKey []byte

// proofPurpose makes a proof useless for anything else that the key may ever sign. A new layout gets a new number.
const proofPurpose = "portal-invites/mail/1\x00"

// proofSize is half of a SHA-256, in bytes, the shortest that RFC 2104, section 5, allows.
const proofSize = 16

// Of returns the proof of an invite's mail to an address in its normal form: 26 characters of a DNS label.
func (k ProofKey) Of(firm string, inviteID uuid.UUID, email string) string {
	h := hmac.New(sha256.New, k)
	h.Write([]byte(proofPurpose))
	for _, part := range [][]byte{[]byte(firm), inviteID[:], []byte(email)} {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write(part)
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:proofSize]))
}

var proofPattern = regexp.MustCompile(`@([a-z2-7]{26})\.`)

// ProofIn returns the proof in a Message-ID that MessageID gave. It is "" for a mail from before there were proofs, and
// for any other Message-ID.
func ProofIn(id string) string {
	found := proofPattern.FindStringSubmatch(strings.ToLower(id))
	if found == nil || !IsMessageID(id) {
		return ""
	}
	return found[1]
}
