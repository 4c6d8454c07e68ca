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
		"invites@firm.example":                 "0192f3a1-7c55-7d11-9b2e-4f6a5c1d2e3f.7@proof.firm.example",
		`"Portal @ home" <a@mail.example.org>`: "0192f3a1-7c55-7d11-9b2e-4f6a5c1d2e3f.7@proof.mail.example.org",
		"":                                     "0192f3a1-7c55-7d11-9b2e-4f6a5c1d2e3f.7@proof.localhost",
	} {
		if got := MessageID(id, 7, "proof", from); got != want || !WellFormedMessageID(got) {
			t.Errorf("MessageID(%q) = %s, want %s", from, got, want)
		}
	}
}

func TestIsMessageID(t *testing.T) {
	t.Parallel()
	id := MessageID(uuid.New(), 3, "proof", "Portal <portal@mail.example>")
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

// A proof says that a mail is ours, whose it is, and where it went. Nobody without the key can make one for another.
func TestProof(t *testing.T) {
	t.Parallel()
	key, id := ProofKey("0123456789abcdef0123456789abcdef"), uuid.MustParse("0192f3a1-7c55-7d11-9b2e-4f6a5c1d2e3f")
	proof := key.Of("acme", id, "dana@example.com")
	if proof != "5gamfmo23corobfsfyo7qgbpzu" {
		t.Errorf("the proof is %q", proof)
	}
	for what, other := range map[string]string{
		"another firm":    key.Of("acm", id, "edana@example.com"),
		"another invite":  key.Of("acme", uuid.New(), "dana@example.com"),
		"another address": key.Of("acme", id, "dan@example.com"),
		"another key":     ProofKey("another").Of("acme", id, "dana@example.com"),
	} {
		if other == proof || len(other) != len(proof) {
			t.Errorf("%s has the proof %s", what, other)
		}
	}
	sent := MessageID(id, 7, proof, "invites@firm.example")
	for message, want := range map[string]string{
		sent: proof, strings.ToUpper(sent): proof,
		LocalOf(id, 7) + "@firm.example": "", "x@" + proof + ".firm.example": "", "": "",
	} {
		if got := ProofIn(message); got != want {
			t.Errorf("the proof in %q is %q, want %q", message, got, want)
		}
	}
}
