package ctl

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// daysNamed replaces dates with names, so that a test can compare whole sentences on any day.
func daysNamed(begun time.Time, text string) string {
	date := func(days int) string { return begun.UTC().AddDate(0, 0, days).Format("January 2, 2006") }
	return strings.NewReplacer(date(0), "TODAY", date(1), "TODAY", date(30), "IN 30 DAYS", date(31),
		"IN 30 DAYS").Replace(text)
}

// statusText is what the command says about one person: everything before the fields, with spaces for line breaks.
func (r *rig) statusText(begun time.Time, args ...string) string {
	r.t.Helper()
	words, _, _ := strings.Cut(r.ok(append([]string{"status", "--firm", firm}, args...)...), "\n\n")
	return daysNamed(begun, strings.Join(strings.Fields(words), " "))
}

// reads waits until the command says exactly this about Dana Wu on Blue Bottle. The service must use the same words.
func (r *rig) reads(begun time.Time, label, text string) api.Status {
	r.t.Helper()
	want := "P-2 Dana Wu on C-1 Blue Bottle LLC: " + label + " " + text
	testenv.Eventually(r.t, wait, func() error {
		if said := r.statusText(begun, "--client", "C-1", "--contact", "P-2"); said != want {
			return fmt.Errorf("status says\n%s\nand not\n%s", said, want)
		}
		return nil
	})
	answer, err := api.NewClient(r.js.Conn()).Status(r.ctx, firm, api.StatusRequest{ClientID: "C-1", ContactID: "P-2"})
	r.must(err)
	s := answer.Statuses[0]
	answered := strings.Join(append([]string{s.Sentence}, s.Remedies...), " → ")
	if daysNamed(begun, s.Label) != label || daysNamed(begun, answered) != text {
		r.t.Errorf("the service answers %q, %q and not %q, %q", s.Label, answered, label, text)
	}
	return s
}

func (r *rig) danas(t events.Type) {
	r.publish(t, object{"client_id": "C-1", "recipients": []object{{"contact_id": "P-2"}}, "requested_by": "Maria Lopez"})
}

// openLink opens the link of the newest mail, as Dana's click does.
func (r *rig) openLink(mails int) {
	r.t.Helper()
	messages, err := r.mailbox.Wait(r.ctx, mails)
	r.must(err)
	token := regexp.MustCompile(`/invite/([A-Za-z0-9_.-]+)`).FindStringSubmatch(messages[mails-1].Text)
	answer, err := api.NewClient(r.js.Conn()).Redeem(r.ctx, firm, api.RedeemRequest{Token: token[1]})
	r.must(err)
	if answer.Result != api.Opened {
		r.t.Fatalf("the link is %s", answer.Result)
	}
}

// The words of the office after each step of a person's life with a portal.
func TestStatusTellsAWholeLife(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, app.Invites{TTL: 720 * time.Hour, Cooldown: 0, OnUnknown: "resend"})
	begun := time.Now()
	r.office()
	r.applied()

	r.reads(begun, "no invite sent", "No invite has been sent to Dana Wu for the portal of Blue Bottle LLC.")

	r.bulk()
	r.reads(begun, "no invite sent", "No invite has been sent to Dana Wu for the portal of Blue Bottle LLC. "+
		"The last request, of TODAY, was not sent: Bulk invites go to Primary contacts only, and Dana Wu is not Primary on "+
		"Blue Bottle LLC. "+
		"→ Mark Dana Wu as Primary on Blue Bottle LLC, or send an individual invite.")

	sent := len(r.mailbox.Messages())
	r.mailbox.Down()
	r.danas(events.InviteRequested)
	r.reads(begun, "invite waiting to be sent",
		"An invite for Dana Wu to the portal of Blue Bottle LLC was asked for on TODAY and is waiting to be sent. "+
			"The mail server has not taken it yet; it is tried again by itself.")

	r.mailbox.Up()
	invited := "Dana Wu was invited to the portal of Blue Bottle LLC on TODAY and has not logged in yet. " +
		"The invite went to d•••@x.example and is valid until IN 30 DAYS."
	r.reads(begun, "invited on TODAY", invited)

	r.danas(events.InviteRequested) // changes nothing: they are already invited
	r.skipped("already_invited")
	r.reads(begun, "invited on TODAY", invited)

	r.danas(events.InviteResendRequested)
	r.reads(begun, "invited on TODAY",
		"Dana Wu was invited to the portal of Blue Bottle LLC on TODAY, was reminded on TODAY and has not logged in yet. "+
			"The invite went to d•••@x.example and is valid until IN 30 DAYS.")
	r.danas(events.InviteResendRequested)
	r.reads(begun, "invited on TODAY", "Dana Wu was invited to the portal of Blue Bottle LLC on TODAY, was reminded 2 "+
		"times, last on TODAY, and has not logged in yet. "+
		"The invite went to d•••@x.example and is valid until IN 30 DAYS.")

	r.openLink(sent + 3)
	active := "Dana Wu has access to the portal of Blue Bottle LLC and last logged in on TODAY."
	r.reads(begun, "last login on TODAY", active)
	r.danas(events.InviteResendRequested)
	r.reads(begun, "last login on TODAY", active+" They were sent a new link on TODAY.")
	r.openLink(sent + 4)
	r.reads(begun, "last login on TODAY", active)
	r.contact("P-2", "Dana Wu", "wu@new.example")
	r.reads(begun, "last login on TODAY", active+" Their email has changed since; they still log in with d•••@x.example. "+
		"→ Remove the portal access of Dana Wu, then invite them at w•••@new.example.")

	r.danas(events.AccessRemovalRequested)
	r.reads(begun, "access removed on TODAY",
		"The access of Dana Wu to the portal of Blue Bottle LLC was removed on TODAY. "+
			"→ Send a new invite if they should have access again.")

	r.danas(events.InviteRequested)
	again := r.reads(begun, "invited on TODAY",
		"Dana Wu was invited to the portal of Blue Bottle LLC on TODAY and has not logged in yet. "+
			"The invite went to w•••@new.example and is valid until IN 30 DAYS.")
	if again.State != api.Invited || again.Access.Reminders != 0 {
		t.Errorf("invited at the new address: %s with %d reminders", again.State, again.Access.Reminders)
	}
	r.contact("P-2", "Dana Wu", "dana@x.example")
	r.reads(begun, "access removed on TODAY",
		"The invite of Dana Wu to the portal of Blue Bottle LLC ended on TODAY, because their email was changed before they "+
			"had logged in. → Send a new invite. It goes to the new email.")
}

