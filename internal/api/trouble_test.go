package api

import (
	"testing"

	"portal-invites/internal/events"
)

// Operators ask which firms have trouble. Each number is the firm's own, and a firm can't ask.
func TestHowAllFirmsAre(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.firm("quiet")
	r.firm("zenith")
	r.publish("zenith", events.InviteRequested, object{"client_id": "c1"})
	r.publish("zenith", events.InviteRequested, object{"client_id": "c2"})
	r.mailbox.Refuse("dana@example.com", 550, [3]int{5, 1, 1}, "no such user")
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	r.settled()
	_, err := r.db.Exec(r.ctx, `INSERT INTO mail_failures (firm_id, invite_id, nonce, kind, sender, mailed_at)
		VALUES ('zenith', gen_random_uuid(), 1, 'complaint', '', now()),
			('zenith', gen_random_uuid(), 1, 'complaint', '', now() - interval '2 days')`)
	r.must(err)
	ask := func(limit int) TroubleAnswer {
		t.Helper()
		answer, err := r.client.Trouble(r.ctx, EveryFirm, TroubleRequest{Limit: limit})
		r.must(err)
		return answer
	}
	all := ask(0)
	if len(all.Firms) != 2 || all.More {
		t.Fatalf("%+v", all)
	}
	zenith, ours := all.Firms[0], all.Firms[1]
	if zenith != (FirmNow{FirmID: "zenith", Name: "Acme CPA", Trouble: 3, DeadLetters: 2, Complaints: 1}) {
		t.Errorf("%+v", zenith)
	}
	if ours != (FirmNow{FirmID: acme, Name: "Acme CPA", Trouble: 1, Failed: 1}) {
		t.Errorf("%+v", ours)
	}
	if first := ask(1); len(first.Firms) != 1 || !first.More {
		t.Errorf("one firm: %+v", first)
	}
	_, err = r.client.Trouble(r.ctx, acme, TroubleRequest{})
	refused(t, err, 400, "firm: operators ask about all firms")
	_, err = r.client.Trouble(r.ctx, EveryFirm, TroubleRequest{Limit: 1001})
	refused(t, err, 400, "limit: ")
	_, err = r.client.Runs(r.ctx, EveryFirm, RunsRequest{})
	refused(t, err, 400, "firm: runs takes one firm")
	if _, err := r.client.Runs(r.ctx, "_mine", RunsRequest{}); err == nil {
		t.Error("a firm id that begins with _ was taken")
	}
}
