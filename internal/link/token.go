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

// ErrInvalid says that a token was not made by any of the keys at hand:
// mistyped, cut short, forged, or signed by a key since dropped. It is one
// error for all of these on purpose, so that nothing is learnt by guessing.
var ErrInvalid = errors.New("link: invalid token")

// macSize is half of a SHA-256, the shortest that RFC 2104, section 5, allows:
// 128 bits cannot be guessed online, and the link stays short in a text mail.
const macSize = 16

// purpose keeps a MAC made here from being of use anywhere else, should the
// key ever sign something other than links. A new layout gets a new number.
const purpose = "portal-invites/link/1\x00"

// Token returns the token of one invite at one nonce, about 60 characters:
// `<key id>.<base64url of id, nonce and MAC>`. It needs no escaping in a URL,
// and is the same every time it is asked for. A keyring that ParseKeyring did
// not make has no key to sign with, and panics.
func (r Keyring) Token(inviteID uuid.UUID, nonce int64) string {
	signing := r.keys[0]
	payload := binary.AppendUvarint(inviteID[:], uint64(nonce))
	signed := append(payload, signing.mac(payload)...)
	return signing.id + "." + base64.RawURLEncoding.EncodeToString(signed)
}

// Open returns the invite and nonce a token was made for, or ErrInvalid. That
// the nonce is still the invite's current one is for the caller to check: an
// older one means that the link has been replaced.
func (r Keyring) Open(token string) (inviteID uuid.UUID, nonce int64, err error) {
	id, encoded, _ := strings.Cut(token, ".")
	k, known := r.find(id)
	if !known {
		return uuid.Nil, 0, ErrInvalid
	}
	signed, err := base64.RawURLEncoding.DecodeString(encoded)
	// Encoding again and comparing refuses what the decoder forgives (line
	// breaks, loose last bits): one invite and nonce has one token per key.
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

// URL returns `<portalURL>/invite/<token>`, the link of the contract.
// portalURL may have a path and may end with a slash; anything a token cannot
// simply be appended to is an error that names portal_url.
func (r Keyring) URL(portalURL string, inviteID uuid.UUID, nonce int64) (string, error) {
	u, err := url.Parse(portalURL)
	switch {
	case err != nil:
		return "", fmt.Errorf("portal_url: not a URL: %q", portalURL)
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return "", fmt.Errorf("portal_url: %q must be an address like https://portal.example.com", portalURL)
	case u.User != nil:
		// The value is left out of this error: it holds a password.
		return "", errors.New("portal_url: must not carry a user name or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", fmt.Errorf("portal_url: %q must end before any ? or #", portalURL)
	}
	return u.JoinPath("invite", r.Token(inviteID, nonce)).String(), nil
}
