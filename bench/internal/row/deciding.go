package row

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"portal-invites/bench/internal/firm"
	"portal-invites/bench/internal/measure"
	"portal-invites/bench/internal/rig"
	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// decidedTemplate is a database after a run without eligible contacts.
const decidedTemplate = "decided"

// deciding measures a bulk run without eligible contacts, from publishing the request until the last outcome is on the
// stream. Its floor writes the same rows and publishes the same messages. The jobs of its peer do nothing.
func (b *Bench) deciding(ctx context.Context) error {
	template, err := b.unreachable(ctx, b.Contacts)
	if err != nil {
		return err
	}
	result, err := b.decided(ctx, template)
	if err != nil {
		return err
	}
	err = b.alternate(ctx, "deciding",
		contender{pipeline, func(ctx context.Context) (measure.Sample, error) { return b.decide(ctx, template, b.Contacts) }},
		contender{floor, func(ctx context.Context) (measure.Sample, error) { return b.decideFloor(ctx, result) }},
		contender{peer, b.riverNoop})
	b.compare("deciding", floor, measure.PerOp, measure.AtLeast, 0.5, "deciding, against the same rows and messages alone")
	b.compare("deciding", peer, measure.PerOp, measure.AtLeast, 1, "deciding, against River's no-op jobs")
	b.compareCPU("deciding", floor, "deciding, against the same rows and messages alone")
	b.compareCPU("deciding", peer, "deciding, against River's no-op jobs")
	return err
}

func (b *Bench) unreachable(ctx context.Context, contacts int) (string, error) {
	return b.firmDatabase(ctx, "unreachable_"+strconv.Itoa(contacts), firm.Unreachable(contacts))
}

// decide measures the pipeline.
func (b *Bench) decide(ctx context.Context, template string, contacts int) (measure.Sample, error) {
	s, err := b.startTrial(ctx, rig.BulkWorker, b.Rig.Durable, template)
	if err != nil {
		return measure.Sample{}, err
	}
	sample, err := b.decideOn(ctx, s, contacts)
	if err != nil {
		return sample, err
	}
	usage, err := s.finish(ctx)
	sample.More["RSS-MB"] = megabytes(usage.PeakRSS)
	return sample, err
}

func (b *Bench) decideOn(ctx context.Context, s *trial, contacts int) (measure.Sample, error) {
	meter := b.Rig.Measure(ctx, s.broker, s.Process)
	took, err := s.run(ctx, firm.InviteAll("run-1", ""))
	if err != nil {
		return measure.Sample{}, err
	}
	more := meter.Each(ctx, contacts)
	skipped, err := s.broker.Outcomes(ctx, outcomesOf(events.InviteSkipped))
	if err != nil {
		return measure.Sample{}, err
	}
	return measure.Sample{Ops: contacts, Took: took, More: more}, expect("skips on the stream", skipped, contacts)
}

// run publishes a request that becomes a run. It returns how long it took until RunCompleted, which is the run's last
// outcome, was on the stream.
func (s *trial) run(ctx context.Context, request *nats.Msg) (time.Duration, error) {
	completed, err := s.broker.Conn.SubscribeSync(outcomesOf(events.RunCompleted))
	if err != nil {
		return 0, fmt.Errorf("subscribe to the run's end: %w", err)
	}
	defer func() { _ = completed.Unsubscribe() }()
	if err := s.broker.Conn.Flush(); err != nil {
		return 0, fmt.Errorf("subscribe to the run's end: %w", err)
	}
	began := time.Now()
	if err := publish(ctx, s.broker, request); err != nil {
		return 0, err
	}
	if _, err := completed.NextMsgWithContext(ctx); err != nil {
		return 0, fmt.Errorf("wait for the run's end: %w: %s", err, s.Tail())
	}
	// A subscriber gets a message before the stream has stored the message's batch.
	err = s.broker.AwaitSubject(ctx, outcomesOf(events.RunCompleted))
	return time.Since(began), err
}

// runResult has the rows and messages of a run, which the floor writes, too.
type runResult struct {
	invites  []store.Invite
	outcomes []*nats.Msg
}

// decided runs the pipeline once, keeps its database as a template, and reads the run's rows and messages.
func (b *Bench) decided(ctx context.Context, template string) (*runResult, error) {
	s, err := b.startTrial(ctx, rig.BulkWorker, b.Rig.Durable, template)
	if err != nil {
		return nil, err
	}
	if _, err := b.decideOn(ctx, s, b.Contacts); err != nil {
		return nil, err
	}
	result := &runResult{}
	if result.invites, err = loadInvites(ctx, s.db); err != nil {
		return nil, err
	}
	if result.outcomes, err = readOutcomes(ctx, s.broker); err != nil {
		return nil, err
	}
	if _, err := s.finish(ctx); err != nil {
		return nil, err
	}
	d, err := b.Rig.NewDatabase(ctx, decidedTemplate, "round")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	_, err = d.Pool.Exec(ctx, "VACUUM (ANALYZE)")
	return result, err
}

