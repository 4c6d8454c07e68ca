package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// expectStatus checks the status of Dana on c1.
func (r *rig) expectStatus(state State, says ...string) Status {
	r.t.Helper()
	r.settled()
	answer, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1", ContactID: "dana"})
	r.must(err)
	s := answer.Statuses[0]
	if len(answer.Statuses) != 1 || s.State != state {
		r.t.Errorf("%d statuses, the first is %s, want %s: %s", len(answer.Statuses), s.State, state, s.Sentence)
	}
	for _, part := range says {
		if !strings.Contains(s.Sentence, part) {
			r.t.Errorf("%s: the sentence is %q, without %q", state, s.Sentence, part)
		}
	}
	if strings.Contains(strings.ToLower(s.Sentence), "dana@example.com") {
		r.t.Errorf("a full email: %s", s.Sentence)
	}
	return s
}

func TestStatusFollowsALife(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	s := r.expectStatus(NoInviteSent, "No invite has been sent to Dana Wu for the portal of Client c1.")
	if s.Access != nil || s.LastInvite != nil {
		t.Errorf("never invited: %+v", s)
	}
	exec := func(sql string) {
		t.Helper()
		_, err := r.db.Exec(r.ctx, sql)
		r.must(err)
	}

	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	s = r.expectStatus(Invited, "Dana Wu was invited to the portal of Client c1 on ",
		"has not logged in yet. The invite went to d•••@example.com and is valid until ")
	if s.Access.LoginMasked != "d•••@example.com" || s.LastInvite.State != "sent" ||
		s.LastInvite.Cause.Type != events.InviteRequested || s.LastInvite.SentAt.IsZero() {
		t.Errorf("invited: %+v %+v", s.Access, s.LastInvite)
	}
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	if s = r.expectStatus(Invited); s.LastInvite.Reason != "already_invited" || strings.Contains(s.Sentence, "skipped") {
		t.Errorf("asked again: %s", s.Sentence)
	}
	exec(`UPDATE access SET invited_at = invited_at - interval '2 days', mailed_at = mailed_at - interval '2 days'`)
	r.publish(acme, events.InviteResendRequested, named("c1", "dana"))
	if s = r.expectStatus(Invited, ", was reminded on "); s.Access.Reminders != 1 ||
		!s.Access.RemindedAt.Equal(s.LastInvite.SentAt) {
		t.Errorf("reminded: %+v", s.Access)
	}

	if got := r.redeem(acme, r.token(r.inviteOf("c1", "dana"))); got.Result != Opened {
		t.Fatalf("redeemed: %+v", got)
	}
	s = r.expectStatus(Active, "Dana Wu has access to the portal of Client c1 and last logged in on ")
	if s.Access.LastLogin.IsZero() || !s.Access.ExpiresAt.IsZero() {
		t.Errorf("active: %+v", s.Access)
	}
	r.publish(acme, events.AccessRemovalRequested, named("c1", "dana"))
	r.expectStatus(Removed, "The access of Dana Wu to the portal of Client c1 was removed on ")

	r.contact("dana", "Dana Wu", "")
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	s = r.expectStatus(Removed, "was removed on", "was not sent: Dana Wu has no email address.")
	if len(s.Remedies) != 1 || s.Remedies[0] != "Add an email to Dana Wu." {
		t.Errorf("without an email: %q", s.Remedies)
	}
	r.contact("dana", "Dana Wu", "new@example.com")
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	if s = r.expectStatus(Invited); s.Access.LoginMasked != "n•••@example.com" {
		t.Errorf("at the new address: %+v", s.Access)
	}
	exec(`UPDATE access SET expires_at = now() - interval '1 second'`)
	r.expectStatus(Expired, "The invite of Dana Wu to the portal of Client c1 expired on ")
}

