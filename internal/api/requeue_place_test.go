package api

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// aLetter publishes an event with a time that is not valid, so it becomes the n-th dead letter. Then it corrects the
// letter, which stands for a version that can read it.
func (r *rig) aLetter(n int, typ events.Type, data any) DeadLetter {
	r.t.Helper()
	msg := r.scene().Event(typ, data)
	msg.Header.Set("ce-time", "later")
	msg.Header.Del(nats.MsgIdHdr)
	r.publishUnreadable(msg.Subject, msg.Header, msg.Data)
	list := r.letters(acme, n)
	letter := list[slices.IndexFunc(list, func(d DeadLetter) bool { return d.EventID == msg.Header.Get("ce-id") })]
	_, err := r.db.Exec(r.ctx, `UPDATE dead_letters
		SET headers = convert_to(replace(convert_from(headers, 'UTF8'), $1, $2), 'UTF8')`,
		"bGF0ZXI=", "MjAyNi0xMS0yMlQxMDozMDowMFo=") // later → 2026-11-22T10:30:00Z
	r.must(err)
	return letter
}

// requeued requeues a letter, waits until it is handled, and returns what the answer says about newer facts.
func (r *rig) requeued(letter DeadLetter) string {
	r.t.Helper()
	answer, err := r.client.DeadLetters(r.ctx, acme, DeadLettersRequest{
		Action: RequeueLetter, ID: letter.ID.String(), By: "Kim", Note: "fixed"})
	r.must(err)
	r.settled()
	return answer.Letters[0].Outdated
}

// Facts became dead letters and are requeued when newer ones are known. They change nothing, and the answer says so.
func TestRequeuedFactsAreNotNewer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	grant := testkit.Object{"client_id": "c1", "contact_id": "dana", "granted_at": time.Now()}
	email := r.aLetter(1, events.ContactUpserted, testkit.ContactData("dana", "Dana Wu", "typo@example.com"))
	lee := r.aLetter(2, events.ContactUpserted, testkit.ContactData("zoe", "Zoe Hill", "zoe@example.com"))
	login := r.aLetter(3, events.PortalAccessGranted, grant)
	fresh := r.aLetter(4, events.ContactUpserted, testkit.ContactData("fay", "Fay Moss", "fay@example.com"))
	r.publish(acme, events.ContactUpserted, testkit.ContactData("dana", "Dana Wu", "dana@new.example"))
	r.publish(acme, events.ContactRemoved, testkit.Object{"contact_id": "zoe"})
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	r.publish(acme, events.AccessRemovalRequested, named("c1", "dana"))
	r.settled()
	const since = "older than what is known since 20"
	for name, letter := range map[string]DeadLetter{"email": email, "removed contact": lee, "login": login} {
		if said := r.requeued(letter); !strings.HasPrefix(said, since) || !strings.HasSuffix(said, "it changes nothing") {
			t.Errorf("%s: requeue says %q, want that it is older", name, said)
		}
	}
	if said := r.requeued(fresh); said != "" {
		t.Errorf("requeue says %q about the only fact", said)
	}
	emails := map[string]string{}
	rows, err := r.db.Query(r.ctx, `SELECT contact_id, email FROM contacts
		WHERE NOT removed AND contact_id IN ('dana', 'zoe', 'fay')`)
	r.must(err)
	for rows.Next() {
		var id, email string
		r.must(rows.Scan(&id, &email))
		emails[id] = email
	}
	r.must(rows.Err())
	if want := map[string]string{"dana": "dana@new.example", "fay": "fay@example.com"}; !maps.Equal(emails, want) {
		t.Errorf("the contacts are %v, want %v", emails, want)
	}
	state := testkit.Query[string](r.scene(), `SELECT state FROM access WHERE person = 'contact:dana'`)
	if state != "removed" {
		t.Errorf("Dana's access is %s after an old login was requeued", state)
	}
}

// A removal of access became a dead letter. It is requeued after the person was invited anew, and ends nothing.
func TestARequeuedRemovalEndsNothingThatWasGivenSince(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	r.settled()
	first := r.aLetter(1, events.AccessRemovalRequested, named("c1", "dana"))
	second := r.aLetter(2, events.AccessRemovalRequested, named("c1", "dana"))
	state := func() string {
		return testkit.Query[string](r.scene(), `SELECT state FROM access WHERE person = 'contact:dana'`)
	}
	if r.requeued(first); state() != "removed" {
		t.Errorf("Dana's access is %s after the removal was requeued, want removed", state())
	}
	r.scene().Exec(`UPDATE access SET mailed_at = mailed_at - interval '1 hour'`) // the cooldown is over
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	r.settled()
	if r.requeued(second); state() != "invited" {
		t.Errorf("Dana's access is %s after the old removal was requeued, want invited", state())
	}
	removed := r.scene().Published(events.RemovedAccess)
	was := slices.Collect(func(yield func(string) bool) {
		for _, o := range removed {
			if !yield(o.Was) {
				return
			}
		}
	})
	if !slices.Equal(was, []string{"invited", ""}) {
		t.Errorf("the outcomes of the removals say that there was %q", was)
	}
}
