package api

import (
	"fmt"
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// Operators see each sender with its firms, what waits, and how many of its mails came back. A sender that a firm names
// and that nobody has configured is listed as well: its mails wait.
func TestHowAllSendersAre(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.firm("zenith")
	r.publish("south-cpa", events.FirmUpserted, object{
		"name": "South", "portal_url": "https://portal.south.example", "sender": "south"})
	r.publish("south-cpa", events.ContactUpserted, object{"contact_id": "p", "name": "Pia", "email": "pia@example.com"})
	r.publish("south-cpa", events.ClientUpserted, object{"client_id": "c", "kind": "individual", "name": "Pia",
		"contacts": []any{object{"contact_id": "p", "primary": true}}})
	r.publish("south-cpa", events.InviteRequested, named("c", "p"))
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	_, err := r.db.Exec(r.ctx, `INSERT INTO firm_mails (firm_id, hour, sender, mails)
		VALUES ('zenith', date_trunc('hour', now()), '', 200), ('zenith', now() - interval '3 days', '', 9999)`)
	r.must(err)
	_, err = r.db.Exec(r.ctx, `INSERT INTO mail_failures (firm_id, invite_id, nonce, kind, sender, mailed_at)
		VALUES ('zenith', gen_random_uuid(), 1, 'complaint', '', now()),
			('zenith', gen_random_uuid(), 1, 'bounce', '', now()),
			('zenith', gen_random_uuid(), 1, 'bounce', '', now() - interval '3 days')`)
	r.must(err)
	testenv.Eventually(t, testenvPatience, func() error {
		answer, err := r.client.Senders(r.ctx, EveryFirm, SendersRequest{})
		r.must(err)
		if len(answer.Senders) != 2 {
			return fmt.Errorf("%+v", answer)
		}
		ours, south := answer.Senders[0], answer.Senders[1]
		if ours.Sender == "" && ours.Configured && ours.From != "" && ours.Firms == 2 && ours.Mails == 201 &&
			ours.Bounces == 1 && ours.Complaints == 1 && ours.Queued == 0 &&
			south.Sender == "south" && !south.Configured && south.From == "" && south.Firms == 1 && south.Queued == 1 &&
			!south.OldestAt.IsZero() {
			return nil
		}
		return fmt.Errorf("%+v", answer)
	})
	_, err = r.client.Senders(r.ctx, acme, SendersRequest{})
	refused(t, err, 400, "firm: operators ask about all senders")
}
