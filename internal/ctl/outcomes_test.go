package ctl

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/app"
	"portal-invites/internal/events"
)

// types counts the lines of -o json by the type of the outcome.
func types(t *testing.T, out string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for row := range strings.Lines(out) {
		var o struct{ Type string }
		if err := json.Unmarshal([]byte(row), &o); err != nil {
			t.Fatalf("not JSON: %s", row)
		}
		found[o.Type]++
	}
	return found
}

func TestOutcomesOfTheStream(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if out := r.ok("outcomes"); out != "" {
		t.Errorf("an empty stream has outcomes: %s", out)
	}
	r.office()
	run := r.bulk()

	out := r.ok("outcomes", "--firm", firm)
	mustHave(t, out, "C-1 P-1 invite", "C-1 P-2 contact_not_primary", "C-2 P-4 email_missing", "2 sent, 2 skipped")
	mustHave(t, r.ok("outcomes"), "FIRM", "acme C-1 P-1 invite")

	for _, c := range []struct {
		name          string
		args          []string
		sent, skipped int
	}{
		{"by type", []string{"--type", "InviteSent"}, 2, 0},
		{"by types", []string{"--type", "InviteSent,InviteSkipped"}, 2, 2},
		{"by reason", []string{"--reason", "email_missing"}, 0, 1},
		{"by type and reason", []string{"--type", "InviteSent,InviteSkipped", "--reason", "email_missing"}, 2, 1},
		{"by a reason that none has", []string{"--firm", firm, "--reason", "email_shared"}, 0, 0},
		{"by run", []string{"--run", run.RunID, "--type", "InviteSent,InviteSkipped"}, 2, 2},
		{"by another run", []string{"--run", "6f1d7a0e-3c58-5b0c-9d7e-2a4b8c90e1f3"}, 0, 0},
		{"since before", []string{"--since", "1h", "--type", "InviteSent"}, 2, 0},
		{"since later", []string{"--since", time.Now().Add(time.Hour).Format(time.RFC3339)}, 0, 0},
	} {
		got := types(t, r.ok(append([]string{"outcomes", "-o", "json"}, c.args...)...))
		if got["InviteSent"] != c.sent || got["InviteSkipped"] != c.skipped || len(got) > 2 {
			t.Errorf("%s: got %v, want %d sent, %d skipped", c.name, got, c.sent, c.skipped)
		}
	}
}

func TestOutcomesAreFollowed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.bulk()

	ctx, stop := context.WithCancel(r.ctx)
	defer stop()
	read, write := io.Pipe()
	code := make(chan int, 1)
	go func() {
		args := []string{
			"outcomes", "-f", "--since", "1h", "--type", "InviteSent,InviteAccepted", "-o", "json", "--nats-url", r.url,
		}
		code <- app.Run(ctx, name, Description, &Command{}, args, app.Streams{Out: write, Err: io.Discard})
		_ = write.Close()
	}()
	lines := bufio.NewScanner(read)
	next := func() map[string]int {
		if !lines.Scan() {
			t.Fatal("the outcomes ended")
		}
		return types(t, lines.Text())
	}
	for range 2 { // published before
		if got := next(); got["InviteSent"] != 1 {
			t.Errorf("got %v", got)
		}
	}
	r.publish(events.PortalAccessGranted,
		object{"client_id": "C-1", "contact_id": "P-1", "granted_at": time.Now().UTC().Format(time.RFC3339)})
	if got := next(); got["InviteAccepted"] != 1 { // published after
		t.Errorf("got %v", got)
	}
	stop()
	if got := <-code; got != app.ExitOK {
		t.Errorf("exit code %d after it was asked to stop", got)
	}
}
