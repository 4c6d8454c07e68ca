package smtp

import (
	"strings"

	"portal-invites/internal/mail"
)

// speakable makes the words of a server, or of an error, safe to keep: as [mail.Speakable], and nothing of the login.
func (c Config) speakable(words string) string {
	s := mail.OneLine(words)
	for _, secret := range []string{c.Password, c.Username} {
		// Shorter ones would remove ordinary words and protect nothing.
		if len(secret) >= 4 {
			s = strings.ReplaceAll(s, secret, "•••")
		}
	}
	return mail.Speakable(s)
}
