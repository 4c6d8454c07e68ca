package row

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	gomail "github.com/wneessen/go-mail"
	"golang.org/x/sync/errgroup"

	"portal-invites/bench/internal/firm"
	"portal-invites/bench/internal/measure"
	"portal-invites/bench/internal/rig"
	"portal-invites/internal/events"
)

// sending measures a bulk run over contacts who can all be invited, from publishing the request until the last outcome
// is on the stream. Its floor is go-mail alone.
func (b *Bench) sending(ctx context.Context) error {
	template, err := b.reachable(ctx)
	if err != nil {
		return err
	}
	mail, err := b.sampleMail(ctx, template)
	if err != nil {
		return err
	}
	err = b.alternate(ctx, "sending",
		contender{pipeline, func(ctx context.Context) (measure.Sample, error) {
			return b.send(ctx, template, firm.InviteAll("run-1", "business"), b.Sends)
		}},
		contender{floor, func(ctx context.Context) (measure.Sample, error) { return b.sendFloor(ctx, mail, b.Sends) }},
		contender{peer, func(ctx context.Context) (measure.Sample, error) { return b.sendPeer(ctx, template) }})
	b.compare("sending", floor, measure.PerOp, measure.AtLeast, 0.8, "sending, against go-mail alone")
	b.compare("sending", peer, measure.PerOp, measure.AtLeast, 4, "sending, against a River job for each invite")
	b.compareCPU("sending", floor, "sending, against go-mail alone")
	b.compareCPU("sending", peer, "sending, against a River job for each invite")
	return err
}

// reachable returns a firm for all rows that send. Bulk runs of Sends invite its businesses, and runs of Large its
// individuals.
func (b *Bench) reachable(ctx context.Context) (string, error) {
	return b.firmDatabase(ctx, "reachable", firm.Reachable(max(b.Large, b.Redelivers), b.Sends))
}

// send measures the pipeline, with a run that sends n mails.
func (b *Bench) send(ctx context.Context, template string, run *nats.Msg, n int) (measure.Sample, error) {
	s, err := b.startTrial(ctx, rig.BulkWorker, b.Rig.Durable, template)
	if err != nil {
		return measure.Sample{}, err
	}
	meter := b.Rig.Measure(ctx, s.broker, s.Process)
	took, err := s.run(ctx, run)
	if err != nil {
		return measure.Sample{}, err
	}
	more := meter.Each(ctx, n)
	if err := b.checkSent(ctx, s.broker, n); err != nil {
		return measure.Sample{}, err
	}
	usage, err := s.finish(ctx)
	more["RSS-MB"] = megabytes(usage.PeakRSS)
	return measure.Sample{Ops: n, Took: took, More: more}, err
}

// checkSent checks that a contender has sent one mail and published one outcome for each recipient.
func (b *Bench) checkSent(ctx context.Context, broker *rig.Broker, n int) error {
	sent, err := broker.Outcomes(ctx, outcomesOf(events.InviteSent))
	if err != nil {
		return err
	}
	if err := expect("InviteSent on the stream", sent, n); err != nil {
		return err
	}
	got, err := b.Rig.Sink.Count(ctx)
	if err != nil {
		return err
	}
	if err := expect("mails", got.Mails, n); err != nil {
		return err
	}
	return expect("recipients", got.Recipients, n)
}

// sampleMail returns a mail of the pipeline, as received over SMTP.
func (b *Bench) sampleMail(ctx context.Context, template string) ([]byte, error) {
	s, err := b.startTrial(ctx, rig.BulkWorker, b.Rig.Durable, template)
	if err != nil {
		return nil, err
	}
	if _, err := s.run(ctx, firm.InviteClients("sample", []string{firm.Business(0)})); err != nil {
		return nil, err
	}
	mail, err := b.Rig.Sink.Last(ctx)
	if err != nil {
		return nil, err
	}
	_, err = s.finish(ctx)
	return mail, err
}

