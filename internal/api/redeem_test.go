package api

import (
	"errors"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/rules"
)

var tokenInMail = regexp.MustCompile(`/invite/([A-Za-z0-9_.-]+)`)

// token returns the token of the link of an invite.
func (r *rig) token(invite string) string {
	r.t.Helper()
	var nonce int64
	r.must(r.db.QueryRow(r.ctx, `SELECT nonce FROM invites WHERE invite_id = $1`, invite).Scan(&nonce))
	return r.keys.Token(uuid.MustParse(invite), nonce)
}

func (r *rig) inviteOf(client, contact string) string {
	r.t.Helper()
	status, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: client, ContactID: contact})
	r.must(err)
	return status.Statuses[0].LastInvite.InviteID.String()
}

// redeem peeks at a link, opens it, and checks that both answers agree.
func (r *rig) redeem(firm, token string) RedeemAnswer {
	r.t.Helper()
	predicted, err := r.client.Redeem(r.ctx, firm, RedeemRequest{Token: token, Peek: true})
	r.must(err)
	answer, err := r.client.Redeem(r.ctx, firm, RedeemRequest{Token: token})
	r.must(err)
	want := rules.Email{Normal: answer.Email}.Masked()
	if predicted.EmailMasked != want || predicted.Email != "" {
		r.t.Errorf("a peek says %+v, want %s", predicted, want)
	}
	predicted.Email, predicted.EmailMasked, predicted.InviteID = answer.Email, "", answer.InviteID
	if predicted != answer {
		r.t.Errorf("a peek says %+v, and redeeming %+v", predicted, answer)
	}
	return answer
}

func TestRedeemOpensTheLinkOfAMail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	r.settled()
	token := r.token(r.inviteOf("c1", "dana"))
	if in := tokenInMail.FindStringSubmatch(r.mailbox.Messages()[0].Text); in == nil || in[1] != token {
		t.Errorf("the mail has the token %q", in)
	}

	if other := r.redeem("other", token); other != (RedeemAnswer{Result: LinkInvalid}) {
		t.Errorf("for another firm: %+v", other)
	}
	if _, err := r.client.Redeem(r.ctx, acme, RedeemRequest{Token: token, Peek: true}); err != nil {
		t.Error(err)
	}
	if status, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1", ContactID: "dana"}); err != nil ||
		status.Statuses[0].State != Invited {
		t.Errorf("after a peek: %v, %+v", err, status)
	}
	first := r.redeem(acme, token)
	if !first.First || first.Result != Opened || first.ClientID != "c1" || first.ClientName != "Client c1" ||
		first.ContactID != "dana" ||
		first.Email != "dana@example.com" || first.Name != "Dana Wu" {
		t.Errorf("opened: %+v", first)
	}
	again := r.redeem(acme, token)
	if again.First || again.Result != Opened || again.ContactID != "dana" {
		t.Errorf("again: %+v", again)
	}
	r.settled()
	if n := r.published(events.InviteAccepted); n != 1 {
		t.Errorf("%d InviteAccepted", n)
	}
	status, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1", ContactID: "dana"})
	r.must(err)
	if status.Statuses[0].State != Active {
		t.Errorf("after it: %+v", status.Statuses[0])
	}
}

func TestRedeemSaysWhyALinkOpensNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	r.settled()
	invite := r.inviteOf("c1", "dana")
	token := r.token(invite)
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := r.db.Exec(r.ctx, sql, args...)
		r.must(err)
	}

	forged := []byte(token)
	forged[len(forged)-2] ^= 1
	for _, bad := range []string{string(forged), "nonsense", "k1.", token + "A", r.keys.Token(uuid.New(), 1)} {
		if got := r.redeem(acme, bad); got != (RedeemAnswer{Result: LinkInvalid}) {
			t.Errorf("%q: %+v", bad, got)
		}
	}
	// A resend is another mail with another link.
	exec(`UPDATE access SET mailed_at = mailed_at - interval '1 hour'`)
	r.publish(acme, events.InviteResendRequested, named("c1", "dana"))
	r.settled()
	if got := r.redeem(acme, token); got.Result != LinkReplaced || got.ClientID != "" ||
		got.NewestMasked != "d•••@example.com" || time.Since(got.NewestSentAt) > time.Hour {
		t.Errorf("after a resend: %+v", got)
	}
	newest := r.token(r.inviteOf("c1", "dana"))
	exec(`UPDATE access SET expires_at = now() - interval '1 second'`)
	if got := r.redeem(acme, newest); got.Result != LinkExpired {
		t.Errorf("expired: %+v", got)
	}
	r.settled()
	if got := r.redeem(acme, newest); got.Result != LinkExpired {
		t.Errorf("expired, and reported: %+v", got)
	}
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	r.settled()
	last := r.token(r.inviteOf("c1", "dana"))
	if got := r.redeem(acme, newest); got.Result != LinkReplaced {
		t.Errorf("invited again: %+v", got)
	}
	r.publish(acme, events.AccessRemovalRequested, named("c1", "dana"))
	r.settled()
	if got := r.redeem(acme, last); got.Result != AccessIsRemoved {
		t.Errorf("removed: %+v", got)
	}
	if n := r.published(events.InviteAccepted); n != 0 {
		t.Errorf("%d InviteAccepted for links that opened nothing", n)
	}
}

// Two processes get many calls at once. Exactly one of the calls is the first redemption.
func TestSeveralRedemptionsAtOnceAreOneAcceptance(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.serve(pipeline.NewInviteWorker)
	r.office()
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	r.settled()
	token := r.token(r.inviteOf("c1", "dana"))
	answers := make(chan RedeemAnswer, linkBurst)
	var asking sync.WaitGroup
	for range cap(answers) {
		asking.Go(func() {
			answer, err := r.client.Redeem(r.ctx, acme, RedeemRequest{Token: token})
			if err != nil {
				t.Error(err)
			}
			answers <- answer
		})
	}
	asking.Wait()
	close(answers)
	first := 0
	for answer := range answers {
		if answer.Result != Opened {
			t.Errorf("%+v", answer)
		}
		if answer.First {
			first++
		}
	}
	r.settled()
	if n := r.published(events.InviteAccepted); first != 1 || n != 1 {
		t.Errorf("%d were the first, and %d InviteAccepted", first, n)
	}
}

func TestRedeemAfterTheEmailHasChangedOpensTheOldLogin(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	r.settled()
	token := r.token(r.inviteOf("c1", "dana"))
	r.redeem(acme, token)
	r.contact("dana", "Dana Wu", "new@example.com")
	r.settled()
	if got := r.redeem(acme, token); got.Email != "dana@example.com" {
		t.Errorf("%+v", got)
	}
	var until time.Time
	r.must(r.db.QueryRow(r.ctx, `SELECT held_until FROM logins WHERE email = 'dana@example.com'`).Scan(&until))
	if until.Year() != 9999 {
		t.Errorf("the login is reserved until %s", until)
	}
}

func TestRedeemSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	_, err := r.client.Redeem(r.ctx, acme, RedeemRequest{})
	refused(t, err, 400, "token: missing")
	_, err = r.client.Redeem(r.ctx, acme, RedeemRequest{Token: string(make([]byte, 513))})
	refused(t, err, 400, "token: is longer")
	_, err = r.client.Redeem(r.ctx, "a.b", RedeemRequest{Token: "x"})
	if err == nil || errors.As(err, new(*Error)) {
		t.Errorf("a firm that can't be part of a subject: %v", err)
	}
}
