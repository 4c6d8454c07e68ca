package systemtest

import (
	"strings"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// A worker with another database on the same streams would take a share of the events. It ends with exit code 2 and
// takes none, until an operator gives the streams to its database.
func TestAWorkerWithAnotherDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ours := run(t, s.env, "invite-worker")
	ours.says("invite-worker is ready")
	elsewhere := s.env.with("DATABASE_URL=" + testenv.Database(t))

	for _, command := range []string{"invite-worker", "bulk-worker"} {
		other := run(t, elsewhere, command)
		if code := other.exit(time.Minute); code != 2 {
			t.Errorf("%s of another database ended with %d", command, code)
		}
		for _, part := range []string{
			"the broker at " + s.NC.ConnectedUrl() + " is in use by workers with another database", "DATABASE_URL", "NATS_URL",
			`"invite-worker adopt"`,
		} {
			if !strings.Contains(other.log.String(), part) {
				t.Errorf("%s does not say %q", command, part)
			}
		}
		if other.log.Lines("invite-worker is ready")+other.log.Lines("bulk-worker is ready") > 0 {
			t.Errorf("%s was ready", command)
		}
	}
	out := s.Outcomes()
	s.PublishAll(s.firm(), s.contact("k", "k@example.com"), s.client("c", "k"), s.invite("c", "k"))
	s.Await(out, 1, events.InviteSent)

	id := run(t, elsewhere, "invite-worker", "ledger-id")
	if code := id.exit(time.Minute); code != 0 {
		t.Fatalf("ledger-id ended with %d", code)
	}
	checked := run(t, elsewhere.with("NATS_TOPOLOGY=check"), "invite-worker", "adopt")
	if code := checked.exit(time.Minute); code != 2 || checked.log.Lines("portal-invites-ledger="+id.log.String()) != 1 {
		t.Errorf("with NATS_TOPOLOGY=check, adopt ended with %d", code)
	}
	if code := ours.stop(time.Minute); code != 0 {
		t.Errorf("the first worker ended with %d", code)
	}
	adopted := run(t, elsewhere, "invite-worker", "adopt")
	lines := adopted.log.Lines
	if code := adopted.exit(time.Minute); code != 0 || lines("belonged to", strings.TrimSpace(id.log.String())) != 3 {
		t.Errorf("adopt ended with %d", code)
	}
	run(t, elsewhere, "invite-worker").says("invite-worker is ready")
	if code := run(t, s.env, "invite-worker").exit(time.Minute); code != 2 {
		t.Errorf("the former owner ended with %d", code)
	}
}