// sendFloor measures the floor: it sends the same bytes, over as many connections. Both the messages and the
// client are go-mail's, and the messages are built before the measurement.
func (b *Bench) sendFloor(ctx context.Context, mail []byte, mails int) (measure.Sample, error) {
	if err := b.Rig.Sink.Reset(ctx); err != nil {
		return measure.Sample{}, err
	}
	client, err := b.goMail()
	if err != nil {
		return measure.Sample{}, err
	}
	meter := b.Rig.Measure(ctx, b.Rig.Durable, nil)
	began := time.Now()
	var senders errgroup.Group
	for i := range b.Rig.Connections {
		senders.Go(func() error {
			msg, err := gomail.EMLToMsgFromString(string(mail))
			if err != nil {
				return fmt.Errorf("read the mail: %w", err)
			}
			conn, err := client.DialToSMTPClientWithContext(ctx)
			if err != nil {
				return fmt.Errorf("connect: %w", err)
			}
			defer func() { _ = conn.Close() }()
			for n := i; n < mails; n += b.Rig.Connections {
				if err := msg.To(fmt.Sprintf("client.%d@mail-%d.example", n, n%300)); err != nil {
					return fmt.Errorf("address: %w", err)
				}
				if err := client.SendWithSMTPClient(conn, msg); err != nil {
					return fmt.Errorf("send: %w", err)
				}
			}
			return nil
		})
	}
	if err := senders.Wait(); err != nil {
		return measure.Sample{}, err
	}
	took := time.Since(began)
	more := meter.Each(ctx, mails)
	got, err := b.Rig.Sink.Count(ctx)
	if err != nil {
		return measure.Sample{}, err
	}
	return measure.Sample{Ops: mails, Took: took, More: more}, expect("mails", got.Mails, mails)
}

func (b *Bench) goMail() (*gomail.Client, error) {
	host, port := b.Rig.Sink.HostPort()
	var number int
	if _, err := fmt.Sscan(port, &number); err != nil {
		return nil, fmt.Errorf("port of the sink: %w", err)
	}
	client, err := gomail.NewClient(host, gomail.WithPort(number), gomail.WithTLSPolicy(gomail.NoTLS),
		gomail.WithoutNoop())
	if err != nil {
		return nil, fmt.Errorf("make go-mail's client: %w", err)
	}
	return client, nil
}

// startPeer starts the River peer with a copy of a firm's database and with empty streams.
func (b *Bench) startPeer(ctx context.Context, broker *rig.Broker, template string) (*trial, error) {
	db, err := b.empty(ctx, broker, template)
	if err != nil {
		return nil, err
	}
	p, _, err := b.Rig.Part(ctx, b.Rig.Env(broker, db), "river")
	if err != nil {
		return nil, err
	}
	return &trial{Process: p, broker: broker, db: db}, nil
}

// sendPeer measures the peer: River invites the same people.
func (b *Bench) sendPeer(ctx context.Context, template string) (measure.Sample, error) {
	s, err := b.startPeer(ctx, b.Rig.Durable, template)
	if err != nil {
		return measure.Sample{}, err
	}
	meter := b.Rig.Measure(ctx, s.broker, s.Process)
	began := time.Now()
	if err := publish(ctx, s.broker, firm.InviteAll("run-1", "business")); err != nil {
		return measure.Sample{}, err
	}
	if err := s.broker.AwaitOutcomes(ctx, b.Sends); err != nil {
		return measure.Sample{}, fmt.Errorf("%w: %s", err, s.Tail())
	}
	took := time.Since(began)
	more := meter.Each(ctx, b.Sends)
	if err := b.checkSent(ctx, s.broker, b.Sends); err != nil {
		return measure.Sample{}, err
	}
	_, err = s.finish(ctx)
	return measure.Sample{Ops: b.Sends, Took: took, More: more}, err
}