func TestStatusOfAMailThatDoesNotLeave(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.mailbox.Refuse("Dana@example.com", 550, [3]int{5, 1, 1}, "no such user")
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	s := r.expectStatus(NoInviteSent, "No invite has been sent",
		"could not be delivered: The mail server says that d•••@example.com gets no mail (550 5.1.1 no such user). "+
			"No more is sent there.")
	failure := s.LastInvite.Failure
	if s.LastInvite.State != "failed" || failure == nil || failure.EnhancedCode != "5.1.1" || len(s.Remedies) != 1 ||
		s.Remedies[0] != failure.Remedy {
		t.Errorf("failed: %+v with the remedies %q", s.LastInvite, s.Remedies)
	}
}

// The mail server accepted the mail, but its reply got lost. The mail is sent again, and the status says why.
func TestStatusOfAMailThatMayHaveArrivedTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.mailbox.DropReplies(1)
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	asked := StatusRequest{ClientID: "c1", ContactID: "dana", Attempts: true}
	var s Status
	until := func(says string) {
		t.Helper()
		testenv.Eventually(t, time.Minute, func() error {
			answer, err := r.client.Status(r.ctx, acme, asked)
			if err != nil {
				return err
			}
			if s = answer.Statuses[0]; !strings.Contains(s.Sentence, says) {
				return fmt.Errorf("the sentence is %q, without %q", s.Sentence, says)
			}
			return nil
		})
	}
	until("The mail may have arrived already: the connection to the mail server was lost before it answered. " +
		"It is sent once more")
	if s.State != Queued || s.LastInvite.UnknownAttempts != 1 || s.LastInvite.Held || s.LastInvite.NextAttempt.IsZero() {
		t.Errorf("waiting: %s, %+v", s.State, s.LastInvite)
	}
	_, err := r.db.Exec(r.ctx, `UPDATE invites SET next_attempt_at = now() WHERE state = 'queued'`)
	r.must(err)
	until("The mail may have arrived twice, with the same link in both")
	log := s.LastInvite.AttemptLog
	if s.State != Invited || len(log) != 2 || log[0].Verdict != "unknown" || log[0].Stage != "body" ||
		log[1].Verdict != "delivered" || log[1].SMTPCode != 250 {
		t.Fatalf("sent: %s, %+v", s.State, log)
	}
	for _, a := range log {
		if a.StartedAt.IsZero() || a.FinishedAt.Before(a.StartedAt) {
			t.Errorf("attempt %d from %s to %s", a.Number, a.StartedAt, a.FinishedAt)
		}
	}
	asked.Attempts = false
	if until("arrived twice"); s.LastInvite.AttemptLog != nil || s.LastInvite.Attempts != 2 {
		t.Errorf("attempts although the call did not ask for them: %+v", s.LastInvite)
	}
	if r.redeem(acme, r.token(s.LastInvite.InviteID.String())); len(r.mailbox.Messages()) != 2 {
		t.Errorf("%d mails", len(r.mailbox.Messages()))
	}
	if s = r.expectStatus(Active); strings.Contains(s.Sentence, "twice") {
		t.Errorf("after a login it no longer matters: %s", s.Sentence)
	}
}

