// Package link makes and opens the token in an invite's link.
//
// A token is derived, not stored: it carries the invite's id and nonce under
// an HMAC-SHA-256 made with INVITE_LINK_KEY. A retry therefore sends the very
// same link, a resend ends the old one by changing the nonce, and a copy of
// the database opens nobody's portal.
package link

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// keySize is what `openssl rand -base64 32` makes: the block HMAC-SHA-256
// gains nothing beyond (RFC 2104, section 3).
const keySize = 32

// keyExample ends every error about a key, because the reader's next question
// is how to make a good one.
const keyExample = `write it as <id>:<base64 of 32 bytes>, for example k1:$(openssl rand -base64 32), with older keys after a comma`

// The id travels in the token in clear text, so it must need no escaping in a
// URL and must not contain the token's separator.
var keyIDPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,16}$`)

// Keyring holds the keys of INVITE_LINK_KEY. The first one signs and all of
// them verify: to rotate, put the new key in front and drop the old one when
// the last link made with it has expired. Only ParseKeyring makes a usable one.
type Keyring struct {
	keys []key
}

type key struct {
	id     string
	secret []byte
}

// ParseKeyring reads `<id>:<base64 of 32 bytes>[,<id>:<base64>...]`. Its
// errors say which entry is wrong and how, and never repeat the key.
func ParseKeyring(s string) (Keyring, error) {
	if strings.TrimSpace(s) == "" {
		return Keyring{}, fmt.Errorf("link key: empty; %s", keyExample)
	}
	var ring Keyring
	for i, entry := range strings.Split(s, ",") {
		k, err := parseKey(strings.TrimSpace(entry))
		if err != nil {
			return Keyring{}, fmt.Errorf("link key: entry %d: %w; %s", i+1, err, keyExample)
		}
		if _, taken := ring.find(k.id); taken {
			return Keyring{}, fmt.Errorf("link key: entry %d: its id is used twice; %s", i+1, keyExample)
		}
		ring.keys = append(ring.keys, k)
	}
	return ring, nil
}

func parseKey(entry string) (key, error) {
	id, encoded, found := strings.Cut(entry, ":")
	if !found {
		return key{}, errors.New("no colon between id and key")
	}
	// The id is not repeated in the error: someone who swaps the halves would
	// find the key in a log.
	if !keyIDPattern.MatchString(id) {
		return key{}, errors.New("the id must be 1 to 16 of A-Z a-z 0-9 _ -")
	}
	secret, err := decodeAnyBase64(encoded)
	if err != nil {
		return key{}, errors.New("the part after the colon is not base64")
	}
	if len(secret) != keySize {
		return key{}, fmt.Errorf("the key has %d bytes instead of %d", len(secret), keySize)
	}
	return key{id: id, secret: secret}, nil
}

// decodeAnyBase64 takes the standard and the URL alphabet, padded or not: key
// generators differ, and the bytes are the same.
func decodeAnyBase64(s string) ([]byte, error) {
	standard := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	return base64.RawStdEncoding.DecodeString(standard)
}

// NewKey makes a fresh key under the id "k1", in the form ParseKeyring reads.
// standalone keeps it in its data folder, so links outlive a restart.
func NewKey() string {
	secret := make([]byte, keySize)
	// crypto/rand.Read never fails: it ends the program when the system has no
	// randomness (Go 1.24).
	_, _ = rand.Read(secret)
	return "k1:" + base64.StdEncoding.EncodeToString(secret)
}

func (r Keyring) find(id string) (key, bool) {
	for _, k := range r.keys {
		if k.id == id {
			return k, true
		}
	}
	return key{}, false
}

// String names the key ids only, so that a configuration printed with %v or %+v shows
// which keys are loaded and not the keys.
func (r Keyring) String() string {
	ids := make([]string, len(r.keys))
	for i, k := range r.keys {
		ids[i] = k.id
	}
	return "link keys [" + strings.Join(ids, " ") + "]"
}

// GoString is String, because %#v would print the secrets otherwise.
func (r Keyring) GoString() string { return r.String() }
