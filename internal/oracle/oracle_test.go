package oracle

import (
	"slices"
	"testing"
	"time"
)

var (
	noon  = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Hour)
	begun = noon.Add(-time.Second)
)

func event(sequence uint64, prefix, typ, body string) Message {
	header := map[string]string{"ce-source": "office", "ce-id": "e" + string(rune('0'+sequence))}
	return Message{sequence, "portal." + prefix + ".acme." + typ, header, []byte(body)}
}

func published(id, typ, body string) Message {
	header := map[string]string{"ce-id": id, "ce-type": "portal." + typ + ".v1"}
	return Message{Header: header, Body: []byte(body)}
}

// kept is a world in which every promise is kept. Kay and Lou are on the client C, and a bulk run invites both. Max has
// no email. A request invites Max, who is skipped.
func kept() World {
	sent := func(id, contact, messageID string) Message {
		return published(id+".1", "InviteSent", `{"firm_id": "acme", "invite_id": "`+id+`", "revision": 1, "kind": "invite",
			"lane": "bulk", "client_id": "C", "recipient": {"contact_id": "`+contact+`"}, "run_id": "r",
			"cause": {"source": "office", "id": "e6", "type": "BulkInviteRequested"}, "message_id": "`+messageID+`",
			"attempt": 1, "sent_at": "2026-01-05T12:00:00Z", "expires_at": "2026-01-05T13:00:00Z"}`)
	}
	invite := func(id, contact string) Invite {
		return Invite{
			ID: id, Firm: "acme", Source: "office", EventID: "e6", Client: "C", Contact: contact, Kind: "invite",
			Lane: "bulk", Run: "r", State: "sent", Person: "contact:" + contact, Revision: 1, Attempt: 1,
			Sent: &noon, Expires: &later,
		}
	}
	return World{
		Events: []Message{
			event(1, "facts", "FirmUpserted", `{}`),
			event(2, "facts", "ContactUpserted", `{"contact_id": "kay", "email": "kay@example.com"}`),
			event(3, "facts", "ContactUpserted", `{"contact_id": "lou", "email": "lou@example.com"}`),
			event(4, "facts", "ContactUpserted", `{"contact_id": "max", "email": ""}`),
			event(5, "facts", "ClientUpserted", `{"client_id": "C",
				"contacts": [{"contact_id": "kay"}, {"contact_id": "lou"}]}`),
			event(6, "bulk", "BulkInviteRequested", `{"mode": "invite", "selection": {"all_clients": true}}`),
			event(7, "events", "InviteRequested", `{"client_id": "C", "recipients": [{"contact_id": "max"}]}`),
			event(8, "events", "InviteRequested", `{"client_id": 8}`),
		},
		Outcomes: []Message{
			sent("i", "kay", "m1"), sent("j", "lou", "m2"),
			published("k.1", "InviteSkipped", `{"firm_id": "acme", "invite_id": "k", "revision": 1, "kind": "invite",
				"lane": "individual", "client_id": "C", "recipient": {"contact_id": "max"}, "reason": "email_missing",
				"reasons": [{"code": "email_missing"}], "cause": {"source": "office", "id": "e7"}}`),
			published("r.1", "RunCompleted", `{"run_id": "r", "selected": 2, "sent": 2, "pending": 0, "by_reason": {}}`),
		},
		Letters: []Message{{Header: map[string]string{"portal-dead-sequence": "8"}}},
		Mails: []Mail{
			{To: "kay@example.com", MessageID: "m1", Link: "https://a", At: noon},
			{To: "lou@example.com", MessageID: "m2", Link: "https://b", At: noon},
		},
		Ledger: Ledger{
			Invites: []Invite{invite("i", "kay"), invite("j", "lou"), {
				ID: "k", Firm: "acme", Source: "office", EventID: "e7", Client: "C", Contact: "max", Kind: "invite",
				Lane: "individual", State: "skipped", Reason: "email_missing", Reasons: []string{"email_missing"}, Revision: 1,
			}},
			Attempts: []Attempt{{"i", 1, "m1", "delivered", begun}, {"j", 1, "m2", "delivered", begun}},
			Runs:     []Run{{ID: "r", Firm: "acme", Source: "office", EventID: "e6", Selected: 2, Sent: 2, Completed: true}},
			Letters:  []uint64{8},
		},
		Facts:       map[string][]string{"contacts": {"kay", "lou", "max"}},
		Replayed:    map[string][]string{"contacts": {"kay", "lou", "max"}},
		Bad:         []uint64{8},
		AnswersKept: true,
	}
}

func TestAWorldThatKeepsEveryPromiseHasNoFinding(t *testing.T) {
	t.Parallel()
	found, err := Examine(kept())
	if err != nil || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
}

