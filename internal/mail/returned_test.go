package mail

import (
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// TestWhatComesBackIsKnownAgain holds a mail to what a bounce's reader looks for in it.
func TestWhatComesBackIsKnownAgain(t *testing.T) {
	t.Parallel()
	id := MessageID(uuid.New(), 3, "Portal <portal@mail.example>")
	letter := Letter{MessageID: id, To: "dana@bluebottle.example", FirmID: "acme_cpa-1", Content: Content{Subject: "s", Text: "t", HTML: "h"}}
	m, err := letter.message(&netmail.Address{Address: "portal@mail.example"}, DKIM{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\r\n" + FirmHeader + ": acme_cpa-1\r\n", "\r\nMessage-ID: <" + id + ">\r\n"} {
		if !strings.Contains("\r\n"+string(m.bytes), want) {
			t.Errorf("there is no %q in\n%s", want, m.bytes)
		}
	}
	if !IsMessageID(id) {
		t.Errorf("%s is not taken for one of ours", id)
	}
	for _, other := range []string{"", "1@mail.example", "CAF+abc.1@mail.gmail.com", strings.Replace(id, ".", "-", 1), strings.Replace(id, ".3@", ".x@", 1),
		strings.Replace(id, "@", ".", 1), "{" + id, id + "\x1b[2J", id + "@x"} {
		if IsMessageID(other) {
			t.Errorf("%q is taken for one of ours", other)
		}
	}
}
