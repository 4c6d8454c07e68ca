package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Everything the pipeline keeps on JetStream, in one block.
//
//	stream               subjects                                       read by
//	PORTAL_EVENTS        portal.facts.>   portal.events.>  portal.bulk.>  facts, invite-worker, bulk-worker: one prefix each
//	INVITE_OUTCOMES      portal.outcomes.>                              dashboards
//	PORTAL_DEAD_LETTERS  portal.dead.>                                  ops
const (
	EventsStream      = "PORTAL_EVENTS"
	OutcomesStream    = "INVITE_OUTCOMES"
	DeadLettersStream = "PORTAL_DEAD_LETTERS"

	FactsDurable  = "facts"
	InviteDurable = "invite-worker"
	BulkDurable   = "bulk-worker"
)

// Topology is what an operator may set of it.
type Topology struct {
	// Replicas of every stream and durable. 1 by default; 3 in a cluster.
	Replicas int
	// EventsMaxAge is how long facts and requests stay, and so how far back a stream can be replayed. 30 days by default.
	EventsMaxAge time.Duration
	// OutcomesMaxAge is how long outcomes and dead letters stay. 90 days by default.
	OutcomesMaxAge time.Duration
}

// DefaultEventsMaxAge of facts and requests in the stream.
const DefaultEventsMaxAge = 30 * 24 * time.Hour

const (
	defaultOutcomesMaxAge = 90 * 24 * time.Hour

	// ackWait is how long a worker may be silent about a message before another one gets it. A worker that waits for its
	// database reports progress well within it.
	ackWait = time.Minute
)

func (t Topology) streams() []jetstream.StreamConfig {
	replicas := max(t.Replicas, 1)
	return []jetstream.StreamConfig{
		{
			Name:        EventsStream,
			Description: "Facts and requests from upstream",
			// Wider than what is valid, so that a subject with a slip in it ends in the dead letters and not nowhere.
			Subjects:  []string{Facts.All(), Requests.All(), BulkRequests.All()},
			Retention: jetstream.LimitsPolicy,
			// A full stream refuses new events, which the publisher notices; it never drops old ones, which nobody would.
			Discard:            jetstream.DiscardNew,
			MaxAge:             orDefault(t.EventsMaxAge, DefaultEventsMaxAge),
			Storage:            jetstream.FileStorage,
			Replicas:           replicas,
			AllowAtomicPublish: true,
			// Direct gets may come from a replica that lags. The causality check must ask the leader.
			AllowDirect: false,
		},
		{
			Name:               OutcomesStream,
			Description:        "What became of each invite",
			Subjects:           []string{Outcomes.All()},
			Retention:          jetstream.LimitsPolicy,
			Discard:            jetstream.DiscardOld,
			MaxAge:             orDefault(t.OutcomesMaxAge, defaultOutcomesMaxAge),
			Storage:            jetstream.FileStorage,
			Replicas:           replicas,
			AllowAtomicPublish: true,
			AllowDirect:        true,
		},
		{
			Name:        DeadLettersStream,
			Description: "Events that could not be read, with the reason",
			Subjects:    []string{Dead.All()},
			Retention:   jetstream.LimitsPolicy,
			Discard:     jetstream.DiscardOld,
			MaxAge:      orDefault(t.OutcomesMaxAge, defaultOutcomesMaxAge),
			Storage:     jetstream.FileStorage,
			Replicas:    replicas,
			AllowDirect: true,
		},
	}
}

func (t Topology) durables() []jetstream.ConsumerConfig {
	durable := func(name, description string, filter Prefix) jetstream.ConsumerConfig {
		return jetstream.ConsumerConfig{
			Durable:       name,
			Description:   description,
			FilterSubject: filter.All(),
			AckPolicy:     jetstream.AckExplicitPolicy,
			AckWait:       ackWait,
			// What can't be handled goes to the dead letters by our own hand. MaxDeliver would only stop delivering it.
			MaxDeliver:    -1,
			MaxAckPending: 10_000,
			Replicas:      max(t.Replicas, 1),
		}
	}
	return []jetstream.ConsumerConfig{
		durable(FactsDurable, "projects facts into Postgres", Facts),
		durable(InviteDurable, "decides requests for named recipients", Requests),
		durable(BulkDurable, "starts runs", BulkRequests),
	}
}