func TestAMailOnItsWayMayArriveAfterTheRemoval(t *testing.T) {
	t.Parallel()
	w := kept()
	w.Barred = []Barred{{"kay@example.com", begun.Add(time.Millisecond)}}
	found, err := Examine(w)
	if err != nil || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
}

// again is an attempt of unknown result after which a mail may come again.
var again = Attempt{"i", 1, "m1", "unknown", begun}

// breach is a change to a world that breaks a promise, with the sign that must find it.
type breach struct {
	sign, what string
	change     func(*World)
}

var broken = []breach{
	{"no outcome", "a recipient of a bulk run has no invite", func(w *World) { w.Ledger.Invites[1].Contact = "max" }},
	{"no outcome", "a request has no invite", func(w *World) { w.Ledger.Invites = w.Ledger.Invites[:2] }},
	{"no outcome", "a recipient has two invites", func(w *World) {
		w.Ledger.Invites = append(w.Ledger.Invites, w.Ledger.Invites[2])
	}},
	{"no outcome", "an invite has no outcome", func(w *World) { w.Outcomes = w.Outcomes[1:] }},
	{"one id, two outcomes", "the second copy has another time", func(w *World) {
		copied := w.Outcomes[0]
		copied.Body = []byte(string(copied.Body[:len(copied.Body)-1]) + ` }`)
		w.Outcomes = append(w.Outcomes, copied)
	}},
	{"revision not published", "the ledger is ahead", func(w *World) { w.Ledger.Invites[0].Revision = 2 }},
	{"revision not published", "an outcome waits", func(w *World) { w.Ledger.Outbox = 1 }},
	{"mail without attempt", "", func(w *World) { w.Ledger.Attempts = w.Ledger.Attempts[1:] }},
	{"second mail", "without an unknown", func(w *World) { w.Mails = append(w.Mails, w.Mails[0]) }},
	{"second mail", "a third mail after one unknown", func(w *World) {
		w.Mails, w.Ledger.Attempts = append(w.Mails, w.Mails[0], w.Mails[0]), append(w.Ledger.Attempts, again)
	}},
	{"second mail", "with another link", func(w *World) {
		second := w.Mails[0]
		second.Link = "https://c"
		w.Mails, w.Ledger.Attempts = append(w.Mails, second), append(w.Ledger.Attempts, again)
	}},
	{"second mail", "with another Message-ID", func(w *World) {
		second := w.Mails[0]
		second.MessageID = "m3"
		w.Mails = append(w.Mails, second)
		w.Ledger.Attempts = append(w.Ledger.Attempts, Attempt{"i", 2, "m3", "delivered", noon})
	}},
	{"mail missing", "", func(w *World) { w.Mails = w.Mails[1:] }},
	{"returned and sent", "", func(w *World) {
		w.Events = append(w.Events, event(9, "facts", "MailReported", `{"kind": "bounced", "message_id": "m2"}`))
	}},
	{"invited twice", "", func(w *World) { w.Ledger.Invites[1].Person = w.Ledger.Invites[0].Person }},
	{"nobody invited them", "", func(w *World) {
		w.Outcomes[2] = published("k.1", "InviteSkipped", `{"invite_id": "k", "revision": 1, "reason": "already_invited"}`)
	}},
	{"unknown without cause", "", func(w *World) { w.Ledger.Attempts = append(w.Ledger.Attempts, again) }},
	{"wrong sum", "", func(w *World) {
		w.Outcomes[3] = published("r.1", "RunCompleted", `{"run_id": "r", "selected": 3, "sent": 2}`)
	}},
	{"wrong sum", "of the reasons", func(w *World) {
		w.Outcomes[3] = published("r.1", "RunCompleted", `{"run_id": "r", "selected": 2, "skipped": 2,
			"by_reason": {"a": 1}}`)
	}},
	{"not completed once", "never", func(w *World) { w.Outcomes = w.Outcomes[:3] }},
	{"not completed once", "twice", func(w *World) {
		w.Outcomes = append(w.Outcomes, published("r.2", "RunCompleted", `{"run_id": "r", "selected": 2, "sent": 2}`))
	}},
	{"not completed once", "with some pending", func(w *World) {
		w.Outcomes[3] = published("r.1", "RunCompleted", `{"run_id": "r", "selected": 2, "sent": 1, "pending": 1}`)
	}},
	{"not completed once", "an invite is missing", func(w *World) { w.Ledger.Runs[0].Selected = 3 }},
	{"old sums", "not revised", func(w *World) { w.Ledger.Runs[0].Sent, w.Ledger.Runs[0].Failed = 1, 1 }},
	{"old sums", "the ledger counts another way", func(w *World) { w.Ledger.Invites[0].State = "failed" }},
	{"old sums", "an event before the last one is right", func(w *World) {
		w.Outcomes = append(w.Outcomes,
			published("r.2", "RunRevised", `{"run_id": "r", "selected": 2, "sent": 1, "failed": 1}`))
	}},
	{"old sums", "a replay counts too few", func(w *World) {
		w.Ledger.Runs = append(w.Ledger.Runs, Run{ID: "replay", Quiet: true, Completed: true})
		w.Ledger.Invites[0].Replay = "replay"
	}},
	{"mailed in spite of a fact", "removed", func(w *World) {
		w.Events[3] = event(4, "facts", "ContactRemoved", `{"contact_id": "kay"}`)
	}},
	{"mailed in spite of a fact", "corrected", func(w *World) {
		w.Events[3] = event(4, "facts", "ContactUpserted", `{"contact_id": "kay", "email": "new@example.com"}`)
	}},
	{"mailed in spite of a fact", "blocked", func(w *World) {
		w.Events[3] = event(4, "facts", "EmailSuppressed", `{"email": "kay@example.com"}`)
	}},
	{"mailed in spite of a fact", "archived", func(w *World) {
		w.Events[4] = event(5, "facts", "ClientUpserted", `{"client_id": "C", "active": false}`)
	}},
	{"mailed after removal", "", func(w *World) { w.Barred = []Barred{{"kay@example.com", begun.Add(-time.Second)}} }},
	{"decided on old facts", "", func(w *World) {
		w.Events[3] = event(4, "facts", "ContactUpserted", `{"contact_id": "max", "email": "max@example.com"}`)
	}},
	{"wrong dead letters", "none", func(w *World) { w.Letters = nil }},
	{"wrong dead letters", "two", func(w *World) { w.Letters = append(w.Letters, w.Letters[0]) }},
	{"wrong dead letters", "none in the table", func(w *World) { w.Ledger.Letters = nil }},
	{"wrong dead letters", "of a good event", func(w *World) { w.Ledger.Letters = append(w.Ledger.Letters, 7) }},
	{"ledger differs", "in the revision", func(w *World) { w.Ledger.Invites[0].Revision = 0 }},
	{"ledger differs", "in the state", func(w *World) { w.Ledger.Invites[0].State = "failed" }},
	{"ledger differs", "in a reason", func(w *World) { w.Ledger.Invites[2].Reasons = nil }},
	{"ledger differs", "in a time", func(w *World) { w.Ledger.Invites[0].Sent = &later }},
	{"ledger differs", "it does not know an invite", func(w *World) { w.Ledger.Invites = w.Ledger.Invites[1:] }},
	{"facts differ", "an old row", func(w *World) { w.Facts["contacts"] = []string{"kay", "lou", "old"} }},
	{"facts differ", "no row", func(w *World) { w.Facts["contacts"] = []string{"kay", "lou"} }},
	{"deadlock", "", func(w *World) { w.Ledger.Deadlocks = 1 }},
}

