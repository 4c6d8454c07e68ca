package api

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testkit"
)

// flood makes n calls and does not wait for their answers, which come to the channel.
func (r *rig) flood(n int, firm, endpoint string, body []byte, header nats.Header) <-chan *nats.Msg {
	r.t.Helper()
	answers := make(chan *nats.Msg, n)
	inbox := r.nc.NewInbox()
	_, err := r.nc.ChanSubscribe(inbox, answers)
	r.must(err)
	for range n {
		r.must(r.nc.PublishMsg(&nats.Msg{Subject: Subject(firm, endpoint), Reply: inbox, Data: body, Header: header}))
	}
	r.must(r.nc.Flush())
	return answers
}

// count waits for n answers and counts them by the code of their errors, "" for none.
func (r *rig) count(answers <-chan *nats.Msg, n int) map[string]int {
	r.t.Helper()
	codes := map[string]int{}
	for range n {
		select {
		case msg := <-answers:
			codes[msg.Header.Get(micro.ErrorCodeHeader)]++
		case <-r.ctx.Done():
			r.t.Fatalf("answers are missing: %v of %d", codes, n)
		}
	}
	return codes
}

// invited starts one worker, and invites dana of acme and of other. It returns the tokens of both links.
func (r *rig) invited() (ofAcme, ofOther string) {
	r.t.Helper()
	r.serve(pipeline.NewInviteWorker)
	for _, firm := range []string{acme, "other"} {
		s := r.scene()
		s.Firm = firm
		s.UpsertFirm()
		s.UpsertContact("dana", "Dana Wu", "dana@"+firm+".example")
		s.UpsertClient("c1", "*dana")
		s.Publish(events.InviteRequested, named("c1", "dana"))
	}
	r.settled()
	id := func(firm string) string {
		return testkit.Query[string](r.scene(), `SELECT invite_id::text FROM invites WHERE firm_id = $1`, firm)
	}
	return r.token(id(acme)), r.token(id("other"))
}

// holdLinks makes every opening of a link of acme wait, until release is called or the test ends.
func (r *rig) holdLinks() (release func()) {
	r.t.Helper()
	tx, err := r.db.Begin(r.ctx)
	r.must(err)
	_, err = tx.Exec(r.ctx, `SELECT FROM access WHERE firm_id = $1 FOR UPDATE`, acme)
	r.must(err)
	release = func() { _ = tx.Rollback(context.WithoutCancel(r.ctx)) }
	r.t.Cleanup(release)
	return release
}

// Anybody with a link of acme opens it again and again, and no answer comes. The other firm's clients open theirs, and
// its office is answered, too.
func TestAFloodOfLinksDelaysNoOtherFirm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ofAcme, ofOther := r.invited()
	release := r.holdLinks()
	const n, inLine = 500, 2 * linkBurst // a slow machine lets some more into the line
	answers := r.flood(n, acme, RedeemEndpoint, []byte(`{"token":"`+ofAcme+`"}`), nats.Header{WaitHeader: {"1h"}})
	refused := r.count(answers, n-inLine)

	opened, err := r.client.Redeem(r.ctx, "other", RedeemRequest{Token: ofOther})
	r.must(err)
	if opened.Result != Opened {
		t.Errorf("the other firm's link is %s", opened.Result)
	}
	_, err = r.client.Status(r.ctx, "other", StatusRequest{ClientID: "c1"})
	r.must(err)
	_, err = r.client.Explain(r.ctx, "other", ExplainRequest{Selection: &events.Selection{AllClients: true}})
	r.must(err)
	if refused["429"] != n-inLine {
		t.Errorf("the first answers to the flood: %v", refused)
	}
	release()
	r.count(answers, inLine)
	// The firm itself may go on: a link does not use up what its firm may call.
	_, err = r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1"})
	r.must(err)
}

// A firm asks more than a worker answers. Each of its calls gets an answer or a refusal, and another firm's calls are
// answered meanwhile.
func TestAFloodOfQuestionsIsRefusedBeyondItsShare(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.invited()
	const n = 2500
	answers := r.flood(n, acme, StatusEndpoint, []byte(`{"client_id":"c1"}`), nil)
	_, err := r.client.Status(r.ctx, "other", StatusRequest{ClientID: "c1"})
	r.must(err)
	codes := r.count(answers, n)
	if codes[""] == 0 || codes["429"] == 0 || codes[""]+codes["429"]+codes["503"] != n { // 503: it was too late
		t.Errorf("%d calls: %v", n, codes)
	}
}

