package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/rules"
)

// publishOutcome publishes an outcome as a worker does, and returns its id.
func (r *rig) publishOutcome(firm string, t events.Type, client string, run uuid.UUID, reason rules.Code) string {
	r.t.Helper()
	about := events.About{FirmID: firm, InviteID: uuid.New(), Revision: 1, ClientID: client, RunID: &run}
	event := events.InviteOutcome(t, about, reason, about, events.Trace{})
	event.Time = time.Now()
	msg, err := event.Message()
	r.must(err)
	_, err = r.js.PublishMsg(r.ctx, msg)
	r.must(err)
	return event.ID
}

// read reads all outcomes that a request is about, page by page, and returns their ids.
func (r *rig) read(firm string, q OutcomesRequest) []string {
	r.t.Helper()
	ids := []string{}
	for {
		answer, err := r.client.Outcomes(r.ctx, firm, q)
		r.must(err)
		for _, o := range answer.Outcomes {
			ids = append(ids, o.ID)
		}
		if q.After = answer.After; !answer.More {
			return ids
		}
	}
}

func TestOutcomesAreThoseOfTheFirm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(pipeline.NewInviteWorker)
	run, another := uuid.New(), uuid.New()
	began := time.Now()
	sent := r.publishOutcome(acme, events.InviteSent, "c1", run, "")
	r.publishOutcome("other", events.InviteSent, "c1", run, "")
	missing := r.publishOutcome(acme, events.InviteSkipped, "c2", run, rules.EmailMissing)
	shared := r.publishOutcome(acme, events.InviteSkipped, "c1", another, rules.EmailShared)
	// The broker's acknowledgement went to a reply subject that somebody chose. It is not an outcome.
	_, err := r.js.Publish(r.ctx, "portal.outcomes.acme.InviteSent", []byte(`{"stream":"OTHER","seq":1}`))
	r.must(err)
	failed := r.publishOutcome(acme, events.InviteFailed, "c2", another, "")
	all := []string{sent, missing, shared, failed}

	for _, c := range []struct {
		name string
		ask  OutcomesRequest
		want []string
	}{
		{"all", OutcomesRequest{}, all},
		{"by type", OutcomesRequest{Types: []events.Type{events.InviteSent}}, []string{sent}},
		{"by types", OutcomesRequest{Types: []events.Type{events.InviteFailed, events.InviteSent}},
			[]string{sent, failed}},
		{"skips", OutcomesRequest{Types: []events.Type{events.InviteSkipped}}, []string{missing, shared}},
		{"by reason", OutcomesRequest{Reasons: []rules.Code{rules.EmailShared}}, []string{shared}},
		{"by type or reason", OutcomesRequest{Types: []events.Type{events.InviteSent, events.InviteSkipped},
			Reasons: []rules.Code{rules.EmailMissing}}, []string{sent, missing}},
		{"by run", OutcomesRequest{RunID: strings.ToUpper(another.String())}, []string{shared, failed}},
		{"by client", OutcomesRequest{ClientID: "c2"}, []string{missing, failed}},
		{"by client and type", OutcomesRequest{ClientID: "c2", Types: []events.Type{events.InviteFailed}},
			[]string{failed}},
		{"since before", OutcomesRequest{Since: began.Add(-time.Minute)}, all},
		{"since later", OutcomesRequest{Since: time.Now().Add(time.Hour)}, []string{}},
		{"new ones", OutcomesRequest{New: true}, []string{}},
	} {
		for _, limit := range []int{0, 1, 2} {
			c.ask.Limit = limit
			if got := r.read(acme, c.ask); !slices.Equal(got, c.want) {
				t.Errorf("%s, %d at once: %q, want %q", c.name, limit, got, c.want)
			}
		}
	}
	if got := r.read("third", OutcomesRequest{}); len(got) != 0 {
		t.Errorf("a firm without outcomes sees %q", got)
	}
	answer, err := r.client.Outcomes(r.ctx, acme, OutcomesRequest{Limit: 1})
	r.must(err)
	o := answer.Outcomes[0]
	var data struct {
		Firm string `json:"firm_id"`
	}
	r.must(json.Unmarshal(o.Data, &data))
	if o.Type != events.InviteSent || o.Sequence != 1 || o.Time.Before(began.Add(-time.Second)) || data.Firm != acme {
		t.Errorf("%+v", o)
	}
}

