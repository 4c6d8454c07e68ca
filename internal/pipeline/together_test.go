package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// Dana has three portals to open, and Lee has one. Each of them gets one reminder. Dana's names the other two portals,
// has one link, and is the reminder of all three. It says that her link is about to expire, and Lee's does not.
func TestAPersonIsRemindedOfAllPortalsTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	out := r.Outcomes()
	r.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "reminder_after", "72h"))
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertContact("lee", "Lee Ray", "lee@example.com")
	for _, client := range []string{"c1", "c2", "c3"} {
		r.UpsertClient(client, "*dana")
		r.Invite(client, testkit.Contact("dana"))
	}
	r.UpsertClient("c4", "*lee")
	r.Invite("c4", testkit.Contact("lee"))
	r.Await(out, 4, events.InviteSent)
	r.Settled()

	// c2 is due first. c1 is due now as well, and c3 in an hour.
	r.Exec(`UPDATE access SET mailed_at = mailed_at - CASE client_id
			WHEN 'c2' THEN interval '80 hours' WHEN 'c3' THEN interval '71 hours' ELSE interval '73 hours' END,
		expires_at = CASE client_id WHEN 'c2' THEN now() + interval '70 hours' ELSE expires_at END`)
	outcomes := r.Await(out, 4, events.InviteSent, events.InviteSkipped)
	lead, skipped := "", map[string]string{}
	for _, o := range outcomes {
		switch {
		case o.Type == events.InviteSent && o.ClientID == "c2":
			lead = o.InviteID
		case o.Type == events.InviteSkipped:
			skipped[o.ClientID] = o.Reason + " " + o.Reasons[0].InviteID
		}
	}
	for _, client := range []string{"c1", "c3"} {
		if skipped[client] != "reminded_together "+lead {
			t.Errorf("%s: %q, want reminded_together with the invite %s", client, skipped[client], lead)
		}
	}
	r.Settled()
	texts := map[string]string{}
	for _, m := range r.Mailbox.Messages()[4:] {
		texts[m.To[0]] = strings.Join(strings.Fields(m.Text), " ")
	}
	if len(texts) != 2 || len(r.Mailbox.Messages()) != 6 {
		t.Fatalf("%d mails to %d people, want one to each of two", len(r.Mailbox.Messages())-4, len(texts))
	}
	dana, lee := texts["dana@example.com"], texts["lee@example.com"]
	for _, part := range []string{"opened yet either: Client c1, Client c3 ", "expires within three days", "Client c2"} {
		if !strings.Contains(dana, part) {
			t.Errorf("the mail to Dana has no %q:\n%s", part, dana)
		}
	}
	if strings.Count(dana, "/invite/") != 1 {
		t.Errorf("the mail to Dana has %d links, want one:\n%s", strings.Count(dana, "/invite/"), dana)
	}
	if strings.Contains(lee, "three days") || strings.Contains(lee, "yet either") || !strings.Contains(lee, "reminder") {
		t.Errorf("the mail to Lee:\n%s", lee)
	}
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM access
		WHERE reminders = 1 AND reminded_at IS NOT NULL`); n != 4 {
		t.Errorf("%d portals count as reminded, want 4", n)
	}
}

// The mails wait for the mail server. Meanwhile Dana opens the portal of c2, and c3 is archived. Neither is named.
func TestAReminderNamesOnlyWhatIsStillToBeOpened(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	out := r.Outcomes()
	r.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "reminder_after", "72h"))
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	for _, client := range []string{"c1", "c2", "c3", "c4"} {
		r.UpsertClient(client, "*dana")
		r.Invite(client, testkit.Contact("dana"))
	}
	r.Await(out, 4, events.InviteSent)
	r.Settled()
	r.Mailbox.Down()
	r.Exec(`UPDATE access
		SET mailed_at = mailed_at - CASE client_id WHEN 'c1' THEN interval '80 h' ELSE interval '73 h' END`)
	r.Await(out, 3, events.InviteSkipped)
	r.Publish(events.PortalAccessGranted, testkit.Object{
		"client_id": "c2", "contact_id": "dana", "granted_at": time.Now()})
	r.Publish(events.ClientUpserted, testkit.With(testkit.ClientData("c3", "*dana"), "active", false))
	r.Handled(events.FactsDurable)
	r.Mailbox.Up()
	r.left(0)
	mails := r.Mailbox.Messages()
	text := strings.Join(strings.Fields(mails[len(mails)-1].Text), " ")
	if len(mails) != 5 || !strings.Contains(text, "opened yet either: Client c4 Open") {
		t.Errorf("%d mails, and the reminder is:\n%s", len(mails), text)
	}
}
