package pipeline_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/rules"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// limited are workers with limits and a clock that the test moves on.
func (r *rig) limited(c interface{ now() time.Time }, l rules.Limits) pipeline.Config {
	cfg := r.Config()
	cfg.Now = c.now
	cfg.Policy = rules.Policy{InviteTTL: rules.DefaultInviteTTL, Limits: l}
	return cfg
}

// of runs fn as another firm.
func (r *rig) of(firm string, fn func()) {
	before := r.Firm
	r.Firm = firm
	defer func() { r.Firm = before }()
	fn()
}

// reasons counts the skips by reason.
func (r *rig) reasons() map[string]int {
	counts := map[string]int{}
	for _, o := range r.Newest() {
		counts[o.Reason]++
	}
	return counts
}

// Eleven requests come at once to three workers. Ten mails leave, whoever decides them. That holds after a restart, and
// until a day is over.
func TestElevenMailsAtOnceOnThreeWorkers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := newCalendar()
	cfg := r.limited(c, rules.Limits{RecipientDay: 10, AddedPeopleDay: 500})
	var stops []func()
	for range 3 {
		stops = append(stops, r.StartWorker(pipeline.NewInviteWorker(cfg)))
	}
	r.UpsertFirm()
	for i := range 11 {
		r.UpsertClient(fmt.Sprintf("c%d", i))
	}
	r.Handled(events.FactsDurable)
	for i := range 11 {
		r.Invite(fmt.Sprintf("c%d", i), testkit.Added("vic@example.com", "Vic"))
	}
	r.Settled()
	if n := len(r.Mailbox.Messages()); n != 10 {
		t.Fatalf("%d mails left, want 10", n)
	}
	if got := r.reasons(); got[""] != 10 || got["recipient_limit"] != 1 {
		t.Fatalf("outcomes by reason: %v", got)
	}
	for _, stop := range stops {
		stop()
	}
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.UpsertClient("c11")
	r.Invite("c11", testkit.Added("vic+more@example.com", "Vic"))
	r.Settled()
	if n := len(r.Mailbox.Messages()); n != 10 {
		t.Fatalf("%d mails left after a restart, want 10", n)
	}
	c.ahead.Store(int64(day + time.Minute))
	r.Publish(events.ReplayRequested, testkit.Replay(testkit.Object{}))
	r.Settled()
	if n := len(r.Mailbox.Messages()); n != 12 {
		t.Errorf("%d mails left after a day and a replay, want 12: %v", n, r.reasons())
	}
}

// One request names a person by 40 addresses with tags, and twice more with dots.
func TestTagsAndDotsAreOneMailbox(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.limited(newCalendar(), rules.Limits{RecipientDay: 10})
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.UpsertFirm()
	r.UpsertClient("c1")
	var people []testkit.Object
	for i := range 40 {
		people = append(people, testkit.Added(fmt.Sprintf("ann+%d@gmail.com", i), "Ann"))
	}
	people = append(people, testkit.Added("a.nn@gmail.com", "Ann"), testkit.Added("an.n@googlemail.com", "Ann"))
	r.Invite("c1", append(people, testkit.Added("ann@example.com", "Another Ann"))...)
	r.Settled()
	if n := len(r.Mailbox.Messages()); n != 11 {
		t.Errorf("%d mails left, want ten, and one to another mailbox", n)
	}
	if n := testkit.Query[int](r.Scene, `SELECT count(DISTINCT email) FROM logins`); n != 11 {
		t.Errorf("%d logins, want one for each address that was mailed", n)
	}
}