// Where to go on belongs to the question and the firm.
func TestAPlaceBelongsToItsQuestion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(pipeline.NewInviteWorker)
	r.publishOutcome(acme, events.InviteSent, "c1", uuid.New(), "")
	answer, err := r.client.Outcomes(r.ctx, acme, OutcomesRequest{})
	r.must(err)
	next := OutcomesRequest{After: answer.After, Limit: 3, Wait: "1ms"} // these two may change
	_, err = r.client.Outcomes(r.ctx, acme, next)
	r.must(err)
	_, err = r.client.Outcomes(r.ctx, "other", next)
	refused(t, err, 400, "after: ")
	for _, change := range []func(*OutcomesRequest){
		func(q *OutcomesRequest) { q.Types = []events.Type{events.InviteSent} },
		func(q *OutcomesRequest) { q.ClientID = "c1" },
		func(q *OutcomesRequest) { q.New = true },
		func(q *OutcomesRequest) { q.After = "x" },
	} {
		other := next
		change(&other)
		_, err = r.client.Outcomes(r.ctx, acme, other)
		refused(t, err, 400, "after: ")
	}
	runs, err := newPager(Page{}, RunsEndpoint, acme, RunsRequest{})
	r.must(err)
	cursor, err := runs.next(newestFirst{})
	r.must(err)
	_, err = r.client.Outcomes(r.ctx, acme, OutcomesRequest{After: cursor})
	refused(t, err, 400, "after: ")
}

func TestOutcomesSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(pipeline.NewInviteWorker)
	for begins, q := range map[string]OutcomesRequest{
		"types[1]: ":   {Types: []events.Type{events.InviteSent, events.FileShared}},
		"reasons[0]: ": {Reasons: []rules.Code{"bad_luck"}},
		"reasons: ":    {Types: []events.Type{events.InviteSent}, Reasons: []rules.Code{rules.EmailShared}},
		"run_id: ":     {RunID: "r1"},
		"new: ":        {New: true, Since: time.Now()},
		"limit: ":      {Limit: 1001},
		"wait: must":   {Wait: "61s"},
		"after: ":      {After: "?"},
	} {
		_, err := r.client.Outcomes(r.ctx, acme, q)
		refused(t, err, 400, begins)
	}
	_, err := r.client.Outcomes(r.ctx, acme, OutcomesRequest{Wait: "soon"})
	refused(t, err, 400, "wait: ")
	_, err = r.client.Outcomes(r.ctx, acme, OutcomesRequest{Wait: "-1s"})
	refused(t, err, 400, "wait: ")
}

// A call waits for an outcome that it asks for, and for no other.
func TestACallWaitsForOutcomes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(pipeline.NewInviteWorker)
	r.publishOutcome(acme, events.InviteFailed, "c1", uuid.New(), "")
	run := uuid.New()
	q := OutcomesRequest{Types: []events.Type{events.InviteFailed}, RunID: run.String(), New: true}
	place, err := r.client.Outcomes(r.ctx, acme, q)
	r.must(err)
	q.After, q.Wait = place.After, "60s"
	type got struct {
		answer OutcomesAnswer
		err    error
	}
	answered := make(chan got, 1)
	go func() {
		answer, err := r.client.Outcomes(r.ctx, acme, q)
		answered <- got{answer, err}
	}()
	r.publishOutcome("other", events.InviteFailed, "c1", run, "")
	r.publishOutcome(acme, events.InviteSent, "c1", run, "")
	r.publishOutcome(acme, events.InviteFailed, "c1", uuid.New(), "")
	want := r.publishOutcome(acme, events.InviteFailed, "c1", run, "")
	a := <-answered
	r.must(a.err)
	if len(a.answer.Outcomes) != 1 || a.answer.Outcomes[0].ID != want || a.answer.Resync {
		t.Errorf("%+v, want %s", a.answer, want)
	}
	q.After, q.Wait = a.answer.After, "10ms"
	nothing, err := r.client.Outcomes(r.ctx, acme, q)
	r.must(err)
	if len(nothing.Outcomes) > 0 || nothing.More || nothing.After != a.answer.After {
		t.Errorf("%+v", nothing)
	}
}

