package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
)

// TestRawEvents runs the script with a "nats" that only records its arguments, and decodes the events in them as the
// workers do.
func TestRawEvents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	noted := filepath.Join(dir, "calls")
	stub := "#!/bin/sh\nprintf '%s\\n' \"$@\" end-of-call >>\"$CALLS\"\n"
	if err := os.WriteFile(filepath.Join(dir, "nats"), []byte(stub), 0o700); err != nil {
		t.Fatal(err)
	}
	script := exec.CommandContext(t.Context(), "sh", filepath.Join("raw", "first-event.sh"))
	script.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "CALLS="+noted)
	if out, err := script.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	calls, err := os.ReadFile(noted)
	if err != nil {
		t.Fatal(err)
	}
	var types []events.Type
	for call := range strings.SplitSeq(strings.TrimSuffix(string(calls), "end-of-call\n"), "end-of-call\n") {
		subject, header, body := publication(strings.Split(strings.TrimSpace(call), "\n"))
		e, err := events.Decode(subject, header, body)
		if err != nil {
			t.Fatalf("%s: %v", subject, err)
		}
		if got, want := header.Get(nats.MsgIdHdr), e.Firm+"/"+e.Source+"/"+e.ID; got != want {
			t.Errorf("%s: Nats-Msg-Id %q, want %q", subject, got, want)
		}
		types = append(types, e.Type)
	}
	if len(types) != 4 || types[3] != events.InviteRequested {
		t.Errorf("the script publishes %v, want three facts and an invite", types)
	}
	checkShownInReadme(t)
}

// publication parses the arguments of nats pub.
func publication(args []string) (subject string, header nats.Header, body []byte) {
	subject, body = args[1], []byte(args[len(args)-1])
	header = nats.Header{}
	for i, arg := range args {
		if arg == "-H" {
			name, value, _ := strings.Cut(args[i+1], ":")
			header[name] = []string{value}
		}
	}
	return subject, header, body
}

// checkShownInReadme compares the command in README.md with the script's last one.
func checkShownInReadme(t *testing.T) {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("raw", "first-event.sh"))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if last := script[strings.LastIndex(string(script), "nats pub "):]; !strings.Contains(string(readme), string(last)) {
		t.Error("README.md shows a command that raw/first-event.sh does not run")
	}
}