func TestStatusFindsPeople(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.InviteRequested, object{"client_id": "c1", "requested_by": "Lee", "recipients": []object{
		{"contact_id": "dana"}, {"email": "max@example.com", "name": "Max"}, {"email": "nonsense", "name": "Nobody"},
	}})
	r.settled()
	who := func(request StatusRequest) string {
		t.Helper()
		answer, err := r.client.Status(r.ctx, acme, request)
		r.must(err)
		var list []string
		for _, s := range answer.Statuses {
			list = append(list, s.ClientID+"/"+s.Person.Name+":"+string(s.State))
		}
		if answer.Next != "" {
			list = append(list, "…")
		}
		return strings.Join(list, " ")
	}
	for _, c := range []struct {
		want    string
		request StatusRequest
	}{
		{"c1/Dana Wu:invited c1/Lee Ray:no_invite_sent c1/Max:invited", StatusRequest{ClientID: "c1"}},
		{"c1/Dana Wu:invited …", StatusRequest{ClientID: "c1", Page: Page{Limit: 1}}},
		{"c1/Dana Wu:invited c3/Dana Wu:no_invite_sent", StatusRequest{ContactID: "dana"}},
		{"c1/Dana Wu:invited c2/Sam Ode:no_invite_sent c3/Dana Wu:no_invite_sent", StatusRequest{Email: " DANA@example.com"}},
		{"c3/Dana Wu:no_invite_sent", StatusRequest{Email: "dana@example.com", ClientID: "c3"}},
		{"c1/Max:invited", StatusRequest{Email: "max@example.com"}},
	} {
		if got := who(c.request); got != c.want {
			t.Errorf("%+v: %s, want %s", c.request, got, c.want)
		}
	}
	var walked []string
	for page := (Page{Limit: 1}); ; {
		answer, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1", Page: page})
		r.must(err)
		walked = append(walked, answer.Statuses[0].Person.Name)
		if page.Cursor = answer.Next; page.Cursor == "" || len(walked) > 3 {
			break
		}
	}
	if got := strings.Join(walked, ", "); got != "Dana Wu, Lee Ray, Max" {
		t.Errorf("page by page: %s", got)
	}
	var nobody string
	r.must(r.db.QueryRow(r.ctx, `SELECT invite_id::text FROM invites WHERE person = ''`).Scan(&nobody))
	if got := who(StatusRequest{InviteID: nobody}); got != "c1/Nobody:no_invite_sent" {
		t.Errorf("an invite for an invalid email: %s", got)
	}
	if got := who(StatusRequest{InviteID: r.inviteOf("c1", "dana")}); got != "c1/Dana Wu:invited" {
		t.Errorf("by invite: %s", got)
	}
	r.isolated()
}

// isolated checks that another firm sees nothing of this firm.
func (r *rig) isolated() {
	r.t.Helper()
	invite := r.inviteOf("c1", "dana")
	for _, request := range []StatusRequest{{ClientID: "c1"}, {ContactID: "dana"}, {InviteID: invite},
		{Email: "dana@example.com"}} {
		_, err := r.client.Status(r.ctx, "other", request)
		refused(r.t, err, 404, "")
	}
	answer, err := r.client.Explain(r.ctx, "other", ExplainRequest{
		ClientID: "c1", Recipients: []events.Recipient{{ContactID: "dana"}}})
	r.must(err)
	if e := answer.Recipients[0]; e.Reason != "firm_not_found" || len(e.Reasons) != 3 ||
		e.ClientName+e.Recipient.Name != "" {
		r.t.Errorf("explained to another firm: %+v", e)
	}
	runs, err := r.client.Runs(r.ctx, "other", RunsRequest{})
	r.must(err)
	letters, err := r.client.DeadLetters(r.ctx, "other", DeadLettersRequest{})
	r.must(err)
	if len(runs.Runs)+len(letters.Letters) != 0 {
		r.t.Errorf("another firm sees %d runs and %d letters", len(runs.Runs), len(letters.Letters))
	}
}

func TestStatusSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	for begins, request := range map[string]StatusRequest{
		"client_id: missing":           {},
		"invite_id: must be":           {InviteID: "x"},
		"invite_id: can't be combined": {InviteID: uuid.NewString(), ClientID: "c1"},
		"email: can't be combined":     {ContactID: "a", Email: "b@example.com"},
		"email: must have exactly":     {Email: "b"},
		"limit: ":                      {ClientID: "c1", Page: Page{Limit: -1}},
		"cursor: ":                     {ClientID: "c1", Page: Page{Cursor: "e30x"}},
	} {
		_, err := r.client.Status(r.ctx, acme, request)
		refused(t, err, 400, begins)
	}
	for begins, request := range map[string]StatusRequest{
		"client_id: ":  {ClientID: "nowhere"},
		"contact_id: ": {ContactID: "nobody"},
		"email: ":      {Email: "nobody@example.com"},
		"invite_id: ":  {InviteID: uuid.NewString()},
	} {
		_, err := r.client.Status(r.ctx, acme, request)
		refused(t, err, 404, begins)
	}
}

