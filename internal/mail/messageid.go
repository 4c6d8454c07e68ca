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
// address. Attempts of the same mail share it. A resend has another nonce, and is another mail.
func MessageID(inviteID uuid.UUID, nonce int64, from string) string {
	return fmt.Sprintf("%s.%d@%s", inviteID, nonce, cmp.Or(DomainOf(from), "localhost"))
}

// IsMessageID says whether a Message-ID, without angle brackets, has the form that MessageID gives.
func IsMessageID(id string) bool {
	local, _, found := strings.Cut(id, "@")
	invite, nonce, dotted := strings.Cut(local, ".")
	if !WellFormedMessageID(id) || !found || !dotted || len(invite) != len(uuid.Nil.String()) ||
		uuid.Validate(invite) != nil {
		return false
	}
	_, err := strconv.ParseInt(nonce, 10, 64)
	return err == nil
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
