package mail

import (
	"maps"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSenderName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ firm, from, want string }{
		{"Acme CPA", "Client Portal <portal@mail.example>", "Acme CPA via Client Portal"},
		{"Acme CPA", "portal@mail.example", "Acme CPA via mail.example"},
		{"Acme CPA", "ACME CPA <portal@acme.example>", "Acme CPA"},
		{"", "Client Portal <portal@mail.example>", "Client Portal"},
		{"", "portal@mail.example", ""},
		{" Smith,\r\n\"Tax\" <b@c.example>\u202e", "Portal <p@m.example>", `Smith, "Tax" <b@c.example> via Portal`},
		{strings.Repeat("ä", 300), "Portal <p@m.example>", strings.Repeat("ä", 63) + "… via Portal"},
		{"Acme CPA", "not an address", "Acme CPA"},
	} {
		if got := SenderName(c.firm, c.from); got != c.want {
			t.Errorf("SenderName(%q, %q) = %q, want %q", c.firm, c.from, got, c.want)
		}
	}
}

// Whatever people type, a mail has the header that it should have, each field
// once, and not one that somebody smuggled in.
func TestNoFieldIsSmuggledIn(t *testing.T) {
	t.Parallel()
	want := []string{"Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Reply-To", "Subject", "To", FirmHeader}
	slices.Sort(want)
	text := hostileText()
	rapid.Check(t, func(t *rapid.T) {
		l := letterTo("dana@example.com")
		l.FirmID, l.Content.Language = "acme", "en"
		l.FromName, l.ToName, l.Content.Subject = text.Draw(t, "from"), text.Draw(t, "to"), text.Draw(t, "subject")
		l.Content.Text, l.Content.HTML = text.Draw(t, "text"), text.Draw(t, "HTML")
		l.ReplyTo = "office@example.com"
		m, err := l.message(&netmail.Address{Name: "Portal", Address: "portal@mail.example"}, DKIM{})
		if err != nil {
			t.Fatal(err)
		}
		read, err := netmail.ReadMessage(strings.NewReader(string(m.bytes)))
		if err != nil {
			t.Fatalf("%v in\n%s", err, m.bytes)
		}
		if fields := slices.Sorted(maps.Keys(read.Header)); !slices.Equal(fields, want) {
			t.Errorf("fields %q, want %q", fields, want)
		}
		for field, values := range read.Header {
			if len(values) != 1 {
				t.Errorf("%s stands %d times", field, len(values))
			}
		}
		for field, address := range map[string]string{"From": "portal@mail.example", "To": "dana@example.com", "Reply-To": "office@example.com"} {
			if list, err := read.Header.AddressList(field); err != nil || len(list) != 1 || list[0].Address != address {
				t.Errorf("%s: %v (%v)", field, list, err)
			}
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(m.bytes), "\r\n"), "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
				t.Errorf("a line of %d bytes, or a bare line end: %q", len(line), line)
			}
		}
	})
}

// A domain is sent in its ASCII form, so that no server on the way needs SMTPUTF8.
func TestDomainsAreSentInASCII(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"Dana@Bücher.example":   "Dana@xn--bcher-kva.example",
		"dana@example.com":      "dana@example.com",
		"dänä@bücher.example":   "dänä@xn--bcher-kva.example",
		"dana@under_sc.example": "dana@under_sc.example",
	} {
		l := letterTo(written)
		l.ReplyTo = written
		m, err := l.message(&netmail.Address{Address: "portal@mail.example"}, DKIM{})
		if err != nil || m.to != want {
			t.Errorf("to %q, want %q (%v)", m.to, want, err)
			continue
		}
		if isASCII(want) && !strings.Contains(string(m.bytes), "\r\nReply-To: <"+want+">\r\n") {
			t.Errorf("the answer does not go to %s:\n%s", want, m.bytes)
		}
	}
}

// What would be another field of the header is refused where it can't be cleaned.
func TestAddressesAreNotCleaned(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Letter){
		"to":         func(l *Letter) { l.To = "a@b.example\r\nBcc: c@d.example" },
		"reply_to":   func(l *Letter) { l.ReplyTo = "a@b.example\r\nBcc: c@d.example" },
		"message id": func(l *Letter) { l.MessageID = "1@b.example>\r\nBcc: c@d.example" },
	} {
		l := letterTo("dana@example.com")
		change(&l)
		if _, err := l.message(&netmail.Address{Address: "portal@mail.example"}, DKIM{}); err == nil || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("error %v, want it to begin with %q", err, name)
		}
	}
}