func TestEachBrokenPromiseIsFound(t *testing.T) {
	t.Parallel()
	for _, b := range broken {
		t.Run(b.sign+"/"+b.what, func(t *testing.T) {
			t.Parallel()
			w := kept()
			b.change(&w)
			found, err := Examine(w)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(found, func(f Finding) bool { return f.Sign == b.sign }) {
				t.Errorf("want the sign %q, got %v", b.sign, found)
			}
		})
	}
}

func TestEveryCheckCanFail(t *testing.T) {
	t.Parallel()
	for _, check := range Checks() {
		if !slices.ContainsFunc(broken, func(b breach) bool { return b.sign == check.Sign }) {
			t.Errorf("no world breaks the promise: %s", check.Promise)
		}
	}
}

// What came after the request may allow a mail that the facts before it forbid.
func TestAMailThatALaterFactAllows(t *testing.T) {
	t.Parallel()
	w := kept()
	w.Events[3] = event(4, "facts", "ContactRemoved", `{"contact_id": "kay"}`)
	w.Events = append(w.Events, event(9, "facts", "ContactUpserted", `{"contact_id": "kay", "email": "kay@example.com"}`))
	found, err := Examine(w)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Sign == "mailed in spite of a fact" {
			t.Error(f)
		}
	}
}

func TestAnUnreadableEventIsAnError(t *testing.T) {
	t.Parallel()
	w := kept()
	w.Bad = nil
	if _, err := Examine(w); err == nil {
		t.Error("the event 8 has a client_id that is a number, and nobody says so")
	}
}
