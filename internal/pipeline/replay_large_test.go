package pipeline_test

import (
	"fmt"
	"maps"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testkit"
)

// replayContacts is the environment variable that sets the number of contacts in the large replay.
const replayContacts = "PIPELINE_CONTACTS"

func contactsToReplay(t *testing.T) int {
	t.Helper()
	value := os.Getenv(replayContacts)
	if value == "" {
		return 600
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 50 || n%50 != 0 {
		t.Fatalf("%s: must be a multiple of 50 (example: 10000)", replayContacts)
	}
	return n
}

// Of every fifty contacts, fifteen are skipped, three for each of five reasons. Then six of the fifteen are fixed. The
// replay invites exactly those six, as the dry run said. The others keep their outcome, and nothing is published about
// them. A second replay sends nothing, and neither does a reset of every durable.
func TestALargeReplayInvitesExactlyThoseWhoWereFixed(t *testing.T) {
	t.Parallel()
	o := &largeOffice{rig: newRig(t), n: contactsToReplay(t), took: time.Now()}
	o.Ctx = t.Context() // many contacts take longer than the usual limit of a test
	o.StartBoth()
	o.StartBoth()
	out := o.Outcomes()
	o.PublishAll(o.facts()...)
	o.Publish(events.BulkInviteRequested, testkit.BulkAll())
	first := o.Await(out, 1, events.RunCompleted)[0]
	skipped := o.n * 3 / 10
	o.is("bulk run", first, o.n, o.n-skipped, skipped)
	if len(first.ByReason) != 5 {
		t.Errorf("skipped for %v, want five reasons", first.ByReason)
	}
	o.Settled()
	o.lap("the bulk run")

	fixed := o.fixes()
	o.Handled(events.FactsDurable)
	before, newest, mails := o.State(), o.Newest(), len(o.Mailbox.Messages())
	predicted := o.dryRun(testkit.Object{})
	if after := o.State(); after != before {
		t.Errorf("the dry run has changed %+v to %+v", before, after)
	}
	o.lap("the dry run")

	o.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
	o.is("replay", o.Await(out, 1, events.RunCompleted)[0], skipped, len(fixed), skipped-len(fixed))
	o.Settled()
	o.lap("the replay")
	o.sentTo(mails, fixed)
	o.became(newest, predicted, fixed)
	after := o.State()
	if after.Outcomes != before.Outcomes+len(fixed)+1 { // the last one is the replay's own
		t.Errorf("%d outcomes are new, want one for each of the %d fixed contacts and one for the run",
			after.Outcomes-before.Outcomes, len(fixed))
	}

	o.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
	o.is("second replay", o.Await(out, 1, events.RunCompleted)[0], skipped-len(fixed), 0, skipped-len(fixed))
	o.Settled()
	again := o.State()
	if again.Mails != after.Mails || again.Outcomes != after.Outcomes+1 {
		t.Errorf("a second replay has changed %+v to %+v", again, after)
	}
	o.Reset(testkit.Durables()...)
	o.Settled()
	if reset := o.State(); reset != again {
		t.Errorf("after a reset %+v, before %+v", reset, again)
	}
	o.lap("a second replay and a reset")
}

// largeOffice is a firm with many clients, each with five contacts.
type largeOffice struct {
	*rig
	n    int
	took time.Time
}

func (o *largeOffice) lap(what string) {
	o.TB.Logf("%s over %d contacts took %s", what, o.n, time.Since(o.took).Round(time.Millisecond))
	o.took = time.Now()
}

func addressOf(n int) string { return fmt.Sprintf("k%06d@example.com", n) }

// trouble is the reason why a contact is skipped, by its number among fifty; "" for the contacts that are invited.
func trouble(n int) string {
	return map[int]string{
		1: "email_missing", 11: "email_missing", 21: "email_missing",
		2: "email_invalid", 12: "email_invalid", 22: "email_invalid",
		3: "contact_not_primary", 13: "contact_not_primary", 23: "contact_not_primary",
		4: "email_shared", 14: "email_shared", 24: "email_shared",
		6: "email_suppressed", 16: "email_suppressed", 26: "email_suppressed",
	}[n%50]
}

// isFixed selects six of the fifteen, at least one for every reason.
func isFixed(n int) bool {
	return map[int]bool{1: true, 11: true, 2: true, 3: true, 4: true, 26: true}[n%50]
}

func (o *largeOffice) facts() []*nats.Msg {
	facts := []*nats.Msg{o.Event(events.FirmUpserted, testkit.FirmData())}
	for n := range o.n {
		id, email := fmt.Sprintf("k%06d", n), addressOf(n)
		switch trouble(n) {
		case "email_missing":
			email = ""
		case "email_invalid":
			email = "k at example.com"
		case "email_shared":
			email = addressOf(n - 4) // the email of the client's first contact
		case "email_suppressed":
			facts = append(facts, o.Event(events.EmailSuppressed, testkit.Object{"email": email, "cause": "bounce"}))
		}
		facts = append(facts, o.Event(events.ContactUpserted, testkit.ContactData(id, "Kay "+id, email)))
	}
	for c := 0; c < o.n; c += 5 {
		facts = append(facts, o.Event(events.ClientUpserted, o.record(c, false)))
	}
	return facts
}

// record is the client that has the contacts from c on.
func (o *largeOffice) record(c int, fixed bool) testkit.Object {
	var on []string
	for n := c; n < c+5; n++ {
		id := fmt.Sprintf("k%06d", n)
		if trouble(n) != "contact_not_primary" || fixed && isFixed(n) {
			id = "*" + id
		}
		on = append(on, id)
	}
	return testkit.ClientData(fmt.Sprintf("c%06d", c), on...)
}

// fixes publishes facts that fix the six, and returns their addresses.
func (o *largeOffice) fixes() map[string]bool {
	fixed := map[string]bool{}
	var facts []*nats.Msg
	for n := range o.n {
		if !isFixed(n) {
			continue
		}
		id := fmt.Sprintf("k%06d", n)
		fixed[addressOf(n)] = true
		switch trouble(n) {
		case "contact_not_primary":
			facts = append(facts, o.Event(events.ClientUpserted, o.record(n-n%5, true)))
		case "email_suppressed":
			facts = append(facts, o.Event(events.EmailUnsuppressed, testkit.Object{"email": addressOf(n), "cause": "bounce"}))
		default:
			facts = append(facts, o.Event(events.ContactUpserted, testkit.ContactData(id, "Kay "+id, addressOf(n))))
		}
	}
	o.PublishAll(facts...)
	if want := o.n * 3 / 10 * 2 / 5; len(fixed) != want {
		o.TB.Fatalf("%d are fixed, want %d", len(fixed), want)
	}
	return fixed
}

// dryRun returns what the replay would do, by "client/contact": the reason, or "" if it would send a mail.
func (o *largeOffice) dryRun(filter testkit.Object) map[string]string {
	w := pipeline.NewBulkWorker(o.Config())
	msg := o.Event(events.ReplayRequested, testkit.Replay(filter))
	data, err := events.DecodeData(events.ReplayRequested, msg.Data)
	o.Must(err)
	predicted := map[string]string{}
	dry := answer.Question{Event: answer.Unpublished(firm, events.ReplayRequested, data, msg.Data, time.Now())}
	_, err = w.Answers().Explain(o.Ctx, dry, func(e answer.Explained) bool {
		predicted[e.Ask.ClientID+"/"+e.Ask.Recipient.ContactID] = string(e.Decision.Reason())
		return true
	})
	o.Must(err)
	return predicted
}

func (o *largeOffice) is(what string, run testkit.Outcome, selected, sent, skipped int) {
	if run.Selected != selected || run.Sent != sent || run.Skipped != skipped || run.Failed != 0 || run.Pending != 0 {
		o.TB.Errorf("%s: %d selected, %d sent, %d skipped, %d failed, %d pending; want %d, %d, %d, 0, 0", what,
			run.Selected, run.Sent, run.Skipped, run.Failed, run.Pending, selected, sent, skipped)
	}
}

// sentTo checks that the mails from the first on went to exactly these addresses, one to each.
func (o *largeOffice) sentTo(first int, addresses map[string]bool) {
	left := maps.Clone(addresses)
	for _, m := range o.Mailbox.Messages()[first:] {
		if !left[m.To[0]] {
			o.TB.Errorf("a mail to %s, who was not fixed, or a second mail", m.To[0])
		}
		delete(left, m.To[0])
	}
	if len(left) > 0 {
		o.TB.Errorf("%d who were fixed got no mail", len(left))
	}
}

// became checks every contact's outcome against the dry run and against the outcome before.
func (o *largeOffice) became(before map[string]testkit.Outcome, predicted map[string]string, fixed map[string]bool) {
	send := 0
	for who, now := range o.Newest() {
		reason, evaluated := predicted[who]
		switch {
		case !evaluated || reason != "":
			if now.EventID != before[who].EventID || evaluated && now.Reason != reason {
				o.TB.Errorf("%s has a new outcome: %s %s, and had %s; the dry run said %q", who, now.Type, now.Reason,
					before[who].Type, reason)
			}
		case now.Type != events.InviteSent || now.Revision != 2 || now.ReplayID == "":
			o.TB.Errorf("%s should be invited, and is %s %s in revision %d", who, now.Type, now.Reason, now.Revision)
		default:
			send++
		}
	}
	if send != len(fixed) || len(predicted) != o.n*3/10 {
		o.TB.Errorf("the dry run said %d mails for %d candidates, want %d for %d", send, len(predicted), len(fixed), o.n*3/10)
	}
}
