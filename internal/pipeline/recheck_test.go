package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// overtaken is what becomes known of contact k on client c while its invite is queued, and what must come of it.
type overtaken struct {
	name     string
	fact     events.Type
	data     func(client, contact string) object
	one      string // reason in the individual lane; empty: the mail goes out
	bulk     string // in the bulk lane, where it differs
	mailedTo string
}

var overtakings = []overtaken{
	{name: "nothing", mailedTo: "nothing@example.com"},
	{name: "removed", fact: events.ContactRemoved, one: "contact_not_found", bulk: "email_missing",
		data: func(_, contact string) object { return object{"contact_id": contact} }},
	{name: "suppressed", fact: events.EmailSuppressed, one: "email_suppressed",
		data: func(_, contact string) object { return object{"email": contact + "@example.com", "cause": "bounce"} }},
	{name: "archived", fact: events.ClientUpserted, one: "client_inactive",
		data: func(client, contact string) object { return with(clientData(client, "*"+contact), "active", false) }},
	{name: "client-gone", fact: events.ClientRemoved, one: "client_not_found",
		data: func(client, _ string) object { return object{"client_id": client} }},
	{name: "off-client", fact: events.ClientUpserted, one: "contact_not_on_client", bulk: "contact_not_primary",
		data: func(client, _ string) object { return clientData(client, "*somebody-else") }},
	{name: "logged-in", fact: events.PortalAccessGranted, one: "already_has_access",
		data: func(client, contact string) object {
			return object{"client_id": client, "contact_id": contact, "granted_at": "2026-01-02T03:04:05Z"}
		}},
	{name: "moved", fact: events.ContactUpserted, mailedTo: "moved.anew@example.com",
		data: func(_, contact string) object { return contactData(contact, "Kay", "Moved.Anew@example.com") }},
	{name: "took-taken", fact: events.ContactUpserted, one: "email_shared",
		data: func(_, contact string) object { return contactData(contact, "Kay", "nothing@example.com") }},
	{name: "no-email", fact: events.ContactUpserted, one: "email_missing",
		data: func(_, contact string) object { return contactData(contact, "Kay", "") }},
}

// withoutServer waits until the mail server was found to be away, and every claim from before has failed. Those that come later
// know what is known then.
func (r *rig) withoutServer() {
	r.t.Helper()
	testenv.Eventually(r.t, time.Minute, func() error {
		return r.alone(func(tx pgx.Tx) error {
			var sending int
			if err := tx.QueryRow(r.ctx, `SELECT count(*) FROM invites WHERE state = 'sending'`).Scan(&sending); err != nil {
				return err
			}
			if sending > 0 || r.log.Lines("takes no mail") == 0 {
				return fmt.Errorf("%d invites are on their way", sending)
			}
			return nil
		})
	})
}

// alone calls fn when every transaction that holds an invite is over, and before there is another one.
func (r *rig) alone(fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(r.ctx, r.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(r.ctx, `LOCK TABLE invites IN EXCLUSIVE MODE`); err != nil {
			return err
		}
		return fn(tx)
	})
}

// While the mail server is away invites wait, and what becomes known meanwhile wins over them.
func TestWhatOvertakesAQueuedInviteWins(t *testing.T) {
	t.Parallel()
	for _, lane := range []string{"individual", "bulk"} {
		t.Run(lane, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.mailbox.Down()
			r.startBoth()
			r.firm()
			for _, o := range overtakings {
				r.contact(o.name, "Kay "+o.name, o.name+"@example.com")
				r.client("c-"+o.name, "*"+o.name)
				if lane == "individual" {
					r.invite("c-"+o.name, contact(o.name))
				}
			}
			if lane == "bulk" {
				r.publish(events.BulkInviteRequested, bulkAll())
			}
			r.decided(len(overtakings))
			for _, o := range overtakings {
				if o.fact != "" {
					r.publish(o.fact, o.data("c-"+o.name, o.name))
				}
			}
			r.handled(events.FactsDurable)
			r.withoutServer()
			r.mailbox.Up()
			r.settled()

			standing := r.standing()
			var mailed []string
			for _, m := range r.mailbox.Messages() {
				mailed = append(mailed, strings.ToLower(m.To[0]))
			}
			for _, o := range overtakings {
				want := o.one
				if lane == "bulk" && o.bulk != "" {
					want = o.bulk
				}
				got := standing["c-"+o.name+"/"+o.name]
				if got.Reason != want || got.Revision != 1 || (want == "") != (got.Type == events.InviteSent) {
					t.Errorf("%s: %s %s in revision %d, want %q", o.name, got.Type, got.Reason, got.Revision, want)
				}
				if o.mailedTo != "" && !slices.Contains(mailed, o.mailedTo) {
					t.Errorf("%s: nothing was sent to %s, but to %v", o.name, o.mailedTo, mailed)
				}
				if o.name == "removed" && !slices.ContainsFunc(got.Reasons, func(r reason) bool { return r.Code == "access_removed" }) {
					t.Errorf("a removal that overtook an invite is not among its reasons: %+v", got.Reasons)
				}
			}
			if len(mailed) != 2 {
				t.Errorf("mails went to %v", mailed)
			}
			// The login that the mail moved away from is free, and so is that of the invite that was skipped.
			r.contact("heir1", "Heir", "moved@example.com")
			r.contact("heir2", "Heir", "took-taken@example.com")
			r.client("c-heirs", "*heir1", "*heir2")
			r.invite("c-heirs", contact("heir1"), contact("heir2"))
			r.settled()
			if standing := r.standing(); standing["c-heirs/heir1"].Type != events.InviteSent || standing["c-heirs/heir2"].Type != events.InviteSent {
				t.Errorf("the freed logins: %s, %s", standing["c-heirs/heir1"].Raw, standing["c-heirs/heir2"].Raw)
			}
			// However many mails waited, and however often they were tried.
			if away, back := r.log.Lines("takes no mail"), r.log.Lines("takes mail again"); away != 1 || back != 1 {
				t.Errorf("that the server is away was said %d times, and that it is back %d times", away, back)
			}
		})
	}
}
