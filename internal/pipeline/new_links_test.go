package pipeline_test

import (
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/link"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/rules"
	"portal-invites/internal/testkit"
)

// A key of links has leaked and was removed. The requests of deploy/postgres/who-has-a-link.sql reach everybody who is
// invited or active, Primary or not, guests included, although a mail went to them a moment ago.
func TestALeakedKeysWayOutReachesEverybody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.StartInvites()
	r.Office(1)
	r.Publish(events.ContactUpserted, testkit.ContactData("np", "Not Primary", "np@example.com"))
	r.Publish(events.ContactUpserted, testkit.ContactData("gone", "Gone", "gone@example.com"))
	r.Publish(events.ClientUpserted, testkit.ClientData("c0", "*k0", "np", "gone"))
	r.Invite("c0", testkit.Contact("k0"), testkit.Contact("np"), testkit.Contact("gone"),
		testkit.Added("guest@elsewhere.example", "Guest"))
	r.Settled()
	r.Publish(events.PortalAccessGranted,
		testkit.Object{"client_id": "c0", "contact_id": "k0", "granted_at": time.Now().UTC()})
	r.Publish(events.AccessRemovalRequested, testkit.InviteData("c0", testkit.Contact("gone")))
	r.Settled()
	everybody := []string{"k0@example.com", "np@example.com", "guest@elsewhere.example"}
	old := map[string]string{}
	for _, to := range everybody {
		old[to] = r.linkOf(to)
	}
	stop()

	var err error
	r.Keys, err = link.ParseKeyring(link.NewKey())
	r.Must(err)
	cfg := r.Config()
	cfg.Policy = rules.Policy{InviteTTL: rules.DefaultInviteTTL} // no cooldown, as the page says
	w := pipeline.NewInviteWorker(cfg)
	r.StartWorker(w)
	before := len(r.Mailbox.Messages())
	for firmID, data := range r.newLinks() {
		if firmID != firm {
			t.Errorf("a request for the firm %s", firmID)
		}
		r.Publish(events.InviteResendRequested, data)
	}
	r.Settled()
	if n := len(r.Mailbox.Messages()) - before; n != len(everybody) {
		t.Errorf("%d new mails, want %d", n, len(everybody))
	}
	for _, to := range everybody {
		r.linkIs(w, old[to], answer.LinkInvalid)
		r.linkIs(w, r.linkOf(to), answer.LinkOpened)
	}
}

// newLinks are the requests that the query makes, by their firms. The test has one client, so there is one for each.
func (r *rig) newLinks() map[string]testkit.Object {
	r.TB.Helper()
	query, err := os.ReadFile("../../deploy/postgres/who-has-a-link.sql")
	r.Must(err)
	rows, err := r.DB.Query(r.Ctx, string(query))
	r.Must(err)
	requests := map[string]testkit.Object{}
	var firmID string
	var data map[string]any
	_, err = pgx.ForEachRow(rows, []any{&firmID, &data}, func() error {
		requests[firmID] = data
		data = nil
		return nil
	})
	r.Must(err)
	return requests
}
