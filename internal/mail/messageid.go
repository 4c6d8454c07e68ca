package mail

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// MessageID is the Message-ID (RFC 5322, section 3.6.4) of an invite's mail at one nonce, in the domain of the from
// address, below its proof ([ProofKey]). Attempts of the same mail share it. A resend has another nonce, and is another
// mail.
func MessageID(inviteID uuid.UUID, nonce int64, proof, from string) string {
	return LocalOf(inviteID, nonce) + "@" + proof + "." + cmp.Or(DomainOf(from), "localhost")
}

// LocalOf is the part of MessageID before the @. The domain follows from the settings of the worker that sent the mail.
func LocalOf(inviteID uuid.UUID, nonce int64) string { return fmt.Sprintf("%s.%d", inviteID, nonce) }

// IsMessageID says whether a Message-ID, without angle brackets, has the form that MessageID gives.
func IsMessageID(id string) bool {
	_, _, ok := ParseMessageID(id)
	return ok
}

// ParseMessageID returns the invite and the nonce in a Message-ID, without angle brackets, that has the form that
// MessageID gives.
func ParseMessageID(id string) (inviteID uuid.UUID, nonce int64, ok bool) {
	local, _, found := strings.Cut(id, "@")
	invite, number, dotted := strings.Cut(local, ".")
	if !WellFormedMessageID(id) || !found || !dotted || len(invite) != len(uuid.Nil.String()) {
		return uuid.Nil, 0, false
	}
	inviteID, err := uuid.Parse(invite)
	if err != nil {
		return uuid.Nil, 0, false
	}
	nonce, err = strconv.ParseInt(number, 10, 64)
	return inviteID, nonce, err == nil
}

// NonceOf returns the nonce in a Message-ID that MessageID gave.
func NonceOf(id string) (int64, error) {
	if !IsMessageID(id) {
		return 0, fmt.Errorf("%q is not a Message-ID of an invite's mail", id)
	}
	local, _, _ := strings.Cut(id, "@")
	_, nonce, _ := strings.Cut(local, ".")
	return strconv.ParseInt(nonce, 10, 64)
}

var messageIDPattern = regexp.MustCompile(`^[!-;=?A-~]+@[!-;=?A-~]+$`)

// WellFormedMessageID says whether a Message-ID, without angle brackets, is allowed in a header (RFC 5322, section
// 3.6.4).
func WellFormedMessageID(id string) bool { return messageIDPattern.MatchString(id) }
