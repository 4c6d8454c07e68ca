package ctl

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

func TestLinkSaysWhatItWouldOpen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.bulk()
	mails, err := r.mailbox.Wait(r.ctx, 2)
	r.must(err)
	link := regexp.MustCompile(`https?://\S+/invite/[A-Za-z0-9_.-]+`).FindString(mails[0].Text)
	token := link[strings.LastIndex(link, "/")+1:]
	ask := func(stdin string, args ...string) string {
		t.Helper()
		s := r.ctlWith(r.ctx, stdin, append([]string{"link", "--firm", firm}, args...)...)
		if s.code != 0 || strings.Contains(s.out+s.err, token) {
			t.Errorf("exit code %d: %s", s.code, strings.ReplaceAll(s.out+s.err, token, "(the token)"))
		}
		return s.out
	}
	for _, copied := range []string{link, token, link + "?utm=1", "<" + link + ">.\n", link[:30] + "\r\n" + link[30:]} {
		mustHave(t, ask(copied), "This link opens the portal of ", "•••@x.example), who has not logged in yet.")
	}
	mustHave(t, ask("", link), "who has not logged in yet.") // asking does not count as logging in

	var answer api.RedeemAnswer
	r.must(json.Unmarshal([]byte(ask(link, "-o", "json")), &answer))
	if answer.Result != api.Opened || !answer.First || answer.Email != "" || answer.EmailMasked == "" {
		t.Errorf("%+v", answer)
	}
	_, err = api.NewClient(r.js.Conn()).Redeem(r.ctx, firm, api.RedeemRequest{Token: token})
	r.must(err)
	mustHave(t, ask(token), "who has logged in before.")
	mustHave(t, ask("https://portal.example/invite/k1.nonsense"), "This is not a valid link of this firm")
	r.publish(events.ClientRemoved, map[string]any{"client_id": answer.ClientID})
	testenv.Eventually(t, wait, func() error {
		if out := ask(link); !strings.Contains(out, "was removed") {
			return errors.New(out)
		}
		return nil
	})

	for _, wrong := range []string{"", " \n", "https://portal.example/", strings.Repeat("x", longestLink+1)} {
		if s := r.ctlWith(r.ctx, wrong, "link", "--firm", firm); s.code != app.ExitUsage ||
			!strings.Contains(s.err, "link: ") {
			t.Errorf("%.10q: exit code %d: %s", wrong, s.code, s.err)
		}
	}
}

func TestEveryResultOfALinkHasASentence(t *testing.T) {
	t.Parallel()
	for result, want := range map[api.Redemption]string{
		api.LinkExpired: "has expired", api.LinkReplaced: "newest mail", api.AccessIsRemoved: "was removed",
		api.LinkInvalid: "not a valid link of this firm", api.AccessSuspended: "opens nothing for now",
		"burnt": "burnt",
	} {
		if got := linkSentence(api.RedeemAnswer{Result: result}); !strings.Contains(got, want) {
			t.Errorf("%s: %s", result, got)
		}
	}
	got := linkSentence(api.RedeemAnswer{
		Result: api.LinkReplaced, NewestSentAt: time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC), NewestMasked: "d•••@x.example",
	})
	const want = "This link was replaced by the one in the newest mail, which left on 2026-03-02 09:30 UTC " +
		"for d•••@x.example. Ask them to look for the newest mail, or resend the invite."
	if got != want {
		t.Errorf("says\n%s\nwant\n%s", got, want)
	}
}
