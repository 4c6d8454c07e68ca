package ctl

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/app"
)

// A mistyped firm must not look like a firm where all is well.
func TestAnUnknownFirmIsSaidToBeUnknown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.bulk()
	for _, args := range [][]string{
		{"runs"}, {"runs", "--watch"}, {"runs", "f714e601"}, {"runs", uuid.NewString()}, {"runs", "-o", "json"},
		{"outcomes"}, {"outcomes", "-o", "json"},
		{"queue"}, {"queue", "-o", "json"},
		{"held"}, {"held", "--state", "decided"}, {"held", "send", "--all"},
		{"replay"}, {"replay", "--dry-run"}, {"replay", "--wait"},
		{"dead-letters"}, {"dead-letters", "list", "-o", "json"},
		{"status", "--client", "C-1"}, {"status", "--contact", "P-1"}, {"status", "--email", "ada@x.example"},
		{"explain", "--all-clients"}, {"explain", "--client", "C-1"}, {"explain", "--client", "C-1", "--contact", "P-1"},
		{"preview", "--client", "C-1", "--contact", "P-1"},
	} {
		s := r.ctl(append(args, "--firm", "acmee")...)
		if s.code != app.ExitFailed || !strings.Contains(s.err, "invitectl: firm acmee is unknown: ") {
			t.Errorf("%v: exit code %d: %s%s", args, s.code, s.out, s.err)
		}
	}
	if s := r.ctl("dead-letters", "--firm", noFirm); s.code != app.ExitOK {
		t.Errorf("dead letters without a firm: exit code %d: %s", s.code, s.err)
	}
}
