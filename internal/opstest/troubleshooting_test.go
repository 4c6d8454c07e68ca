package opstest

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestTroubleshootingScript runs scripts/troubleshooting.sh, which itself knows what it expects.
func TestTroubleshootingScript(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	out, code := s.sh(script(t))
	if code != 0 || !strings.HasSuffix(out, "# Everything went as expected.\n") {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	if n := len(s.mailbox.Messages()); n != 5 {
		t.Errorf("%d mails", n)
	}
}

// If something is not as the script expects, it says what, and exits with 1.
func TestTroubleshootingScriptFails(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.mailbox.Refuse("ada@first.example", 550, [3]int{5, 1, 1}, "no such user")
	out, code := s.sh(script(t))
	if want := "NOT AS EXPECTED: it does not say: completed 5 1 4 0"; code != 1 || !strings.Contains(out, want) {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

func script(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../scripts/troubleshooting.sh")
	if err != nil {
		t.Fatal(err)
	}
	return "FIRM=first-cpa " + path
}
