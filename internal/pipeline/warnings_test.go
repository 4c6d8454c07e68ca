package pipeline_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// refuse publishes a fact that can't be read, and waits until it is on record as a dead letter.
func refuse(r *rig, fact events.Type, data testkit.Object) {
	r.TB.Helper()
	count := func() int { return testkit.Query[int](r.Scene, `SELECT count(*) FROM dead_letters`) }
	before := count()
	r.Publish(fact, data)
	testenv.Eventually(r.TB, time.Minute, func() error {
		if count() == before {
			return errors.New("there is no dead letter yet")
		}
		return nil
	})
}

// warningsOf returns the explanations of the warnings of an invite's newest outcome.
func warningsOf(r *rig, request string) (list []string) {
	r.TB.Helper()
	r.Settled()
	for _, o := range r.Newest() {
		if o.Cause.ID != request {
			continue
		}
		if strings.Contains(o.Raw, "dana@") {
			r.TB.Errorf("a full email: %s", o.Raw)
		}
		for _, w := range o.Warnings {
			list = append(list, w.About+": "+w.Explanation)
		}
	}
	return list
}

// The office corrects Dana's email, and the fact is refused for another field. The invite goes to the old email. Its
// outcome says so, until a newer fact can be read.
func TestADecisionSaysThatANewerFactWasRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartInvites()
	r.UpsertFirm()
	r.UpsertContact("dana", "Dana Wu", "dana@example.com")
	r.UpsertContact("lee", "Lee Ray", "lee@example.com")
	r.UpsertClient("c1", "*dana", "*lee")
	r.Settled()

	refuse(r, events.ContactUpserted, testkit.Object{"contact_id": "dana", "name": " ", "email": "dana@new.example"})
	const ofDana = "contact: A newer record of Dana Wu could not be read: name: is empty. This goes by the one before."
	if got := warningsOf(r, r.Invite("c1", testkit.Contact("dana"))); len(got) != 1 || got[0] != ofDana {
		t.Errorf("the invite that was sent: %q, want %q", got, ofDana)
	}
	if got := warningsOf(r, r.Invite("c1", testkit.Contact("dana"))); len(got) != 1 || got[0] != ofDana {
		t.Errorf("the invite that was skipped: %q, want %q", got, ofDana)
	}
	if got := warningsOf(r, r.Invite("c1", testkit.Contact("lee"))); len(got) != 0 {
		t.Errorf("the invite of somebody else: %q", got)
	}
	r.UpsertContact("dana", "Dana Wu", "dana@new.example")
	if got := warningsOf(r, r.Invite("c1", testkit.Contact("dana"))); len(got) != 0 {
		t.Errorf("after a newer record: %q", got)
	}

	refuse(r, events.ContactUpserted, testkit.Object{"contact_id": "joe", "name": "Joe", "email": 7})
	refuse(r, events.ClientUpserted, testkit.With(testkit.ClientData("c1"), "kind", "charity"))
	refuse(r, events.FirmUpserted, testkit.Object{"name": "Acme CPA", "portal_url": "http://portal.example"})
	got := warningsOf(r, r.Invite("c1", testkit.Contact("joe")))
	want := []string{
		"firm: A newer record of Acme CPA could not be read: portal_url: must be an https address",
		"client: A newer record of Client c1 could not be read: kind: must be one of: individual, business.",
		`contact: The record of the contact "joe" could not be read: email: must be a string, is a JSON number.`,
	}
	if len(got) != len(want) {
		t.Fatalf("of firm, client and an unknown contact: %q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("warning %d is\n  %s\nwant\n  %s", i, got[i], want[i])
		}
	}
}
