package api

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
)

// held waits until a firm has n held invites, and lists them.
func (r *rig) held(firm string, n int) []HeldInvite {
	r.t.Helper()
	var list []HeldInvite
	testenv.Eventually(r.t, testenvPatience, func() error {
		answer, err := r.client.Held(r.ctx, firm, HeldRequest{})
		if list = answer.Invites; err == nil && len(list) != n {
			return errTooFew
		}
		return err
	})
	return list
}

func TestHeldInvitesAreListedAndRuledOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.onUnknown = pipeline.HoldUnknown
	r.start()
	r.office()
	r.mailbox.DropReplies(1)
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	first := r.held(acme, 1)[0]
	if first.FirmID != acme || first.ClientID != "c1" || first.ClientName != "Client c1" ||
		first.Recipient != (Person{"dana", "Dana Wu", "d•••@example.com"}) ||
		first.State != "queued" || first.Kind != "invite" || first.Lane != "individual" || first.Attempt != 1 ||
		first.MessageID == "" ||
		first.LostAt.IsZero() || first.Stage != "body" || first.Said == "" || first.Decision != "" || first.RunID != nil {
		t.Errorf("%+v", first)
	}
	r.mailbox.DropReplies(1)
	bulk := bulkOf("c3")
	r.publish(acme, events.BulkInviteRequested, bulk)
	second := r.held(acme, 2)[0]
	if second.ClientID != "c3" || second.RunID == nil || second.Lane != "bulk" {
		t.Errorf("the newest: %+v", second)
	}
	page, err := r.client.Held(r.ctx, acme, HeldRequest{Page: Page{Limit: 1}})
	r.must(err)
	rest, err := r.client.Held(r.ctx, acme, HeldRequest{Page: Page{Limit: 1, Cursor: page.Next}})
	r.must(err)
	if page.Invites[0].InviteID != second.InviteID || rest.Invites[0].InviteID != first.InviteID || rest.Next != "" {
		t.Errorf("pages: %+v, %+v", page, rest)
	}

	rule := func(action string, id uuid.UUID) HeldInvite {
		t.Helper()
		answer, err := r.client.Held(r.ctx, acme, HeldRequest{Action: action, ID: id.String(), By: "Kim"})
		r.must(err)
		return answer.Invites[0]
	}
	if d := rule(HeldArrived, first.InviteID); d.State != "sent" || d.Decision != HeldArrived || d.By != "Kim" ||
		d.DecidedAt.IsZero() {
		t.Errorf("arrived: %+v", d)
	}
	if d := rule(SendHeld, second.InviteID); d.InviteID != second.InviteID || d.Decision != SendHeld || d.Attempt != 1 {
		t.Errorf("sent again: %+v", d)
	}
	r.settled()
	if sent := r.published(events.InviteSent); sent != 2 {
		t.Errorf("%d InviteSent", sent)
	}
	r.held(acme, 0)
	decided, err := r.client.Held(r.ctx, acme, HeldRequest{State: HeldDecided})
	r.must(err)
	if list := decided.Invites; len(list) != 2 || list[0].InviteID != second.InviteID || list[0].State != "sent" ||
		list[1].InviteID != first.InviteID {
		t.Errorf("decided: %+v", decided)
	}
}

func TestHeldSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.onUnknown = pipeline.HoldUnknown
	r.start()
	r.office()
	r.mailbox.DropReplies(1)
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	id := r.held(acme, 1)[0].InviteID.String()
	for begins, request := range map[string]HeldRequest{
		"action: must be one of: list, send, arrived": {Action: "drop", ID: id, By: "Kim"},
		"id: must be an invite's id":                  {Action: SendHeld, ID: "1", By: "Kim"},
		"by: missing":                                 {Action: SendHeld, ID: id},
		"by: is longer than 300":                      {Action: SendHeld, ID: id, By: strings.Repeat("x", 301)},
		"state: must be one of: held, decided":        {State: "open"},
		"limit: ":                                     {Page: Page{Limit: -1}},
		"cursor: ":                                    {Page: Page{Cursor: "x"}},
	} {
		_, err := r.client.Held(r.ctx, acme, request)
		refused(t, err, 400, begins)
	}
	send := HeldRequest{Action: SendHeld, ID: id, By: "Kim"}
	_, err := r.client.Held(r.ctx, "other", send)
	refused(t, err, 404, "id: this firm has no such invite")
	_, err = r.client.Held(r.ctx, acme, HeldRequest{Action: SendHeld, ID: uuid.NewString(), By: "Kim"})
	refused(t, err, 404, "id: this firm has no such invite")
	_, err = r.client.Held(r.ctx, acme, send)
	r.must(err)
	send.Action = HeldArrived
	_, err = r.client.Held(r.ctx, acme, send)
	refused(t, err, 409, "id: this invite is not held any more: it is sent again, as decided on ")
	r.settled()

	r.publish(acme, events.InviteRequested, named("c3", "dana"))
	r.settled()
	var never string
	r.must(r.db.QueryRow(r.ctx, `SELECT invite_id::text FROM invites WHERE client_id = 'c3'`).Scan(&never))
	send.ID = never
	_, err = r.client.Held(r.ctx, acme, send)
	refused(t, err, 409, "id: this invite is not held: it is sent")
}
