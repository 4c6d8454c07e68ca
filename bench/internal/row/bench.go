// Package row has the rows of the table. Each row measures the pipeline, its floors and its peers in turn.
package row

import (
	"context"
	"fmt"
	"io"
	"iter"
	"runtime/debug"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/bench/internal/measure"
	"portal-invites/bench/internal/rig"
	"portal-invites/internal/events"
)

// Sizes say how much work the rows do.
type Sizes struct {
	Small      bool // too small to measure speed
	Rounds     int
	Contacts   int           // decided in one run, published as facts, replayed
	Sends      int           // mails of one bulk run
	Far        int           // mails for each connection to a server far away
	Singles    int           // individual invites of one round; with those to warm up, at most Sends
	Rate       int           // individual invites in a second
	Large      int           // recipients of the run beside which individual invites are measured
	Crowd      int           // individual invites during that run
	Growth     []int         // contacts, smallest first
	Outage     time.Duration // how long the mail server is away
	Backlog    int           // individual requests during the outage
	Redelivers int           // individual invites that are redelivered after a reset
	Ledger     int           // invites of past years
	Flood      int           // events, or calls, that one firm sends at once
}

// Full returns the sizes of `make bench`.
func Full() Sizes {
	return Sizes{
		Rounds: 3, Contacts: 100_000, Sends: 20_000, Far: 100, Singles: 1700, Rate: 100, Large: 100_000, Crowd: 200,
		Growth: []int{10_000, 100_000, 1_000_000}, Outage: time.Minute, Backlog: 10_000, Redelivers: 100_000,
		Ledger: 2_000_000, Flood: 20_000,
	}
}

// Quick returns the smallest sizes, for one iteration of everything. It shows that the benchmark works, but nothing
// about speed.
func Quick() Sizes {
	return Sizes{
		Small: true, Rounds: 1, Contacts: 600, Sends: 60, Far: 2, Singles: 20, Rate: 100, Large: 1500, Crowd: 10,
		Growth: []int{100, 200, 400}, Outage: time.Second, Backlog: 20, Redelivers: 60,
		Ledger: 20_000, Flood: 100,
	}
}

// Scaled returns sizes with a part of the work, for a first look.
func (s Sizes) Scaled(by float64) Sizes {
	for _, n := range []*int{
		&s.Contacts, &s.Sends, &s.Singles, &s.Large, &s.Crowd, &s.Backlog, &s.Redelivers, &s.Ledger, &s.Flood,
	} {
		*n = max(int(float64(*n)*by)/2*2, smallRun) // contacts come in pairs
	}
	s.Sends = max(s.Sends, s.Singles+warmUp, s.Crowd+smallRun+warmUp) // each individual invite is for another business
	s.Growth = slices.Clone(s.Growth)
	for i, n := range s.Growth {
		s.Growth[i] = max(int(float64(n)*by)/2*2, smallRun)
	}
	return s
}

// Bench is one run of the benchmark.
type Bench struct {
	Sizes
	Rig     *rig.Rig
	Log     io.Writer
	Samples measure.Set
	Ratios  []measure.Ratio

	firms map[string]bool // databases that already have a firm
}

// The contenders that have the same name in every row.
const (
	pipeline = "pipeline"
	floor    = "floor"
	peer     = "peer"
)

// Row is one row of the table.
type Row struct {
	Name string
	Run  func(*Bench, context.Context) error
}

// All lists the rows in the order in which they run.
func All() []Row {
	return []Row{
		{"deciding", (*Bench).deciding},
		{"sending", (*Bench).sending},
		{"far away", (*Bench).farAway},
		{"individual", (*Bench).individual},
		{"events in", (*Bench).eventsIn},
		{"replay", (*Bench).replay},
		{"reset", (*Bench).reset},
		{"growth", (*Bench).growth},
		{"ledger", (*Bench).ledger},
		{"two workers", (*Bench).twoWorkers},
		{"two senders", (*Bench).twoSenders},
		{"crowd", (*Bench).crowd},
		{"flood", (*Bench).flood},
		{"flood of calls", (*Bench).floodOfCalls},
		{"start", (*Bench).start},
		{"outage", (*Bench).outage},
	}
}

// contender is one contender of a row. The caller of run sets Row, By and Round of the sample.
type contender struct {
	by  string
	run func(context.Context) (measure.Sample, error)
}

// alternate runs the contenders one after the other, round by round. Each round begins with another contender, so that
// none always follows the same one.
func (b *Bench) alternate(ctx context.Context, row string, contenders ...contender) error {
	for round := 1; round <= b.Rounds; round++ {
		turn := slices.Concat(contenders[(round-1)%len(contenders):], contenders[:(round-1)%len(contenders)])
		for _, c := range turn {
			debug.FreeOSMemory() // so that one contender does not pay for another's garbage
			s, err := c.run(ctx)
			if err != nil {
				return fmt.Errorf("%s, %s, round %d: %w", row, c.by, round, err)
			}
			s.Row, s.By, s.Round = row, c.by, round
			b.note(s)
		}
	}
	return nil
}