func loadInvites(ctx context.Context, d *rig.Database) ([]store.Invite, error) {
	rows, err := d.Pool.Query(ctx, `SELECT invite_id FROM invites`)
	if err != nil {
		return nil, fmt.Errorf("read the invites: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("read the invites: %w", err)
	}
	st, err := store.Open(ctx, d.URL, 1)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	invites := make([]store.Invite, 0, len(ids))
	for page := range slices.Chunk(ids, 1000) {
		err := st.Read(ctx, func(tx *store.Tx) error {
			found, err := tx.LoadInvites(ctx, page)
			for _, id := range page {
				invites = append(invites, found[id])
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return invites, nil
}

// readOutcomes returns the messages of the outcome stream, in a form that can be published again.
func readOutcomes(ctx context.Context, broker *rig.Broker) ([]*nats.Msg, error) {
	_, n, err := broker.Bytes(ctx, events.OutcomesStream)
	if err != nil {
		return nil, err
	}
	consumer, err := broker.JS.OrderedConsumer(ctx, events.OutcomesStream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, fmt.Errorf("read the outcomes: %w", err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, fmt.Errorf("read the outcomes: %w", err)
	}
	defer messages.Stop()
	msgs := make([]*nats.Msg, n)
	for i := range msgs {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("read the outcomes: %w", err)
		}
		msgs[i] = &nats.Msg{Subject: msg.Subject(), Header: written(msg.Headers()), Data: msg.Data()}
	}
	return msgs, nil
}

// written returns the headers that the publisher wrote. It drops the headers of batches and of the stream, since the
// broker would act on them.
func written(h nats.Header) nats.Header {
	kept := nats.Header{}
	for name, values := range h {
		if !strings.HasPrefix(name, "Nats-") || name == nats.MsgIdHdr {
			kept[name] = values
		}
	}
	return kept
}

// floorBatch is how many rows or messages the floor writes at once. It is the greatest size of an atomic batch.
const floorBatch = 1000

// decideFloor measures the floor: it writes the rows and publishes the messages of a run at the same time, with the
// pipeline's own statements, and does nothing else.
func (b *Bench) decideFloor(ctx context.Context, result *runResult) (measure.Sample, error) {
	broker := b.Rig.Durable
	d, err := b.empty(ctx, broker, decidedTemplate)
	if err != nil {
		return measure.Sample{}, err
	}
	defer d.Close()
	if _, err := d.Pool.Exec(ctx, "TRUNCATE invites CASCADE"); err != nil {
		return measure.Sample{}, fmt.Errorf("empty the ledger: %w", err)
	}
	if _, err := d.Pool.Exec(ctx, "CHECKPOINT"); err != nil {
		return measure.Sample{}, fmt.Errorf("empty the ledger: %w", err)
	}
	st, err := store.Open(ctx, d.URL, 1)
	if err != nil {
		return measure.Sample{}, err
	}
	defer st.Close()
	if err := st.Ping(ctx); err != nil {
		return measure.Sample{}, err
	}
	meter := b.Rig.Measure(ctx, broker, nil)
	began := time.Now()
	var both errgroup.Group
	both.Go(func() error {
		for rows := range slices.Chunk(result.invites, floorBatch) {
			if err := st.Tx(ctx, func(tx *store.Tx) error { return tx.InsertInvites(ctx, rows) }); err != nil {
				return err
			}
		}
		return nil
	})
	both.Go(func() error { return events.Publish(ctx, broker.JS, result.outcomes) })
	if err := both.Wait(); err != nil {
		return measure.Sample{}, err
	}
	took := time.Since(began)
	return measure.Sample{Ops: len(result.invites), Took: took, More: meter.Each(ctx, len(result.invites))}, nil
}

// riverNoop measures the peer: River inserts and works one job for each contact.
func (b *Bench) riverNoop(ctx context.Context) (measure.Sample, error) {
	d, err := b.empty(ctx, b.Rig.Durable, "")
	if err != nil {
		return measure.Sample{}, err
	}
	defer d.Close()
	p, _, err := b.Rig.Part(ctx, b.Rig.Env(b.Rig.Durable, d), "river-noop", "--jobs", strconv.Itoa(b.Contacts))
	if err != nil {
		return measure.Sample{}, err
	}
	meter := b.Rig.Measure(ctx, b.Rig.Durable, p)
	line, err := p.Await(ctx, "took ")
	if err != nil {
		return measure.Sample{}, err
	}
	more := meter.Each(ctx, b.Contacts)
	nanoseconds, err := strconv.ParseInt(strings.TrimPrefix(line, "took "), 10, 64)
	if err != nil {
		return measure.Sample{}, fmt.Errorf("river-noop printed %q: %w", line, err)
	}
	_, err = p.Stop()
	return measure.Sample{Ops: b.Contacts, Took: time.Duration(nanoseconds), More: more}, err
}
