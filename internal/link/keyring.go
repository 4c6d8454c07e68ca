// Package link makes and opens the token in an invite's link.
//
// A token is derived, not stored. It has the invite's id and nonce, with an HMAC-SHA-256 made with INVITE_LINK_KEY. So
// a retry sends the very same link, a resend ends the old link by changing the nonce, and a copy of the database opens
// nobody's portal.
package link

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// keySize is the size of what `openssl rand -base64 32` makes, in bytes. HMAC-SHA-256 gains nothing from more (RFC
// 2104, section 3).
const keySize = 32

// keyExample ends every error about a key, because the reader needs to know next how to make a good one.
const keyExample = "write it as <id>:<base64 of 32 bytes>, for example k1:$(openssl rand -base64 32), " +
	"with older keys after a comma"

// The id is in the token in clear text. So it must need no escaping in a URL, and must not contain the token's
// separator.
var keyIDPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,16}$`)

// Keyring holds the keys of INVITE_LINK_KEY. The first one signs, and all of them verify. To rotate, put the new key
// first. Drop the old one when the last link made with it has expired. Only ParseKeyring makes a usable keyring.
// Several goroutines may use one at once: its keys do not change.
type Keyring struct {
	keys []key
}

type key struct {
	id     string
	secret []byte
}

// ParseKeyring reads `<id>:<base64 of 32 bytes>[,<id>:<base64>...]`. Its errors say which entry is wrong and why, and
// never repeat the key.
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
	// The error does not repeat the id: if somebody swaps the two halves, the id is the key, and it would be in a log.
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

// decodeAnyBase64 reads the standard and the URL alphabet, padded or not. Key generators differ, but the bytes are the
// same.
func decodeAnyBase64(s string) ([]byte, error) {
	standard := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	return base64.RawStdEncoding.DecodeString(standard)
}

// NewKey makes a new key with the id "k1", in the form that ParseKeyring reads. standalone keeps it in its data folder,
// so that links outlive a restart.
func NewKey() string {
	secret := make([]byte, keySize)
	// crypto/rand.Read never fails: it ends the program if the system has no randomness (Go 1.24).
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

// String names only the ids of the keys. So a configuration printed with %v or %+v shows which keys are loaded, and not
// the keys.
func (r Keyring) String() string {
	ids := make([]string, len(r.keys))
	for i, k := range r.keys {
		ids[i] = k.id
	}
	return "link keys [" + strings.Join(ids, " ") + "]"
}

// GoString is String, because %#v would otherwise print the secrets.
func (r Keyring) GoString() string { return r.String() }

// Derive makes a key for another purpose of the first key (HKDF, RFC 5869). Whoever has it can't sign links.
func (r Keyring) Derive(purpose string) []byte {
	if len(r.keys) == 0 {
		return nil
	}
	derived, err := hkdf.Key(sha256.New, r.keys[0].secret, nil, purpose, keySize)
	if err != nil {
		panic(err) // only for a size that is far too large
	}
	return derived
}