func (b *Bench) note(s measure.Sample) {
	b.Samples = append(b.Samples, s)
	fmt.Fprintf(b.Log, "%-28s %-20s round %d  %10s for %d", s.Row, s.By, s.Round, s.Took.Round(time.Millisecond), s.Ops)
	for _, unit := range s.Units() {
		fmt.Fprintf(b.Log, "  %.4g %s", s.More[unit], unit)
	}
	fmt.Fprintln(b.Log)
}

// compare adds a ratio of the pipeline to the table.
func (b *Bench) compare(row, against, unit string, wants measure.Direction, limit float64, says string) {
	b.Ratios = append(b.Ratios, measure.Ratio{
		Row: row, Of: pipeline, Against: against, Unit: unit, Wants: wants, Limit: limit, Says: says,
	})
}

// compareCPU adds the ratio of the CPU time for each operation: the pipeline's processes against the other contender's.
func (b *Bench) compareCPU(row, against, says string) {
	b.compare(row, against, rig.AllCPU, measure.AtLeast, 0, says+", in CPU time")
}

// loadBatch is how many facts are in memory at the same time while a firm is loaded.
const loadBatch = 10_000

// firmDatabase returns a database with a firm's facts, as a template for the databases of the rounds. The first call
// for a firm creates it: it publishes the facts, and a worker applies them.
func (b *Bench) firmDatabase(ctx context.Context, name string, facts iter.Seq[*nats.Msg]) (string, error) {
	name = "firm_" + name
	if b.firms[name] {
		return name, nil
	}
	began := time.Now()
	d, err := b.Rig.NewDatabase(ctx, name, "")
	if err != nil {
		return "", err
	}
	defer d.Close()
	broker := b.Rig.Durable
	if err := broker.FreshStreams(ctx); err != nil {
		return "", err
	}
	worker, err := b.Rig.Worker(ctx, rig.BulkWorker, broker, d)
	if err != nil {
		return "", err
	}
	n, err := publishAll(ctx, broker, facts)
	if err != nil {
		return "", err
	}
	if err := broker.AwaitDurable(ctx, events.FactsDurable); err != nil {
		return "", err
	}
	if _, err := worker.Stop(); err != nil {
		return "", err
	}
	if _, err := d.Pool.Exec(ctx, "VACUUM (ANALYZE)"); err != nil {
		return "", fmt.Errorf("prepare database %s: %w", name, err)
	}
	fmt.Fprintf(b.Log, "%-28s %d facts in %s\n", name, n, time.Since(began).Round(time.Millisecond))
	if b.firms == nil {
		b.firms = map[string]bool{}
	}
	b.firms[name] = true
	return name, nil
}

// publishAll publishes events in atomic batches and returns how many there were.
func publishAll(ctx context.Context, broker *rig.Broker, msgs iter.Seq[*nats.Msg]) (int, error) {
	n := 0
	batch := make([]*nats.Msg, 0, loadBatch)
	flush := func() error {
		n += len(batch)
		err := events.Publish(ctx, broker.JS, batch)
		batch = batch[:0]
		return err
	}
	for msg := range msgs {
		if batch = append(batch, msg); len(batch) == loadBatch {
			if err := flush(); err != nil {
				return n, err
			}
		}
	}
	return n, flush()
}

// publish publishes one event and waits for the stream's acknowledgement.
func publish(ctx context.Context, broker *rig.Broker, msg *nats.Msg) error {
	if _, err := broker.JS.PublishMsg(ctx, msg); err != nil {
		return fmt.Errorf("publish to %s: %w", msg.Subject, err)
	}
	return nil
}

// trial is a worker with a copy of a firm's database and with empty streams.
type trial struct {
	*rig.Process
	broker *rig.Broker
	db     *rig.Database
}

// startTrial starts a worker, and waits until it works.
func (b *Bench) startTrial(ctx context.Context, command string, broker *rig.Broker, template string) (*trial, error) {
	db, err := b.empty(ctx, broker, template)
	if err != nil {
		return nil, err
	}
	worker, err := b.Rig.Worker(ctx, command, broker, db)
	if err != nil {
		return nil, err
	}
	return &trial{Process: worker, broker: broker, db: db}, nil
}

// empty empties the streams and the sink, and returns a copy of a database.
func (b *Bench) empty(ctx context.Context, broker *rig.Broker, template string) (*rig.Database, error) {
	if err := broker.FreshStreams(ctx); err != nil {
		return nil, err
	}
	if err := b.Rig.Sink.Reset(ctx); err != nil {
		return nil, err
	}
	return b.Rig.NewDatabase(ctx, "round", template)
}

// finish ends a trial, and returns what its worker has used. The database stays until the next trial.
func (s *trial) finish(ctx context.Context) (rig.Usage, error) {
	usage, err := s.Stop()
	if err == nil {
		err = s.db.WriteStatements(ctx, s.Process)
	}
	s.db.Close()
	return usage, err
}

// outcomesOf returns the subject of a type of outcome. For skips, it matches all reasons.
func outcomesOf(t events.Type) string {
	subject := "portal." + string(events.Outcomes) + ".bench." + string(t)
	if t == events.InviteSkipped {
		subject += ".>"
	}
	return subject
}

// expect checks that a contender has done its work, since its speed means nothing otherwise.
func expect(what string, got, want int) error {
	if got != want {
		return fmt.Errorf("%s: %d, want %d", what, got, want)
	}
	return nil
}

// megabytes converts bytes to megabytes.
func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
