package ctl

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/app"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// brokerWithOffice starts a broker with two users. admin may do everything. office may call the services of one firm,
// ask for replays, and hear its own answers, and nothing of JetStream.
func brokerWithOffice(t *testing.T) (admin, office string) {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
		Users: []*server.User{
			{Username: "admin", Password: "pw"},
			{Username: "office", Password: "pw", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{
					Allow: []string{"portal.api.v1." + firm + ".>", "portal.bulk." + firm + ".ReplayRequested"},
				},
				Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.office.>"}},
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the broker does not start")
	}
	as := func(user string) string { return fmt.Sprintf("nats://%s:pw@%s", user, s.Addr()) }
	return as("admin"), as("office")
}

// A person of one firm watches runs, replays and reads outcomes without any right to the streams.
func TestAnOfficeNeedsNoRightsToTheStreams(t *testing.T) {
	t.Parallel()
	admin, office := brokerWithOffice(t)
	nc, err := nats.Connect(admin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	s := testkit.On(t, nc)
	r := &rig{t: t, ctx: s.Ctx, scene: s, url: admin, js: s.JS, mailbox: testenv.NewMailbox(t)}
	r.startWorkers(app.Invites{TTL: 720 * time.Hour, Cooldown: 10 * time.Minute, OnUnknown: "resend"})
	r.office()
	run := r.bulk()
	r.contact("P-4", "Kim Lee", "kim@x.example")

	r.url = office
	as := func(args ...string) []string { return append(args, "--nats-inbox-prefix", "_INBOX.office") }
	mustHave(t, r.ok(as("replay", "--firm", firm, "--wait")...), "2 selected = 1 sent + 1 skipped + 0 failed + 0 pending")
	mustHave(t, r.ok(as("runs", "--firm", firm, "--watch", run.RunID)...), "4 selected = 3 sent + 1 skipped")
	sent := r.ok(as("outcomes", "--firm", firm, "--type", "InviteSent", "-o", "json")...)
	if got := types(t, sent); got["InviteSent"] != 3 {
		t.Errorf("outcomes: %v", got)
	}
}
