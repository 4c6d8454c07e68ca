package mail

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestMessageID(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("0192f3a1-7c55-7d11-9b2e-4f6a5c1d2e3f")
	for from, want := range map[string]string{
		"invites@firm.example":                 "0192f3a1-7c55-7d11-9b2e-4f6a5c1d2e3f.7@firm.example",
		`"Portal @ home" <a@mail.example.org>`: "0192f3a1-7c55-7d11-9b2e-4f6a5c1d2e3f.7@mail.example.org",
		"":                                     "0192f3a1-7c55-7d11-9b2e-4f6a5c1d2e3f.7@localhost",
	} {
		if got := MessageID(id, 7, from); got != want || !WellFormedMessageID(got) {
			t.Errorf("MessageID(%q) = %s, want %s", from, got, want)
		}
	}
}

func TestIsMessageID(t *testing.T) {
	t.Parallel()
	id := MessageID(uuid.New(), 3, "Portal <portal@mail.example>")
	if !IsMessageID(id) {
		t.Errorf("%s is not recognised as one of ours", id)
	}
	for _, other := range []string{
		"", "1@mail.example", "CAF+abc.1@mail.gmail.com",
		strings.Replace(id, ".", "-", 1), strings.Replace(id, ".3@", ".x@", 1),
		strings.Replace(id, "@", ".", 1), "{" + id, id + "\x1b[2J", id + "@x"} {
		if IsMessageID(other) {
			t.Errorf("%q is recognised as one of ours", other)
		}
	}
}
