package smtp

import (
	"bytes"
	"maps"
	"mime"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/mailtest"
)

// Whatever people type, a mail has exactly the header fields it should have, each once.
func TestNoFieldIsSmuggledIn(t *testing.T) {
	t.Parallel()
	want := []string{
		"Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "Message-Id", "Mime-Version",
		"Reply-To", "Subject", "To", "X-Auto-Response-Suppress", mail.FirmHeader, mail.MailHeader,
	}
	slices.Sort(want)
	text := mailtest.HostileText()
	rapid.Check(t, func(t *rapid.T) {
		m := messageTo("dana@example.com")
		m.FirmID, m.Content.Language = "acme", "en"
		m.FromName, m.ToName, m.Content.Subject = text.Draw(t, "from"), text.Draw(t, "to"), text.Draw(t, "subject")
		m.Content.Text, m.Content.HTML = text.Draw(t, "text"), text.Draw(t, "HTML")
		m.ReplyTo = "office@example.com"
		o, err := build(m, &netmail.Address{Name: "Portal", Address: "portal@mail.example"}, DKIM{})
		if err != nil {
			t.Fatal(err)
		}
		read, err := netmail.ReadMessage(strings.NewReader(string(o.bytes)))
		if err != nil {
			t.Fatalf("%v in\n%s", err, o.bytes)
		}
		if fields := slices.Sorted(maps.Keys(read.Header)); !slices.Equal(fields, want) {
			t.Errorf("fields %q, want %q", fields, want)
		}
		for field, values := range read.Header {
			if len(values) != 1 {
				t.Errorf("%s occurs %d times", field, len(values))
			}
		}
		for field, address := range map[string]string{
			"From": "portal@mail.example", "To": "dana@example.com", "Reply-To": "office@example.com",
		} {
			if list, err := read.Header.AddressList(field); err != nil || len(list) != 1 || list[0].Address != address {
				t.Errorf("%s: %v (%v)", field, list, err)
			}
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(o.bytes), "\r\n"), "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
				t.Errorf("a line of %d bytes, or a bare line end: %q", len(line), line)
			}
		}
	})
}

// Nobody who reads From, To or the subject is given a link by a name, or a character that can't be seen. An encoded
// word that somebody has typed stays as it is.
func TestNoNameInAHeaderIsALink(t *testing.T) {
	t.Parallel()
	decoder := &mime.WordDecoder{}
	for _, name := range mailtest.Names() {
		m := messageTo("dana@example.com")
		m.FromName, m.ToName, m.Content.Subject = name, name, mail.InHeader(name, 60)+" asks for your signature"
		o, err := build(m, &netmail.Address{Name: "Portal", Address: "portal@mail.example"}, DKIM{})
		if err != nil {
			t.Fatal(err)
		}
		read, err := netmail.ReadMessage(bytes.NewReader(o.bytes))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := decoder.DecodeHeader(read.Header.Get("Subject"))
		if err != nil {
			t.Fatal(err)
		}
		for field, shown := range map[string]string{
			"From": shownIn(t, read, "From"), "To": shownIn(t, read, "To"), "Subject": subject,
		} {
			if links := mailtest.LinksIn(shown); len(links) > 0 {
				t.Errorf("%s, by the name %q, is %q: %q", field, name, shown, links)
			}
			if strings.ContainsAny(shown, "\u00ad\u200b\u2060\ufeff") {
				t.Errorf("%s, by the name %q, has characters that nobody sees: %+q", field, name, shown)
			}
			if strings.Contains(name, "=?utf-8?") && !strings.Contains(shown, "?utf-8?") {
				t.Errorf("%s is %q: what was typed, %q, was decoded", field, shown, name)
			}
		}
	}
}

// shownIn is the name of the only address in a field, decoded once more, as readers do that are not strict.
func shownIn(t *testing.T, read *netmail.Message, field string) string {
	t.Helper()
	list, err := read.Header.AddressList(field)
	if err != nil {
		t.Fatal(err)
	}
	name, err := (&mime.WordDecoder{}).DecodeHeader(list[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// The isolates that keep a name of the other direction together arrive.
func TestASubjectKeepsItsIsolates(t *testing.T) {
	t.Parallel()
	m := messageTo("dana@example.com")
	m.Content.Subject = "\u2068דנה (2024)\u2069 shared a file\r\n\x00with you"
	o, err := build(m, &netmail.Address{Address: "portal@mail.example"}, DKIM{})
	if err != nil {
		t.Fatal(err)
	}
	read, err := netmail.ReadMessage(bytes.NewReader(o.bytes))
	if err != nil {
		t.Fatal(err)
	}
	got, err := (&mime.WordDecoder{}).DecodeHeader(read.Header.Get("Subject"))
	if want := "\u2068דנה (2024)\u2069 shared a file with you"; err != nil || got != want {
		t.Errorf("the subject is %+q (%v), want %+q", got, err, want)
	}
}

// A domain is sent in ASCII, so that no server on the way needs SMTPUTF8.
func TestDomainsAreSentInASCII(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"Dana@Bücher.example":   "Dana@xn--bcher-kva.example",
		"dana@example.com":      "dana@example.com",
		"dänä@bücher.example":   "dänä@xn--bcher-kva.example",
		"dana@under_sc.example": "dana@under_sc.example",
	} {
		m := messageTo(written)
		m.ReplyTo = written
		o, err := build(m, &netmail.Address{Address: "portal@mail.example"}, DKIM{})
		if err != nil || o.to != want {
			t.Errorf("to %q, want %q (%v)", o.to, want, err)
			continue
		}
		if isASCII(want) && !strings.Contains(string(o.bytes), "\r\nReply-To: <"+want+">\r\n") {
			t.Errorf("the reply address is not %s:\n%s", want, o.bytes)
		}
	}
}

// An address that would add another header field is refused, since it can't be cleaned.
func TestAddressesAreNotCleaned(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*mail.Message){
		"to":         func(m *mail.Message) { m.To = "a@b.example\r\nBcc: c@d.example" },
		"reply_to":   func(m *mail.Message) { m.ReplyTo = "a@b.example\r\nBcc: c@d.example" },
		"message id": func(m *mail.Message) { m.MessageID = "1@b.example>\r\nBcc: c@d.example" },
	} {
		m := messageTo("dana@example.com")
		change(&m)
		if _, err := build(m, &netmail.Address{Address: "portal@mail.example"}, DKIM{}); err == nil ||
			!strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("error %v, want it to begin with %q", err, name)
		}
	}
}

// A bounce can be recognised: the mail contains what the reader of bounces looks for.
func TestABounceCanBeRecognised(t *testing.T) {
	t.Parallel()
	id := mail.MessageID(uuid.New(), 3, "proof", "Portal <portal@mail.example>")
	m := mail.Message{
		MessageID: id, To: "dana@bluebottle.example", FirmID: "acme_cpa-1",
		Content: mail.Content{Subject: "s", Text: "t", HTML: "h"},
	}
	o, err := build(m, &netmail.Address{Address: "portal@mail.example"}, DKIM{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\r\n" + mail.FirmHeader + ": acme_cpa-1\r\n", "\r\nMessage-ID: <" + id + ">\r\n"} {
		if !strings.Contains("\r\n"+string(o.bytes), want) {
			t.Errorf("there is no %q in\n%s", want, o.bytes)
		}
	}
}