// What no server has taken costs nothing. A retry, and a mail that may have arrived, cost once.
func TestWhatCountsAgainstALimit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.limited(newCalendar(), rules.Limits{RecipientDay: 2, AddedPeopleDay: 2})
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.UpsertFirm()
	for i := range 6 {
		r.UpsertClient(fmt.Sprintf("c%d", i))
	}
	invite := func(client string) {
		t.Helper()
		r.Invite(client, testkit.Added("vic@example.com", "Vic"))
	}
	r.Mailbox.Refuse("vic@example.com", 552, [3]int{5, 2, 2}, "mailbox full")
	invite("c0")
	r.Settled()
	if got := r.Newest()["c0/v•••@example.com"]; got.Type != events.InviteFailed {
		t.Fatalf("refused at RCPT: %s", got.Raw)
	}
	r.Mailbox.Refuse("vic@example.com", 451, [3]int{4, 7, 1}, "later")
	invite("c1")
	r.Attempted(2)
	r.Due()
	r.Attempted(3)
	r.Mailbox.Accept("vic@example.com")
	r.Mailbox.DropReplies(1) // it arrives, and nobody says so
	r.Due()
	r.Attempted(4)
	r.Due()
	r.Settled()
	invite("c2")
	r.Settled()
	for client, want := range map[string]events.Type{"c1": events.InviteSent, "c2": events.InviteSent} {
		if got := r.Newest()[client+"/v•••@example.com"]; got.Type != want {
			t.Errorf("%s: %s", client, got.Raw)
		}
	}
	invite("c3")
	r.Invite("c4", testkit.Added("pat@example.com", "Pat"))
	r.Settled()
	skipped := r.Newest()["c3/v•••@example.com"]
	if skipped.Reason != "recipient_limit" || len(skipped.Reasons) != 2 ||
		skipped.Reasons[1].Code != "added_people_limit" {
		t.Errorf("the third mail: %s", skipped.Raw)
	}
	if got := r.Newest()["c4/p•••@example.com"]; got.Reason != "added_people_limit" {
		t.Errorf("the third person: %s", got.Raw)
	}
}

// Taking access away takes no mail back.
func TestInviteRemoveInviteCostsTwo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.limited(newCalendar(), rules.Limits{RecipientDay: 2, RecipientHour: 2})
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.UpsertFirm()
	r.UpsertClient("c1")
	vic := testkit.Added("vic@example.com", "Vic")
	for range 3 {
		r.Invite("c1", vic)
		r.Settled()
		r.Publish(events.AccessRemovalRequested, testkit.InviteData("c1", vic))
		r.Settled()
	}
	if n := len(r.Mailbox.Messages()); n != 2 {
		t.Errorf("%d mails left, want 2", n)
	}
	if got := r.Newest()["c1/v•••@example.com"]; got.Reason != "recipient_limit" {
		t.Errorf("the third invite: %s", got.Raw)
	}
}