// One firm explains large selections. The other's selection does not wait until all of them are explained.
func TestAFloodOfSelectionsDelaysNoOtherFirm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.invited()
	r.many(3000)
	answers := r.flood(mostSelections, acme, ExplainEndpoint, []byte(`{"selection":{"all_clients":true}}`),
		nats.Header{WaitHeader: {"25s"}})
	answer, err := r.client.Explain(r.ctx, "other", ExplainRequest{Selection: &events.Selection{AllClients: true}})
	r.must(err)
	if answer.Totals.Selected != 1 {
		t.Errorf("totals %+v", answer.Totals)
	}
	if answered := len(answers); answered == mostSelections {
		t.Errorf("all %d selections of the first firm came first", answered)
	}
	r.count(answers, mostSelections)
}

// A call says how long its caller waits. After that time nobody needs the answer.
func TestACallWaitsAsLongAsItsCaller(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ofAcme, _ := r.invited()
	r.holdLinks()
	body := []byte(`{"token":"` + ofAcme + `"}`)
	r.flood(quickOfFirm, acme, RedeemEndpoint, body, nats.Header{WaitHeader: {"1h"}})
	for _, name := range []string{WaitHeader, "Portal-Wait"} {
		late := r.flood(1, acme, RedeemEndpoint, body, nats.Header{name: {"50ms"}})
		if codes := r.count(late, 1); codes["503"] != 1 {
			t.Errorf("%s: %v, want 503", name, codes)
		}
	}
	for _, wrong := range []string{"soon", "0s", "-1s", "5"} {
		msg, err := r.nc.RequestMsgWithContext(r.ctx, &nats.Msg{
			Subject: Subject(acme, RunsEndpoint), Header: nats.Header{WaitHeader: {wrong}}})
		r.must(err)
		if code, said := msg.Header.Get(micro.ErrorCodeHeader), msg.Header.Get(micro.ErrorHeader); code != "400" ||
			said != "portal-wait: must be a duration above zero (example: 2s)" {
			t.Errorf("%s: %s %s", wrong, code, said)
		}
	}
}

// The Go client says how long it waits.
func TestTheClientSaysHowLongItWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	said := make(chan string, 1)
	_, err := r.nc.Subscribe(Subject(acme, RunsEndpoint), func(msg *nats.Msg) {
		said <- msg.Header.Get(WaitHeader)
		_ = msg.Respond([]byte(`{}`))
	})
	r.must(err)
	for _, limit := range []time.Duration{0, 7 * time.Minute} {
		ctx, cancel, longest := t.Context(), func() {}, patience
		if limit > 0 {
			ctx, cancel = context.WithTimeout(ctx, limit)
			longest = limit
		}
		_, err = r.client.Runs(ctx, acme, RunsRequest{})
		cancel()
		r.must(err)
		wait, err := time.ParseDuration(<-said)
		if err != nil || wait > longest || wait < longest-5*time.Minute {
			t.Errorf("it waits for %s, and says %s: %v", longest, wait, err)
		}
	}
}

// floodUntil makes 20,000 calls, waits for their answers and begins again.
func (r *rig) floodUntil(stop <-chan struct{}, endpoint string, body []byte) {
	for {
		answers := r.flood(20_000, acme, endpoint, body, nil)
		for range cap(answers) {
			select {
			case <-answers:
			case <-stop:
				return
			}
		}
	}
}

// BenchmarkTheOtherFirmDuringAFlood calls for one firm while another one makes 20,000 calls at once, again and again.
// The metrics are the median and the 99th percentile.
func BenchmarkTheOtherFirmDuringAFlood(b *testing.B) {
	r := newRig(b)
	ofAcme, _ := r.invited()
	r.many(5000)
	attacker := *r // with a connection of its own
	var err error
	attacker.nc, err = nats.Connect(r.nc.ConnectedUrl())
	r.must(err)
	defer attacker.nc.Close()
	for _, flood := range []struct{ name, endpoint, body string }{
		{"status", StatusEndpoint, `{"client_id":"c1"}`},
		{"redeem", RedeemEndpoint, `{"token":"` + ofAcme + `"}`},
		{"explain", ExplainEndpoint, `{"selection":{"all_clients":true}}`},
	} {
		for name, ask := range map[string]func() error{
			"status": func() error {
				_, err := r.client.Status(r.ctx, "other", StatusRequest{ClientID: "c1"})
				return err
			},
			"runs": func() error {
				_, err := r.client.Runs(r.ctx, "other", RunsRequest{})
				return err
			},
			"selection": func() error {
				_, err := r.client.Explain(r.ctx, "other", ExplainRequest{Selection: &events.Selection{AllClients: true}})
				return err
			},
		} {
			b.Run(flood.name+"/"+name, func(b *testing.B) {
				stop := make(chan struct{})
				var flooding sync.WaitGroup
				flooding.Go(func() { attacker.floodUntil(stop, flood.endpoint, []byte(flood.body)) })
				defer func() { close(stop); flooding.Wait() }()
				var took []time.Duration
				for b.Loop() {
					began := time.Now()
					if err := ask(); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(began))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms/p99")
			})
		}
	}
}
