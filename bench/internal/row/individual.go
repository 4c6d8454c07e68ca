package row

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/bench/internal/firm"
	"portal-invites/bench/internal/measure"
	"portal-invites/bench/internal/part"
	"portal-invites/bench/internal/rig"
	"portal-invites/internal/events"
)

// busy is the pipeline while it also sends a large bulk run.
const busy = "pipeline-busy"

// individual measures FileShared requests at a steady rate. A request's time begins when it was due to be published,
// and ends when a subscriber gets its InviteSent.
func (b *Bench) individual(ctx context.Context) error {
	template, err := b.reachable(ctx)
	if err != nil {
		return err
	}
	mail, err := b.sampleMail(ctx, template)
	if err != nil {
		return err
	}
	err = b.alternate(ctx, "individual",
		contender{pipeline, func(ctx context.Context) (measure.Sample, error) { return b.singles(ctx, template, false) }},
		contender{floor, func(ctx context.Context) (measure.Sample, error) { return b.echo(ctx, mail) }},
		contender{peer, func(ctx context.Context) (measure.Sample, error) { return b.singlesPeer(ctx, template) }},
		contender{busy, func(ctx context.Context) (measure.Sample, error) { return b.singles(ctx, template, true) }})
	b.compare("individual", floor, "p50-ns", measure.AtMost, 3,
		"individual p50, against NATS and one SMTP transaction alone")
	b.compare("individual", peer, "p50-ns", measure.AtMost, 0, "individual p50, against a River job")
	b.compare("individual", peer, "p99-ns", measure.AtMost, 0, "individual p99, against a River job")
	b.Ratios = append(b.Ratios, measure.Ratio{
		Row: "individual", Of: busy, Against: pipeline, Unit: "p99-ns", Wants: measure.AtMost, Limit: 3,
		Says: fmt.Sprintf("individual p99 while a run of %d is on, against idle", b.Large),
	})
	return err
}

// stopwatch has the time at which each request was due, and how long its answer took. mu guards due and took.
type stopwatch struct {
	mu    sync.Mutex
	due   map[string]time.Time
	took  []time.Duration
	wants int
	all   chan struct{} // closed when every answer has arrived
}

func newStopwatch(wants int) *stopwatch {
	return &stopwatch{due: map[string]time.Time{}, wants: wants, all: make(chan struct{})}
}

func (w *stopwatch) start(id string, due time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due[id] = due
}

// stop stops the clock of a request at its first answer.
func (w *stopwatch) stop(id string) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	due, known := w.due[id]
	if !known {
		return
	}
	delete(w.due, id)
	w.took = append(w.took, now.Sub(due))
	if len(w.took) == w.wants {
		close(w.all)
	}
}

func (w *stopwatch) wait(ctx context.Context) error {
	select {
	case <-w.all:
		return nil
	case <-ctx.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		return fmt.Errorf("%d of %d answers: %w", len(w.took), w.wants, ctx.Err())
	}
}

// sample summarises the delays. Its Took is their sum, so that ns/op is the mean.
func (w *stopwatch) sample() measure.Sample {
	var sum time.Duration
	for _, t := range w.took {
		sum += t
	}
	s := measure.Sample{Ops: len(w.took), Took: sum, More: map[string]float64{}}
	for _, p := range []float64{50, 99, 100} {
		s.More["p"+strconv.FormatFloat(p, 'g', -1, 64)+"-ns"] = float64(measure.Percentile(w.took, p))
	}
	return s
}

// watch subscribes to the outcome stream, like a dashboard, and stops the clock at each InviteSent.
func (w *stopwatch) watch(ctx context.Context, broker *rig.Broker) (stop func(), err error) {
	consumer, err := broker.JS.OrderedConsumer(ctx, events.OutcomesStream, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{outcomesOf(events.InviteSent)}, DeliverPolicy: jetstream.DeliverNewPolicy,
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to the outcomes: %w", err)
	}
	consuming, err := consumer.Consume(func(msg jetstream.Msg) {
		var outcome struct {
			Cause struct {
				ID string `json:"id"`
			} `json:"cause"`
		}
		if json.Unmarshal(msg.Data(), &outcome) == nil {
			w.stop(strings.TrimPrefix(outcome.Cause.ID, "warm-"))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to the outcomes: %w", err)
	}
	return consuming.Stop, nil
}

// pace calls publish n times at the rate b.Rate. Each clock starts when its request is due, even if the machine is
// late.
func (b *Bench) pace(ctx context.Context, w *stopwatch, n int, publish func(id string, i int) error) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(b.Rate))
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		id := "single-" + strconv.Itoa(i)
		w.start(id, due)
		if err := publish(id, i); err != nil {
			return fmt.Errorf("publish request %d: %w", i, err)
		}
	}
	return nil
}

// warmUp is how many requests are sent before the measured ones, so that connections are open and the first mails are
// composed. Another row measures a cold start.
const warmUp = 20

// ask publishes requests at a steady rate, after those to warm up, and waits for their outcomes. Each i must give a
// request for another client.
func (b *Bench) ask(
	ctx context.Context, broker *rig.Broker, n int, request func(id string, i int) *nats.Msg,
) (measure.Sample, error) {
	warm := func(id string, i int) *nats.Msg { return request("warm-"+id, n+i) }
	if _, err := b.askOnce(ctx, broker, warmUp, warm); err != nil {
		return measure.Sample{}, err
	}
	return b.askOnce(ctx, broker, n, request)
}