// Ensure creates the streams and durables, or brings existing ones up to date: limits, replicas, subjects. It may run in
// any number of processes at once. What can't be changed in place (storage, retention) is refused with an error that
// says which setting of which stream it is; a durable's starting point stays where its operator put it.
func (t Topology) Ensure(ctx context.Context, js jetstream.JetStream) error {
	for _, want := range t.streams() {
		if err := ensureStream(ctx, js, want); err != nil {
			return err
		}
	}
	for _, want := range t.durables() {
		if err := ensureDurable(ctx, js, want); err != nil {
			return err
		}
	}
	return nil
}

func ensureStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) error {
	existing, err := js.Stream(ctx, want.Name)
	switch {
	case err == nil:
		have := existing.CachedInfo().Config
		if err := refuseUnchangeable(have, want); err != nil {
			return err
		}
		want = updated(have, want)
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("look up stream %s: %w", want.Name, err)
	}
	if _, err := js.CreateOrUpdateStream(ctx, want); err != nil {
		return fmt.Errorf("create or update stream %s: %w", want.Name, err)
	}
	return nil
}

// updated is an existing stream's configuration with what is ours to say brought up to date. Limits that an operator has
// added, like the most bytes it may take, stay.
func updated(have, want jetstream.StreamConfig) jetstream.StreamConfig {
	have.Description, have.Subjects = want.Description, want.Subjects
	have.Discard, have.MaxAge, have.Replicas = want.Discard, want.MaxAge, want.Replicas
	have.AllowAtomicPublish, have.AllowDirect = want.AllowAtomicPublish, want.AllowDirect
	return have
}

func refuseUnchangeable(have, want jetstream.StreamConfig) error {
	switch {
	case have.Retention != want.Retention:
		return unchangeable(want.Name, "retention", have.Retention, want.Retention)
	case have.Storage != want.Storage:
		return unchangeable(want.Name, "storage", have.Storage, want.Storage)
	case have.Mirror != nil || len(have.Sources) > 0:
		return unchangeable(want.Name, "origin", "a mirror or sources", "its own subjects")
	case have.Sealed:
		return unchangeable(want.Name, "state", "sealed", "open for writing")
	default:
		return nil
	}
}

func unchangeable(stream, setting string, have, want any) error {
	return fmt.Errorf("stream %s: %s is %v and must be %v, which can't be changed in place: "+
		"back the stream up, remove it and start again", stream, setting, have, want)
}

func ensureDurable(ctx context.Context, js jetstream.JetStream, want jetstream.ConsumerConfig) error {
	existing, err := js.Consumer(ctx, EventsStream, want.Durable)
	switch {
	case err == nil:
		have := existing.CachedInfo().Config
		if have.FilterSubject != want.FilterSubject || have.DeliverSubject != "" || have.AckPolicy != want.AckPolicy {
			return fmt.Errorf("durable %s on %s: it must be a pull consumer with explicit acks and the filter %s; "+
				"remove it and start again", want.Durable, EventsStream, want.FilterSubject)
		}
		have.Description, have.AckWait, have.MaxDeliver = want.Description, want.AckWait, want.MaxDeliver
		have.MaxAckPending, have.Replicas = want.MaxAckPending, want.Replicas
		want = have
	case !errors.Is(err, jetstream.ErrConsumerNotFound):
		return fmt.Errorf("look up durable %s: %w", want.Durable, err)
	}
	if _, err := js.CreateOrUpdateConsumer(ctx, EventsStream, want); err != nil {
		return fmt.Errorf("create or update durable %s: %w", want.Durable, err)
	}
	return nil
}

func orDefault(d, standard time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return standard
}