// skipped waits until Dana's newest invite is skipped for this reason.
func (r *rig) skipped(reason string) {
	r.t.Helper()
	testenv.Eventually(r.t, wait, func() error {
		answer, err := api.NewClient(r.js.Conn()).Status(r.ctx, firm, api.StatusRequest{ClientID: "C-1", ContactID: "P-2"})
		if err == nil && string(answer.Statuses[0].LastInvite.Reason) != reason {
			err = fmt.Errorf("the newest invite is %+v", answer.Statuses[0].LastInvite)
		}
		return err
	})
}

// The connection broke after the mail and before the reply. With hold, the office must learn what to do.
func TestStatusOfAHeldInviteSaysWhatToDo(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, app.Invites{TTL: 720 * time.Hour, Cooldown: 0, OnUnknown: "hold"})
	begun := time.Now()
	r.office()
	r.applied()
	r.mailbox.DropReplies(1)
	r.danas(events.InviteRequested)
	r.reads(begun, "invite waiting to be sent",
		"An invite for Dana Wu to the portal of Blue Bottle LLC was asked for on TODAY and is waiting to be sent. "+
			"The mail may have arrived already: the connection to the mail server was lost before it answered. It is held back "+
			"so that nobody gets it twice. "+
			"→ Ask Dana Wu whether it has arrived; its link works. If it has not, resend the invite.")
	mustHave(t, r.ok("status", "--firm", firm, "--contact", "P-2", "--attempts"),
		"next attempt none: it is held until somebody decides",
		"mail server no reply at body", "ATTEMPT AT (UTC) STAGE REPLY RESULT SAID 1 ", " body unknown ")

	r.danas(events.InviteResendRequested) // what the remedy says
	r.reads(begun, "invited on TODAY",
		"Dana Wu was invited to the portal of Blue Bottle LLC on TODAY, was reminded on TODAY and has not logged in yet. "+
			"The invite went to d•••@x.example and is valid until IN 30 DAYS.")
	r.openLink(2)
}

// A mail that is refused for good has the words and the remedy of its outcome.
func TestStatusOfAFailedInviteSaysWhatItsOutcomeSaid(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	begun := time.Now()
	r.office()
	r.applied()
	r.mailbox.Refuse("dana@x.example", 550, [3]int{5, 1, 1}, "no such user")
	j, err := r.conn().openJournal(r.ctx, from{now: true}, api.OutcomesRequest{Types: []events.Type{events.InviteFailed}})
	r.must(err)
	r.danas(events.InviteRequested)
	var failed events.Failed
	r.must(j.read(r.ctx, true, func(o outcome) error {
		r.must(json.Unmarshal(o.Raw, &failed))
		return errEnough
	}))
	if failed.Explanation == "" || failed.Remedy == "" {
		t.Fatalf("the outcome says nothing: %+v", failed)
	}
	r.reads(begun, "no invite sent", "No invite has been sent to Dana Wu for the portal of Blue Bottle LLC. "+
		"The mail of TODAY could not be delivered: "+failed.Explanation+" → "+failed.Remedy)
	mustHave(t, r.ok("status", "--firm", firm, "--contact", "P-2", "--attempts"), "outcome failed",
		"mail server 550 5.1.1 at rcpt", "rcpt 550 5.1.1 refused no such user")
}
