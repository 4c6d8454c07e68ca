package smtp

import (
	"encoding/base64"
	"regexp"
	"strings"

	"portal-invites/internal/mail"
)

// leastSecret is the length of a secret that is masked. Shorter ones would remove ordinary words and protect nothing.
const leastSecret = 4

var (
	// encoded is what may be base64: servers repeat the line that they did not understand, and a login is in base64.
	encoded = regexp.MustCompile(`[A-Za-z0-9+/_-]{6,}={0,2}`)
	bearer  = regexp.MustCompile(`(?i)(bearer )\S+`)
)

// speakable makes the words of a server, or of an error, safe to keep: as [mail.Speakable], and nothing of the login,
// plain or in base64.
func (c Config) speakable(words string) string {
	s := encoded.ReplaceAllStringFunc(mail.OneLine(words), func(text string) string {
		if c.isLogin(decoded(text)) {
			return "•••"
		}
		return text
	})
	for _, secret := range c.secrets() {
		s = strings.ReplaceAll(s, secret, "•••")
	}
	return mail.Speakable(bearer.ReplaceAllString(s, "$1•••"))
}

// secrets are the parts of the login that are masked.
func (c Config) secrets() (list []string) {
	for _, secret := range []string{c.Password, c.Username} {
		if len(secret) >= leastSecret {
			list = append(list, secret)
		}
	}
	return list
}

// isLogin says whether a decoded text has a part of the login in it, or a token.
func (c Config) isLogin(text string) bool {
	for _, secret := range c.secrets() {
		if strings.Contains(text, secret) {
			return true
		}
	}
	return strings.Contains(text, "auth=Bearer ")
}

// decoded is what a text in base64 stands for, in either alphabet; "" if it is no base64. It may be cut off.
func decoded(text string) string {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	if len(text)%4 == 1 {
		text = text[:len(text)-1]
	}
	plain, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return ""
	}
	return string(plain)
}
