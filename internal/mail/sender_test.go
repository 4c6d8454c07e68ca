package mail

import (
	"strings"
	"testing"
)

func TestSenderName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ firm, from, want string }{
		{"Acme CPA", "Client Portal <portal@mail.example>", "Acme CPA via Client Portal"},
		{"Acme CPA", "portal@mail.example", "Acme CPA via mail.example"},
		{"Acme CPA", "ACME CPA <portal@acme.example>", "Acme CPA"},
		{"", "Client Portal <portal@mail.example>", "Client Portal"},
		{"", "portal@mail.example", ""},
		{" Smith,\r\n\"Tax\" <b@c.example>\u202e", "Portal <p@m.example>", "Smith, ”Tax” ‹b@c. example› via Portal"},
		{strings.Repeat("ä", 300), "Portal <p@m.example>", strings.Repeat("ä", 63) + "… via Portal"},
		{"Acme CPA", "not an address", "Acme CPA"},
		{"https://evil.example/login", "Portal <p@m.example>", "https ://evil. example/login via Portal"},
		{"Acme.com", "acme.com <p@m.example>", "Acme.com"},
	} {
		if got := SenderName(c.firm, c.from); got != c.want {
			t.Errorf("SenderName(%q, %q) = %q, want %q", c.firm, c.from, got, c.want)
		}
	}
}