func (b *Bench) askOnce(
	ctx context.Context, broker *rig.Broker, n int, request func(id string, i int) *nats.Msg,
) (measure.Sample, error) {
	w := newStopwatch(n)
	stop, err := w.watch(ctx, broker)
	if err != nil {
		return measure.Sample{}, err
	}
	defer stop()
	if err := b.pace(ctx, w, n, func(id string, i int) error {
		_, err := broker.JS.PublishMsgAsync(request(id, i))
		return err
	}); err != nil {
		return measure.Sample{}, err
	}
	if err := w.wait(ctx); err != nil {
		return measure.Sample{}, err
	}
	return w.sample(), nil
}

// singles measures the pipeline, alone or while it also sends a bulk run.
func (b *Bench) singles(ctx context.Context, template string, beside bool) (measure.Sample, error) {
	s, err := b.startTrial(ctx, rig.InviteWorker, b.Rig.Durable, template)
	if err != nil {
		return measure.Sample{}, err
	}
	bulk, err := b.Rig.Worker(ctx, rig.BulkWorker, s.broker, s.db)
	if err != nil {
		return measure.Sample{}, err
	}
	if beside {
		if err := b.beginLarge(ctx, s.broker); err != nil {
			return measure.Sample{}, err
		}
	}
	sample, err := b.ask(ctx, s.broker, b.Singles,
		func(id string, i int) *nats.Msg { return firm.ShareFile(id, firm.Business(i)) })
	if err != nil {
		return sample, fmt.Errorf("%w: %s", err, s.Tail())
	}
	if beside {
		if err := b.stillOn(ctx, s); err != nil {
			return sample, err
		}
		bulk.Kill() // the rest of the run does not matter
	} else if _, err := bulk.Stop(); err != nil {
		return sample, err
	}
	_, err = s.finish(ctx)
	return sample, err
}

// beginLarge starts the large run, and returns when its first mails are sent.
func (b *Bench) beginLarge(ctx context.Context, broker *rig.Broker) error {
	if err := publish(ctx, broker, firm.InviteAll("large", "individual")); err != nil {
		return err
	}
	return broker.AwaitOutcomes(ctx, b.Rig.Connections)
}

// stillOn checks that the large run is still active at the end of a measurement beside it. If the run had ended before,
// the number would look too good. A small benchmark has no large run.
func (b *Bench) stillOn(ctx context.Context, s *trial) error {
	if b.Small {
		return nil
	}
	on, err := s.db.Count(ctx, `SELECT count(*) FROM runs WHERE completed_at IS NULL`)
	if err != nil {
		return err
	}
	return expect("large runs still on", on, 1)
}

// singlesPeer measures the peer: River does the same.
func (b *Bench) singlesPeer(ctx context.Context, template string) (measure.Sample, error) {
	s, err := b.startPeer(ctx, b.Rig.Durable, template)
	if err != nil {
		return measure.Sample{}, err
	}
	sample, err := b.ask(ctx, s.broker, b.Singles,
		func(id string, i int) *nats.Msg { return firm.ShareFile(id, firm.Business(i)) })
	if err != nil {
		return sample, fmt.Errorf("%w: %s", err, s.Tail())
	}
	_, err = s.finish(ctx)
	return sample, err
}

// echo measures the floor, which has no stream and no database.
func (b *Bench) echo(ctx context.Context, mail []byte) (measure.Sample, error) {
	broker := b.Rig.Durable
	db, err := b.empty(ctx, broker, "")
	if err != nil {
		return measure.Sample{}, err
	}
	defer db.Close()
	path := filepath.Join(b.Rig.Dir(), "mail.eml")
	if err := os.WriteFile(path, mail, 0o600); err != nil {
		return measure.Sample{}, fmt.Errorf("keep the mail: %w", err)
	}
	p, _, err := b.Rig.Part(ctx, b.Rig.Env(broker, db), "echo", "--mail", path)
	if err != nil {
		return measure.Sample{}, err
	}
	if _, err := b.echoes(ctx, broker, warmUp); err != nil {
		return measure.Sample{}, fmt.Errorf("%w: %s", err, p.Tail())
	}
	sample, err := b.echoes(ctx, broker, b.Singles)
	if err != nil {
		return measure.Sample{}, fmt.Errorf("%w: %s", err, p.Tail())
	}
	_, err = p.Stop()
	return sample, err
}

func (b *Bench) echoes(ctx context.Context, broker *rig.Broker, n int) (measure.Sample, error) {
	w := newStopwatch(n)
	sub, err := broker.Conn.Subscribe(part.EchoOut, func(m *nats.Msg) { w.stop(string(m.Data)) })
	if err != nil {
		return measure.Sample{}, fmt.Errorf("subscribe: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	publish := func(id string, _ int) error { return broker.Conn.Publish(part.EchoIn, []byte(id)) }
	if err := b.pace(ctx, w, n, publish); err != nil {
		return measure.Sample{}, err
	}
	if err := w.wait(ctx); err != nil {
		return measure.Sample{}, err
	}
	return w.sample(), nil
}
