package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// requestsOf returns a request of every type about a client and its contact.
func requestsOf(client, contact string) map[events.Type]testkit.Object {
	named := func() testkit.Object { return testkit.InviteData(client, testkit.Contact(contact)) }
	item := testkit.Object{"id": "i-" + client, "name": "Petition of " + client, "title": "Petition of " + client}
	return map[events.Type]testkit.Object{
		events.InviteRequested:        named(),
		events.FileShared:             testkit.With(named(), "file", item),
		events.EsignRequested:         testkit.With(named(), "esign", item),
		events.ClientRequestSent:      testkit.With(named(), "request", item),
		events.ClientSurveySent:       testkit.With(named(), "survey", item),
		events.InviteResendRequested:  named(),
		events.AccessRemovalRequested: named(),
		events.BulkInviteRequested:    testkit.BulkOf(client),
		events.ReplayRequested:        testkit.Replay(testkit.Object{"client_ids": []string{client}}),
	}
}

// A request under the source and id of another request becomes a dead letter that names both. Whatever the two types
// are, nobody reads what is another's, and nothing is ignored without a word.
func TestAnIDThatIsUsedTwiceIsADeadLetter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Office(3)
	first, second := requestsOf("c0", "k0"), requestsOf("c1", "k1")
	type pair struct{ first, second events.Type }
	var pairs []pair
	for a := range first {
		for b := range second {
			pairs = append(pairs, pair{a, b})
		}
	}
	for _, p := range pairs {
		r.PublishAs(fmt.Sprint(p), p.first, first[p.first])
	}
	r.StartBoth()
	r.Settled()
	before, outcomes := r.State(), len(r.Published())
	if letters := r.letterReasons(); len(letters) != 0 {
		t.Fatalf("before an id is used twice, there are dead letters: %v", letters)
	}
	for _, p := range pairs {
		r.PublishAs(fmt.Sprint(p), p.second, second[p.second])
	}
	r.Settled()
	letters := r.letterReasons()
	for _, p := range pairs {
		reason := letters[fmt.Sprint(p)]
		for _, says := range []string{
			"ce-id: this ce-source and ce-id are those of another request: " + string(p.first) + " at sequence ",
			"This one is " + string(p.second) + " at sequence ",
			"They differ in ",
		} {
			if !strings.Contains(reason, says) {
				t.Errorf("%v: the dead letter says %q, want %q in it", p, reason, says)
			}
		}
		if strings.Contains(reason, "Petition") {
			t.Errorf("%v: the reason has a value: %q", p, reason)
		}
	}
	if after, n := r.State(), len(r.Published()); after != before || n != outcomes || len(letters) != len(pairs) {
		t.Errorf("the second requests changed something: %+v, before %+v; %d outcomes, before %d; %d letters for %d pairs",
			after, before, n, outcomes, len(letters), len(pairs))
	}
}

// letterReasons returns the reasons of all dead letters, by the ids of their events.
func (r *rig) letterReasons() map[string]string {
	r.TB.Helper()
	return testkit.Query[map[string]string](r.Scene,
		`SELECT coalesce(jsonb_object_agg(event_id, reason), '{}') FROM dead_letters`)
}

// A copy of a request is the same request, also with its fields in another order, or with a field that nobody knows.
// Every field that is read tells two requests apart, whether the first one is final or can still be decided again.
func TestOnlyWhatIsReadTellsTwoRequestsApart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Office(3)
	r.UpsertContact("nomail", "No Mail", "")
	r.UpsertClient("c9", "*nomail", "k1")
	const format = `{"client_id": "c9", "recipients": [{"contact_id": "%s"}], "requested_by": "Maria",
		"message": {"text": "Hello"}, "file": {"id": "F", "name": "%s"}}`
	subject, err := events.Subject(r.Firm, events.FileShared)
	r.Must(err)
	publish := func(id, data string) {
		msg := r.Message(id, time.Now(), events.FileShared, testkit.Object{})
		msg.Subject, msg.Data = subject, []byte(data)
		r.PublishAll(msg)
	}
	who := map[string]string{"final": "k1", "fixable": "nomail"}
	for id, contact := range who {
		publish(id, fmt.Sprintf(format, contact, "Return"))
	}
	r.StartBoth()
	r.Settled()
	before := r.State()
	for id, contact := range who {
		publish(id, fmt.Sprintf(format, contact, "Return"))
		publish(id, fmt.Sprintf(`{"file": {"name": "Return", "id": "F", "size": 5}, "x": null, "requested_by": "Maria",
			"message": {"text": "Hello"}, "recipients": [{"contact_id": %q}], "client_id": "c9"}`, contact))
	}
	r.Settled()
	if letters := r.DeadLetters(); len(letters) != 0 || r.State() != before {
		t.Errorf("copies are taken for other requests: %v", letters)
	}
	others := 0
	for id, contact := range who {
		for _, change := range [][2]string{
			{`"Return"`, `"Another return"`}, {`"Hello"`, `"Good bye"`}, {`"Maria"`, `"Bob"`}, {`"F"`, `"G"`},
			{`"` + contact + `"`, `"k2"`}, {`"c9"`, `"c0"`},
		} {
			publish(id, strings.Replace(fmt.Sprintf(format, contact, "Return"), change[0], change[1], 1))
			others++
		}
	}
	r.Settled()
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM dead_letters`); n != others || r.State() != before {
		t.Errorf("%d of %d other requests became dead letters: %v", n, others, r.DeadLetters())
	}
}

// Both requests may come in one batch. The first one counts.
func TestAnIDThatIsUsedTwiceInOneBatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Office(10)
	for i := range 9 {
		client, contact := fmt.Sprint("c", i), fmt.Sprint("k", i)
		r.PublishAs("same", events.InviteRequested, testkit.InviteData(client, testkit.Contact(contact)))
	}
	r.Invite("c9", testkit.Contact("k9"))
	r.StartBoth()
	r.Settled()
	sent := r.Published(events.InviteSent)
	if len(sent) != 2 || r.State().Mails != 2 {
		t.Errorf("%d invites were sent, want those of c0 and c9", len(sent))
	}
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM dead_letters WHERE event_id = 'same'`); n != 8 {
		t.Errorf("%d dead letters, want 8", n)
	}
}