// Firm A has used up what all firms may send. B's first mail to its own contact leaves, as B has a share. The others
// wait, and nobody of B is skipped for what A sent. B is told what it would be told without A.
func TestAFirmWaitsForAnotherAndIsNotTold(t *testing.T) {
	t.Parallel()
	noon := time.Now().UTC().Truncate(time.Minute)
	answers := map[bool]string{}
	for _, crowded := range []bool{true, false} {
		r := newRig(t)
		c := &clock{}
		c.nanos.Store(noon.UnixNano())
		cfg := r.limited(c, rules.Limits{RecipientDay: 3, ContactDay: 3, ContactShare: 1})
		w := pipeline.NewInviteWorker(cfg)
		stop := r.StartWorker(w)
		facts := func() {
			r.UpsertFirm()
			r.UpsertContact("x", "Xenia", "x@example.com")
			for i := range 5 {
				r.UpsertClient(fmt.Sprintf("c%d", i), "*x")
			}
		}
		mails := 0
		if crowded {
			r.of("firm-a", func() {
				facts()
				for i := range 4 {
					r.Invite(fmt.Sprintf("c%d", i), testkit.Contact("x"))
				}
			})
			r.Settled()
			if mails = len(r.Mailbox.Messages()); mails != 3 {
				t.Fatalf("%d mails of firm A left, want 3", mails)
			}
		}
		facts()
		for i := range 4 { // one after the other, so that the fourth finds what counts
			r.Invite(fmt.Sprintf("c%d", i), testkit.Contact("x"))
			r.Decided(map[bool]int{true: 4, false: 0}[crowded] + i + 1)
			testenv.Eventually(t, time.Minute, func() error {
				if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites
					WHERE state = 'sending' OR state = 'queued' AND next_attempt_at <= $1`, c.now()); n > 0 {
					return fmt.Errorf("%d mails are about to leave", n)
				}
				return nil
			})
		}
		want := map[bool]int{true: 1, false: 3}[crowded]
		if n := len(r.Mailbox.Messages()) - mails; n != want {
			t.Errorf("%d mails of B left, want %d", n, want)
		}
		latest := testkit.Query[*time.Time](r.Scene, `SELECT max(next_attempt_at) FROM invites WHERE state = 'queued'`)
		if latest != nil && latest.After(c.now().Add(10*time.Minute)) {
			t.Errorf("a mail waits until %v, which tells when others have mailed", latest)
		}
		answers[crowded] = testkit.Query[string](r.Scene,
			`SELECT reasons::text FROM invites WHERE firm_id = 'acme' AND state = 'skipped'`) + r.explained(w, "c4")
		if crowded {
			c.nanos.Add(int64(day + time.Minute))
			r.Settled()
			if n := len(r.Mailbox.Messages()) - mails; n != 3 {
				t.Errorf("a day later %d mails of B have left, want 3", n)
			}
		}
		stop()
	}
	if answers[true] != answers[false] || !strings.Contains(answers[true], noon.Add(day).Format(time.RFC3339)) {
		t.Errorf("B was told\n%s\nand without A\n%s", answers[true], answers[false])
	}
}

// explained is what would be decided about Xenia on a client.
func (r *rig) explained(w *pipeline.Worker, client string) (said string) {
	r.TB.Helper()
	raw, err := json.Marshal(testkit.InviteData(client, testkit.Contact("x")))
	r.Must(err)
	data, err := events.DecodeData(events.InviteRequested, raw)
	r.Must(err)
	asked := answer.Unpublished(firm, events.InviteRequested, data, raw, time.Now())
	_, err = w.Answers().Explain(r.Ctx, answer.Question{Event: asked}, func(e answer.Explained) bool {
		encoded, err := json.Marshal(e.Decision.Reasons)
		r.Must(err)
		said += string(encoded)
		return true
	})
	r.Must(err)
	return said
}

// A firm may lower the operator's limits for itself, and can't raise them.
func TestAFirmsOwnLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := pipeline.NewInviteWorker(r.limited(newCalendar(), rules.Limits{RecipientDay: 4, AddedPeopleDay: 3}))
	r.StartWorker(w)
	for name, c := range map[string]struct {
		own  testkit.Object
		want map[string]int
	}{
		"lower": {
			testkit.Object{"recipient_mails_a_day": 1, "added_people_a_day": 2}, map[string]int{"": 2, "recipient_limit": 1},
		},
		"higher": {
			testkit.Object{"recipient_mails_a_day": 9, "added_people_a_day": 9}, map[string]int{"": 3, "added_people_limit": 1},
		},
	} {
		r.of(name, func() {
			data := testkit.FirmData()
			maps.Copy(data, c.own)
			r.Publish(events.FirmUpserted, data)
			for i, email := range []string{"a@example.com", "a+1@example.com", "b@example.com", "c@example.com"} {
				client := fmt.Sprintf("c%d", i)
				r.UpsertClient(client)
				if name == "lower" && i == 3 {
					return
				}
				r.Invite(client, testkit.Added(email, "Somebody"))
				r.Settled()
			}
		})
		got := map[string]int{}
		for _, o := range r.Published(events.InviteSent, events.InviteSkipped) {
			if strings.HasPrefix(o.Subject, "portal.outcomes."+name+".") {
				got[o.Reason]++
			}
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("%s limits: %v, want %v", name, got, c.want)
		}
	}
	var fields []string
	warnings, err := w.Answers().FirmWarnings(r.Ctx, "higher")
	r.Must(err)
	for _, warning := range warnings {
		if warning.Code == rules.LimitTooHigh {
			fields = append(fields, warning.Field)
		}
	}
	if !slices.Equal(fields, []string{"recipient_mails_a_day", "added_people_a_day"}) {
		t.Errorf("the firm with higher limits is warned about %q", fields)
	}
}
