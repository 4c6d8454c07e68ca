package ctl

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// nowHeld waits until n invites of the firm are held, and lists them.
func (r *rig) nowHeld(n int) []api.HeldInvite {
	r.t.Helper()
	var list []api.HeldInvite
	testenv.Eventually(r.t, wait, func() error {
		list = nil
		for row := range strings.Lines(r.ok("held", "--firm", firm, "-o", "json")) {
			var invite api.HeldInvite
			r.must(json.Unmarshal([]byte(row), &invite))
			list = append(list, invite)
		}
		if len(list) != n {
			return fmt.Errorf("%d are held, want %d", len(list), n)
		}
		return nil
	})
	return list
}

func TestHeld(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, app.Invites{TTL: 720 * time.Hour, Cooldown: 0, OnUnknown: "hold"})
	begun := time.Now()
	r.office()
	r.applied()
	mustHave(t, r.ctl("held", "--firm", firm).err, "No invite of firm acme is held.")
	mustHave(t, r.ctl("held", "--firm", firm, "--state", "decided").err, "No held invite of firm acme has been decided.")
	mustHave(t, r.ctl("held", "arrived", "--firm", firm, "--all").err, "No invite of firm acme is held.")

	r.mailbox.DropReplies(1)
	r.danas(events.InviteRequested)
	danas := r.nowHeld(1)[0].InviteID.String()
	mustHave(t, r.ok("held", "list", "--firm", firm), "INVITE SINCE (UTC) WHO CLIENT RUN SAID", danas[28:], "P-2 Dana Wu",
		"C-1 Blue Bottle", "the server closed")
	mustHave(t, r.ok("queue", "--firm", firm), "1 mail may or may not have arrived: somebody must decide",
		"See invitectl held.")
	mustHave(t, r.ok("held", "arrived", "--firm", firm, danas[28:], "--by", "Maria"), danas[28:], "arrived Maria")
	r.reads(begun, "invited on TODAY",
		"Dana Wu was invited to the portal of Blue Bottle LLC on TODAY and has not logged in yet. "+
			"The invite went to d•••@x.example and is valid until IN 30 DAYS. "+
			"At first nobody knew whether the mail had arrived: the connection to the mail server was lost before it answered.")

	// A ruling is made once. If one of the ids is unknown, no ruling is made.
	for _, c := range []struct{ id, says string }{
		{danas, danas + ": id: this invite is not held any more: it has arrived, as decided on "},
		{danas[28:], "there is no held invite that begins or ends with " + danas[28:]},
	} {
		if s := r.ctl("held", "send", "--firm", firm, c.id); s.code != app.ExitFailed || !strings.Contains(s.err, c.says) {
			t.Errorf("exit code %d: %s", s.code, s.err)
		}
	}
	mustHave(t, r.ok("held", "--firm", firm, "--state", "decided"), "INVITE DECIDED (UTC) WHO CLIENT DECISION BY",
		danas[28:], "arrived Maria")

	r.mailbox.DropReplies(2)
	r.danas(events.InviteResendRequested)
	r.publish(events.InviteRequested,
		object{"client_id": "C-1", "recipients": []object{{"contact_id": "P-1"}}, "requested_by": "Maria Lopez"})
	r.nowHeld(2)
	mustHave(t, r.ok("held", "send", "--firm", firm, "--all", "--by", "sam"), "P-1 Ada Li", "P-2 Dana Wu", "send", "sam")
	if _, err := r.mailbox.Wait(r.ctx, 5); err != nil {
		t.Error(err)
	}
	r.nowHeld(0)
}
