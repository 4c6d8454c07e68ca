package systemtest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/oracle"
	"portal-invites/internal/testkit"
)

// badPrefix begins the ids of events that nobody can handle.
const badPrefix = "bad-"

// office publishes the work of a seed. Everything that it says is in order, and lasts through a restart of the broker.
type office struct {
	*faultRig
	people int // contacts that a bulk run invites
	steps  int

	mu        sync.Mutex
	newcomers int // contacts so far that were invited individually; guarded by mu
	reported  int // mails so far of which was reported what became of them; guarded by mu
}

// tell publishes events, each as often as it takes until the broker has it. A copy is the same event.
func (o *office) tell(msgs ...*nats.Msg) {
	for _, msg := range msgs {
		for {
			_, err := o.JS.PublishMsg(o.Ctx, msg)
			if err == nil {
				break
			}
			if o.Ctx.Err() != nil {
				o.t.Error(err)
				return
			}
			<-time.After(100 * time.Millisecond)
		}
	}
}

const (
	perPortal = 4  // contacts on a client
	perGroup  = 12 // contacts on a client that has those of others too
	noEmail   = 20 // each of so many contacts has no email at first
)

// open tells about the firm and its people, and asks for a bulk run over all of them.
func (o *office) open(people int) {
	o.people = people
	o.tell(o.Event(events.FirmUpserted, testkit.FirmData()))
	var facts []*nats.Msg
	var ids []string
	for n := range people {
		id, email := fmt.Sprintf("k%04d", n), fmt.Sprintf("k%04d@example.com", n)
		if n%noEmail == 0 {
			email = ""
		}
		ids = append(ids, "*"+id)
		facts = append(facts, o.Event(events.ContactUpserted, testkit.ContactData(id, "Kay "+id, email)))
	}
	for n, some := range slices.Collect(slices.Chunk(ids, perPortal)) {
		facts = append(facts, o.Event(events.ClientUpserted, testkit.ClientData(fmt.Sprintf("c%03d", n), some...)))
	}
	for n, some := range slices.Collect(slices.Chunk(ids, perGroup)) {
		facts = append(facts, o.Event(events.ClientUpserted, testkit.ClientData(fmt.Sprintf("g%03d", n), some...)))
	}
	o.PublishAll(facts...)
	o.tell(o.Event(events.BulkInviteRequested, testkit.BulkAll()))
}

// step is a moment of the office: corrections, removals, blocks and bad events, each with requests right after it.
func (o *office) step() {
	o.steps++
	msgs := o.corrected(10)
	msgs = append(msgs, o.forbidden()...)
	msgs = append(msgs, o.reversed()...)
	msgs = append(msgs, o.returned()...)
	bad := o.Message(badPrefix+uuid.NewString(), time.Now(), events.InviteRequested, testkit.Object{"client_id": 7})
	msgs = append(msgs, bad)
	switch o.steps {
	case 1: // a second run beside the first
		msgs = append(msgs, o.Event(events.BulkInviteRequested, testkit.BulkAll()))
	case 2: // what was wrong is fixed, and decided again
		for n := 0; n < o.people; n += noEmail {
			id := fmt.Sprintf("k%04d", n)
			msgs = append(msgs, o.Event(events.ContactUpserted, testkit.ContactData(id, "Kay "+id, id+"@example.com")))
		}
		msgs = append(msgs, o.Event(events.ReplayRequested, testkit.Replay(testkit.Object{})))
	}
	o.tell(msgs...)
}

// newcomer returns a contact who has not been named before, with a client.
func (o *office) newcomer() (client, contact string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.newcomers++
	return fmt.Sprintf("n%04d", o.newcomers), fmt.Sprintf("p%04d", o.newcomers)
}

func (o *office) contact(id, email string) *nats.Msg {
	return o.Event(events.ContactUpserted, testkit.ContactData(id, "Kay "+id, email))
}

func (o *office) client(id, contact string) *nats.Msg {
	return o.Event(events.ClientUpserted, testkit.ClientData(id, "*"+contact))
}

func (o *office) invite(client string, contacts ...string) *nats.Msg {
	recipients := make([]testkit.Object, len(contacts))
	for n, contact := range contacts {
		recipients[n] = testkit.Contact(contact)
	}
	return o.Event(events.InviteRequested, testkit.InviteData(client, recipients...))
}

// seeSomebodyMailed invites a newcomer and waits until their mail is there, for some seconds at most. Then workers are
// up, and a fault meets them at work. It checks nothing.
func (o *office) seeSomebodyMailed() {
	o.mailed(o.request().email, 5*time.Second)
}

// mailed waits until a mail to somebody is there, or until the limit. It returns when that was.
func (o *office) mailed(email string, limit time.Duration) time.Time {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(limit); time.Now().Before(end); <-poll.C {
		mails := o.sink.arrived()
		if n := slices.IndexFunc(mails, func(m oracle.Mail) bool { return m.To == email }); n >= 0 {
			return mails[n].At
		}
	}
	return time.Now()
}

// corrected invites newcomers whose email was corrected just before.
func (o *office) corrected(n int) (msgs []*nats.Msg) {
	for range n {
		client, contact := o.newcomer()
		msgs = append(msgs, o.contact(contact, "stale-"+contact+"@example.com"), o.client(client, contact),
			o.contact(contact, contact+"@example.com"), o.invite(client, contact))
	}
	return msgs
}