// Calls that wait for outcomes have no slots, and each firm may have some. At a stop they are answered.
func TestWaitingCallsDelayNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.serve(pipeline.NewInviteWorker)
	waiting := r.flood(mostWatchingOfFirm+1, acme, OutcomesEndpoint, []byte(`{"wait":"60s"}`), nil)
	if codes := r.count(waiting, 1); codes["429"] != 1 {
		t.Errorf("one call too many: %v", codes)
	}
	for _, firm := range []string{acme, "other"} {
		_, err := r.client.Runs(r.ctx, firm, RunsRequest{})
		r.must(err)
	}
	id := r.publishOutcome("other", events.InviteSent, "c1", uuid.New(), "")
	answer, err := r.client.Outcomes(r.ctx, "other", OutcomesRequest{Wait: "60s"})
	r.must(err)
	if len(answer.Outcomes) != 1 || answer.Outcomes[0].ID != id {
		t.Errorf("%+v", answer)
	}
	if len(waiting) > 0 {
		t.Error("a call of the first firm has an answer, and there is no outcome")
	}
	stop()
	if codes := r.count(waiting, mostWatchingOfFirm); codes[""] != mostWatchingOfFirm {
		t.Errorf("at the stop: %v", codes)
	}
}

// A stream that was removed and made anew begins at 1 again. Whoever was further in the old one is told, and begins at
// the beginning.
func TestAStreamMadeAnewIsNoticed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(pipeline.NewInviteWorker)
	for range 3 {
		r.publishOutcome(acme, events.InviteSent, "c1", uuid.New(), "")
	}
	q := OutcomesRequest{New: true}
	place, err := r.client.Outcomes(r.ctx, acme, q)
	r.must(err)
	r.must(r.js.DeleteStream(r.ctx, events.OutcomesStream))
	r.must(events.Topology{}.Ensure(r.ctx, r.js))
	first := r.publishOutcome(acme, events.InviteSent, "c1", uuid.New(), "")
	q.After, q.Wait = place.After, "60s"
	answer, err := r.client.Outcomes(r.ctx, acme, q)
	r.must(err)
	if !answer.Resync || len(answer.Outcomes) != 1 || answer.Outcomes[0].ID != first {
		t.Errorf("%+v", answer)
	}
	q.After, q.Wait = answer.After, ""
	if answer, err = r.client.Outcomes(r.ctx, acme, q); err != nil || answer.Resync || len(answer.Outcomes) > 0 {
		t.Errorf("%+v, %v", answer, err)
	}
}

// Many outcomes are not asked for. A call examines some of them, and says that there is more.
func TestACallExaminesSomeOfManyOutcomes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(pipeline.NewInviteWorker)
	var msgs []*nats.Msg
	for range mostExamined + 10 {
		msg, err := events.InviteOutcome(events.InviteSent, events.About{FirmID: acme, InviteID: uuid.New(), ClientID: "c1"},
			"", events.About{ClientID: "c1"}, events.Trace{}).Message()
		r.must(err)
		msgs = append(msgs, msg)
	}
	r.must(events.Publish(r.ctx, r.js, msgs))
	last := r.publishOutcome(acme, events.InviteSent, "c2", uuid.New(), "")
	q := OutcomesRequest{ClientID: "c2", Wait: "60s"}
	answer, err := r.client.Outcomes(r.ctx, acme, q)
	r.must(err)
	if len(answer.Outcomes) != 0 || !answer.More {
		t.Fatalf("%d outcomes, more: %v", len(answer.Outcomes), answer.More)
	}
	if got := r.read(acme, q); len(got) != 1 || got[0] != last {
		t.Errorf("%q", got)
	}
}
