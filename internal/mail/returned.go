package mail

import (
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// FirmHeader names the firm in a mail's header, so that a bounce, which quotes
// the header, can be told to the firm whose contact it is. A Message-ID would
// do, but some relays (Amazon SES is one) put their own in its place.
const FirmHeader = "X-Portal-Firm"

// IsMessageID says whether a Message-ID, without angle brackets, is of the form
// that MessageID gives.
func IsMessageID(id string) bool {
	local, _, found := strings.Cut(id, "@")
	invite, nonce, dotted := strings.Cut(local, ".")
	if !messageIDPattern.MatchString(id) || !found || !dotted || len(invite) != len(uuid.Nil.String()) || uuid.Validate(invite) != nil {
		return false
	}
	_, err := strconv.ParseInt(nonce, 10, 64)
	return err == nil
}
