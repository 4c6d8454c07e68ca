package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// overtaken is a fact about a contact that comes while its invite is queued, and the expected outcome.
type overtaken struct {
	name     string
	fact     events.Type
	data     func(client, contact string) testkit.Object
	one      string // the reason in the individual lane; empty: the mail leaves
	bulk     string // the reason in the bulk lane, if it differs
	mailedTo string
}

var overtakings = []overtaken{
	{name: "nothing", mailedTo: "nothing@example.com"},
	{name: "removed", fact: events.ContactRemoved, one: "contact_not_found", bulk: "email_missing",
		data: func(_, contact string) testkit.Object { return testkit.Object{"contact_id": contact} }},
	{name: "suppressed", fact: events.EmailSuppressed, one: "email_suppressed",
		data: func(_, contact string) testkit.Object {
			return testkit.Object{"email": contact + "@example.com", "cause": "bounce"}
		}},
	{name: "archived", fact: events.ClientUpserted, one: "client_inactive",
		data: func(client, contact string) testkit.Object {
			return testkit.With(testkit.ClientData(client, "*"+contact), "active", false)
		}},
	{name: "client-gone", fact: events.ClientRemoved, one: "client_not_found",
		data: func(client, _ string) testkit.Object { return testkit.Object{"client_id": client} }},
	{name: "off-client", fact: events.ClientUpserted, one: "contact_not_on_client", bulk: "contact_not_primary",
		data: func(client, _ string) testkit.Object { return testkit.ClientData(client, "*somebody-else") }},
	{name: "logged-in", fact: events.PortalAccessGranted, one: "already_has_access",
		data: func(client, contact string) testkit.Object {
			return testkit.Object{"client_id": client, "contact_id": contact, "granted_at": "2026-01-02T03:04:05Z"}
		}},
	{name: "moved", fact: events.ContactUpserted, mailedTo: "moved.anew@example.com",
		data: func(_, contact string) testkit.Object {
			return testkit.ContactData(contact, "Kay", "Moved.Anew@example.com")
		}},
	{name: "took-taken", fact: events.ContactUpserted, one: "email_shared",
		data: func(_, contact string) testkit.Object {
			return testkit.ContactData(contact, "Kay", "nothing@example.com")
		}},
	{name: "no-email", fact: events.ContactUpserted, one: "email_missing",
		data: func(_, contact string) testkit.Object { return testkit.ContactData(contact, "Kay", "") }},
}

// withoutServer waits until the breaker has stopped both lanes and every earlier attempt has ended. Claims after that
// see all facts that are applied now.
func (r *rig) withoutServer() {
	r.TB.Helper()
	testenv.Eventually(r.TB, time.Minute, func() error {
		return r.Alone(func(tx pgx.Tx) error {
			var sending int
			if err := tx.QueryRow(r.Ctx, `SELECT count(*) FROM invites WHERE state = 'sending'`).Scan(&sending); err != nil {
				return err
			}
			if sending > 0 || r.Log.Lines("takes no mail") == 0 {
				return fmt.Errorf("%d invites are on their way", sending)
			}
			return nil
		})
	})
}

// While the mail server is down, invites wait. A fact that comes meanwhile overrules the earlier decision.
func TestAFactThatOvertakesAQueuedInviteWins(t *testing.T) {
	t.Parallel()
	for _, lane := range []string{"individual", "bulk"} {
		t.Run(lane, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.Mailbox.Down()
			r.StartBoth()
			r.UpsertFirm()
			for _, o := range overtakings {
				r.UpsertContact(o.name, "Kay "+o.name, o.name+"@example.com")
				r.UpsertClient("c-"+o.name, "*"+o.name)
				if lane == "individual" {
					r.Invite("c-"+o.name, testkit.Contact(o.name))
				}
			}
			if lane == "bulk" {
				r.Publish(events.BulkInviteRequested, testkit.BulkAll())
			}
			r.Decided(len(overtakings))
			for _, o := range overtakings {
				if o.fact != "" {
					r.Publish(o.fact, o.data("c-"+o.name, o.name))
				}
			}
			r.Handled(events.FactsDurable)
			r.withoutServer()
			r.Mailbox.Up()
			r.Settled()

			newest := r.Newest()
			var mailed []string
			for _, m := range r.Mailbox.Messages() {
				mailed = append(mailed, strings.ToLower(m.To[0]))
			}
			for _, o := range overtakings {
				want := o.one
				if lane == "bulk" && o.bulk != "" {
					want = o.bulk
				}
				got := newest["c-"+o.name+"/"+o.name]
				if got.Reason != want || got.Revision != 1 || (want == "") != (got.Type == events.InviteSent) {
					t.Errorf("%s: %s %s in revision %d, want %q", o.name, got.Type, got.Reason, got.Revision, want)
				}
				if o.mailedTo != "" && !slices.Contains(mailed, o.mailedTo) {
					t.Errorf("%s: nothing was sent to %s, but to %v", o.name, o.mailedTo, mailed)
				}
				if o.name == "removed" && !slices.ContainsFunc(
					got.Reasons, func(r testkit.Reason) bool { return r.Code == "access_removed" }) {
					t.Errorf("a removal that overtook an invite is not among its reasons: %+v", got.Reasons)
				}
			}
			if len(mailed) != 2 {
				t.Errorf("mails went to %v", mailed)
			}
			// The old login of the person whose email changed is free, and so is the login of a skipped invite.
			r.UpsertContact("heir1", "Heir", "moved@example.com")
			r.UpsertContact("heir2", "Heir", "took-taken@example.com")
			r.UpsertClient("c-heirs", "*heir1", "*heir2")
			r.Invite("c-heirs", testkit.Contact("heir1"), testkit.Contact("heir2"))
			r.Settled()
			if newest := r.Newest(); newest["c-heirs/heir1"].Type != events.InviteSent ||
				newest["c-heirs/heir2"].Type != events.InviteSent {
				t.Errorf("the freed logins: %s, %s", newest["c-heirs/heir1"].Raw, newest["c-heirs/heir2"].Raw)
			}
			// Each is logged once, however many mails waited and however often they were tried.
			if away, back := r.Log.Lines("takes no mail"), r.Log.Lines("accepts connections again"); away != 1 || back != 1 {
				t.Errorf("the log says %d times that the server takes no mail, and %d times that it is back; want 1", away, back)
			}
		})
	}
}
