package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// ErrInvalid says that a token was not made by any of the keys in the keyring: it was mistyped, cut short, forged, or
// signed by a key that has been dropped. One error stands for all of these on purpose, so that nobody can learn
// anything by guessing.
var ErrInvalid = errors.New("link: invalid token")

// macSize is half of a SHA-256, in bytes, and the shortest that RFC 2104, section 5, allows. Nobody can guess 128 bits
// online, and the link stays short in a text mail.
const macSize = 16

// purpose makes a MAC of a link useless for anything else that the key may ever sign. A new layout gets a new number.
const purpose = "portal-invites/link/1\x00"

// Token returns the token of one invite at one nonce, of about 60 characters: `<key id>.<base64url of id, nonce and
// MAC>`. It needs no escaping in a URL, and is the same every time. It panics for a keyring that ParseKeyring did not
// make, which has no key to sign with.
func (r Keyring) Token(inviteID uuid.UUID, nonce int64) string {
	signing := r.keys[0]
	payload := binary.AppendUvarint(inviteID[:], uint64(nonce))
	signed := append(payload, signing.mac(payload)...)
	return signing.id + "." + base64.RawURLEncoding.EncodeToString(signed)
}

// Open returns the invite and the nonce that a token was made for, or ErrInvalid. The caller must check that the nonce
// is still the invite's current one: an older nonce means that the link has been replaced.
func (r Keyring) Open(token string) (inviteID uuid.UUID, nonce int64, err error) {
	id, encoded, _ := strings.Cut(withoutStuck(token), ".")
	k, known := r.find(id)
	if !known {
		return uuid.Nil, 0, ErrInvalid
	}
	signed, err := base64.RawURLEncoding.DecodeString(encoded)
	// Encoding again and comparing refuses what the decoder accepts (line breaks, loose last bits). So each key makes one
	// token for an invite and a nonce.
	if err != nil || base64.RawURLEncoding.EncodeToString(signed) != encoded {
		return uuid.Nil, 0, ErrInvalid
	}
	if len(signed) <= len(inviteID)+macSize {
		return uuid.Nil, 0, ErrInvalid
	}
	payload, mac := signed[:len(signed)-macSize], signed[len(signed)-macSize:]
	if !hmac.Equal(mac, k.mac(payload)) {
		return uuid.Nil, 0, ErrInvalid
	}
	copy(inviteID[:], payload)
	value, size := binary.Uvarint(payload[len(inviteID):])
	if size != len(payload)-len(inviteID) {
		return uuid.Nil, 0, ErrInvalid
	}
	return inviteID, int64(value), nil
}

func (k key) mac(payload []byte) []byte {
	h := hmac.New(sha256.New, k.secret)
	h.Write([]byte(purpose))
	h.Write(payload)
	return h.Sum(nil)[:macSize]
}

// URL returns `<portalURL>/invite/<token>`, the contract's link. portalURL may have a path and may end with a slash. If
// a token can't simply be appended to it, the error names portal_url.
func (r Keyring) URL(portalURL string, inviteID uuid.UUID, nonce int64) (string, error) {
	u, err := url.Parse(portalURL)
	switch {
	case err != nil:
		return "", fmt.Errorf("portal_url: not a URL: %q", portalURL)
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return "", fmt.Errorf("portal_url: %q must be an address like https://portal.example.com", portalURL)
	case u.User != nil:
		// The error leaves out the value, which has a password.
		return "", errors.New("portal_url: must not carry a user name or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", fmt.Errorf("portal_url: %q must end before any ? or #", portalURL)
	}
	return u.JoinPath("invite", r.Token(inviteID, nonce)).String(), nil
}
