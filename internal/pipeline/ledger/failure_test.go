package ledger

import (
	"strings"
	"testing"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/wording"
)

// Recovery reads in the words of an outcome whether the address was suppressed. So the catalog's words must say it, and
// no other failure may.
func TestOnlyAMissingMailboxSaysThatNoMoreIsSent(t *testing.T) {
	t.Parallel()
	for which := range wording.English().Failures {
		explanation, _ := wording.English().Failure(which, &wording.Names{Email: "a•••@x.example"})
		if got, want := strings.HasSuffix(explanation, noMoreSent), which == "no_mailbox"; got != want {
			t.Errorf("%s says that no more is sent: %t, want %t: %s", which, got, want, explanation)
		}
	}
}

// Each failure has its words, and the catalog has no others.
func TestEveryFailureHasItsWords(t *testing.T) {
	t.Parallel()
	invite := store.Invite{Email: rules.Email{Normal: "ada@x.example"}}
	said := map[string]bool{}
	for _, a := range []store.Attempt{
		{Stage: "message", Said: "no portal"},
		{Stage: "rcpt", Verdict: "refused", SMTPCode: 550, Enhanced: "5.1.1"},
		{Stage: "body", Verdict: "refused", SMTPCode: 554, Enhanced: "5.7.1"},
		{Stage: "rcpt", Verdict: "retry", SMTPCode: 451},
		{Stage: "after", Enhanced: "5.7.1"},
		{Stage: "after", Enhanced: "5.1.1"},
		{Stage: "after", Enhanced: "5.2.2"},
	} {
		said[failureOf(a)] = true
		if explanation, remedy := FailureWords(a, invite); explanation == "" || remedy == "" {
			t.Errorf("%+v: %q → %q", a, explanation, remedy)
		}
	}
	for which := range wording.English().Failures {
		if !said[which] && which != "returned_providers_list" { // a provider says that in its own words
			t.Errorf("no failure is %s", which)
		}
	}
}