// forbidden invites newcomers who were removed, blocked or archived just before.
func (o *office) forbidden() (msgs []*nats.Msg) {
	for n := range 3 {
		client, contact := o.newcomer()
		email := contact + "@example.com"
		msgs = append(msgs, o.contact(contact, email), o.client(client, contact))
		switch n {
		case 0:
			msgs = append(msgs, o.Event(events.ContactRemoved, testkit.Object{"contact_id": contact}))
		case 1:
			msgs = append(msgs, o.Event(events.EmailSuppressed, testkit.Object{"email": email, "cause": "manual"}))
		case 2:
			archived := testkit.With(testkit.ClientData(client, "*"+contact), "active", false)
			msgs = append(msgs, o.Event(events.ClientUpserted, archived))
		}
		msgs = append(msgs, o.invite(client, contact))
	}
	return msgs
}

// returned reports late, and twice, what became of mails that have arrived since the last step: some came back from a
// full mailbox, and some are in theirs.
func (o *office) returned() (msgs []*nats.Msg) {
	o.mu.Lock()
	defer o.mu.Unlock()
	mails := o.sink.arrived()
	for n, m := range mails[o.reported:] {
		report := testkit.Object{"message_id": m.MessageID, "email": m.To, "at": m.At, "reporter": "seed"}
		switch n % 9 {
		case 0:
			report["kind"], report["code"], report["said"] = "bounced", "552 5.2.2", "Mailbox full"
		case 1:
			report["kind"] = "delivered"
		default:
			continue
		}
		msgs = append(msgs, o.Event(events.MailReported, report), o.Event(events.MailReported, report))
	}
	o.reported = len(mails)
	return msgs
}

// reversed invites people whom the bulk run invites too, in the reverse of its order.
func (o *office) reversed() (msgs []*nats.Msg) {
	groups := o.people / perGroup
	for n := groups - 1; n >= 0; n-- {
		var contacts []string
		for c := (n+1)*perGroup - 1; c >= n*perGroup; c-- {
			if (c+o.steps)%3 == 0 {
				contacts = append(contacts, fmt.Sprintf("k%04d", c))
			}
		}
		msgs = append(msgs, o.invite(fmt.Sprintf("g%03d", n), contacts...))
	}
	return msgs
}

// removeTheWaiting invites newcomers while no mail can leave, and removes half of them. The oracle is told who must get
// no mail any more.
func (o *office) removeTheWaiting() {
	var requests, removals []*nats.Msg
	var emails []string
	for n := range 8 {
		client, contact := o.newcomer()
		requests = append(requests, o.contact(contact, contact+"@example.com"), o.client(client, contact),
			o.invite(client, contact))
		if n%2 == 0 {
			removals = append(removals, o.Event(events.ContactRemoved, testkit.Object{"contact_id": contact}))
			emails = append(emails, contact+"@example.com")
		}
	}
	o.tell(requests...)
	o.Handled(testkit.Durables()...)
	o.tell(removals...)
	o.Handled(testkit.Durables()...)
	for _, email := range emails {
		o.barred = append(o.barred, oracle.Barred{Email: email, From: time.Now()})
	}
}

// world reads what can be seen from outside, and replays the facts.
func (o *office) world() oracle.World {
	w := oracle.World{Mails: o.sink.arrived(), Barred: o.barred, AnswersKept: o.say.keepsAnswers}
	var err error
	w.Events, err = oracle.ReadStream(o.Ctx, o.JS, events.EventsStream)
	o.Must(err)
	w.Outcomes, err = oracle.ReadStream(o.Ctx, o.JS, events.OutcomesStream)
	o.Must(err)
	w.Letters, err = oracle.ReadStream(o.Ctx, o.JS, events.DeadLettersStream)
	o.Must(err)
	w.Ledger, err = oracle.ReadLedger(o.Ctx, o.DB)
	o.Must(err)
	w.Facts, err = oracle.ReadFacts(o.Ctx, o.DB)
	o.Must(err)
	for _, m := range w.Events {
		if strings.HasPrefix(m.Header["ce-id"], badPrefix) {
			w.Bad = append(w.Bad, m.Sequence)
		}
	}
	w.Replayed = o.replayFacts(w.Events)
	return w
}

// replayFacts lets a new worker apply the facts to an empty database.
func (o *office) replayFacts(all []oracle.Message) map[string][]string {
	fresh := newScene(o.t)
	var facts []*nats.Msg
	for _, m := range all {
		if !strings.HasPrefix(m.Subject, "portal."+string(events.Facts)+".") {
			continue
		}
		msg := &nats.Msg{Subject: m.Subject, Header: nats.Header{}, Data: m.Body}
		for name, value := range m.Header {
			msg.Header[name] = []string{value}
		}
		facts = append(facts, msg)
	}
	fresh.PublishAll(facts...)
	run(o.t, fresh.env, "invite-worker")
	fresh.Handled(events.FactsDurable)
	rows, err := oracle.ReadFacts(o.Ctx, fresh.DB)
	o.Must(err)
	return rows
}
