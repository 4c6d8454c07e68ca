package mailtest

import (
	"strings"
	"testing"

	"portal-invites/internal/mail"
)

// What mail programs make links of has no link any more in either way, whatever the name.
func TestNoNameIsALink(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		if len(LinksIn(name)) == 0 && !strings.Contains(name, "=?") && !strings.Contains(name, "\u2060") {
			t.Errorf("no mail program finds a link in %q, so it shows nothing here", name)
		}
		for way, text := range map[string]string{
			"in a mail":   mail.Unlinked(mail.OneLine(name)),
			"in a header": mail.InHeader(name, 0),
			"in From":     mail.SenderName(name, "P <p@m.example>"),
		} {
			if links := LinksIn(text); len(links) > 0 {
				t.Errorf("%s, %q is %q: %q", way, name, text, links)
			}
		}
	}
}