func TestTheLastLoginIsTheNewestOneReported(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	day := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	granted := func(at time.Time) {
		r.publish(acme, events.PortalAccessGranted, object{"client_id": "c1", "contact_id": "dana", "granted_at": at})
	}
	granted(day)
	if s := r.expectStatus(Active); !s.Access.LastLogin.Equal(day) {
		t.Errorf("after the first login: %s", s.Access.LastLogin)
	}
	granted(day.AddDate(0, 0, 3))
	granted(day.AddDate(0, 0, 1)) // reported later, about an earlier login
	if s := r.expectStatus(Active); !s.Access.LastLogin.Equal(day.AddDate(0, 0, 3)) {
		t.Errorf("after two more: %s", s.Access.LastLogin)
	}

	r.publish(acme, events.InviteResendRequested, named("c1", "dana"))
	r.settled()
	token := r.token(r.inviteOf("c1", "dana"))
	before := time.Now().Add(-time.Millisecond) // the database keeps microseconds
	r.redeem(acme, token)
	s := r.expectStatus(Active)
	if s.Access.LastLogin.Before(before) {
		t.Errorf("after a link was opened: %s", s.Access.LastLogin)
	}
	granted(time.Now().Add(time.Hour))
	soon := time.Now().Add(time.Minute) // the database's clock may be a little ahead
	if s = r.expectStatus(Active); s.Access.LastLogin.After(soon) {
		t.Errorf("a login was reported an hour ahead, and counts as %s, in the future", s.Access.LastLogin)
	}
	if n := r.published(events.InviteAccepted); n != 0 {
		t.Errorf("%d InviteAccepted for a person who was active", n)
	}
}

func TestStatusSaysWhatWasReported(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	r.expectStatus(Invited)
	report := func(kind, code, said string) {
		t.Helper()
		data := object{"kind": kind, "message_id": r.mailbox.Messages()[0].MessageID, "email": "dana@example.com",
			"at": "2026-03-02T09:30:00Z", "reporter": "ses"}
		if code != "" {
			data["code"], data["said"] = code, said
		}
		r.publish(acme, events.MailReported, data)
	}
	report("delayed", "", "")
	r.expectStatus(Invited, "The mail was not in the mailbox on March 2, 2026; a mail server still tries to deliver it.")
	report("delivered", "", "")
	got := r.expectStatus(Invited, "The mail was delivered on March 2, 2026.")
	if got.LastInvite.DeliveredAt.IsZero() || got.LastInvite.DelayedAt.IsZero() {
		t.Errorf("delivered: %+v", got.LastInvite)
	}
	report("complained", "", "")
	r.expectStatus(Invited, "Its reader reported the mail as spam on March 2, 2026.")
	report("bounced", "552 5.2.2", "The mailbox of dana@example.com is full, see https://portal.acme.example/invite/k1.x")
	got = r.expectStatus(NoInviteSent, "The invite of Dana Wu to the portal of Client c1 came back.",
		"The mail to d•••@example.com came back: the mailbox is full (552 5.2.2 The mailbox of d•••@example.com is full, "+
			"see https://portal.acme.example/…).")
	if got.Label != "invite came back" || got.LastInvite.Failure.Stage != "after" || len(got.Remedies) != 1 ||
		got.Remedies[0] != "Ask Dana Wu to make room or for another address, then replay." {
		t.Errorf("came back: %q, %+v, remedies %q", got.Label, got.LastInvite.Failure, got.Remedies)
	}
}
