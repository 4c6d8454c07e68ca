package events

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// These are all the streams and durables of the pipeline.
//
//	stream               subjects           read by
//	PORTAL_EVENTS        portal.facts.>     the durable facts
//	                     portal.events.>    the durable invite-worker
//	                     portal.bulk.>      the durable bulk-worker
//	INVITE_OUTCOMES      portal.outcomes.>  dashboards
//	PORTAL_DEAD_LETTERS  portal.dead.>      ops
const (
	EventsStream      = "PORTAL_EVENTS"
	OutcomesStream    = "INVITE_OUTCOMES"
	DeadLettersStream = "PORTAL_DEAD_LETTERS"

	FactsDurable  = "facts"
	InviteDurable = "invite-worker"
	BulkDurable   = "bulk-worker"
)

// Topology holds the settings of the streams and durables.
type Topology struct {
	// Replicas is the number of replicas of every stream and durable: 1 by default, 3 in a cluster.
	Replicas int
	// Events is how much is kept of facts and requests, and so how far back a durable can be reset.
	Events Kept
	// EventsPerSubject is how many events of a firm and a type are kept. The stream refuses more. 0 sets no limit.
	EventsPerSubject int64
	// Outcomes and DeadLetters are how much is kept of either. Beyond that, the oldest are deleted.
	Outcomes, DeadLetters Kept
	// CheckOnly is for streams that belong to operators: nothing is created or changed.
	CheckOnly bool
	// Ledger is the id of the one database whose workers use the streams. Empty for a process that uses no database.
	Ledger string
}

const (
	// ackWait is how long a worker may be silent about a request before the broker redelivers it to another worker. A
	// worker that waits for its database reports progress more often than that ([ProgressEvery]).
	ackWait = 15 * time.Second

	// eventsDuplicates is how long PORTAL_EVENTS drops messages with a Nats-Msg-Id that it has seen: the shortest time
	// that the broker allows. Any sender can use an id before the event that it belongs to. The ledger recognises copies
	// by source and id (ADR 88).
	eventsDuplicates = 100 * time.Millisecond
	// factsAckWait is the same for a fact. It is short, because others need the facts that a dead worker had. A fact that
	// comes twice costs little.
	factsAckWait = 5 * time.Second
)

// mostRequests is how many requests all workers together may hold. Workers look for other firms' requests behind those
// of a firm that has sent thousands.
const mostRequests = 50_000

func ackWaitOf(durable string) time.Duration {
	if durable == FactsDurable {
		return factsAckWait
	}
	return ackWait
}

func (t Topology) streams() []jetstream.StreamConfig {
	replicas := max(t.Replicas, 1)
	return []jetstream.StreamConfig{
		{
			Name:        EventsStream,
			Description: "Facts and requests from upstream",
			// These match more than the valid subjects, so that a misspelled subject becomes a dead letter and is not lost.
			Subjects:  []string{Facts.All(), Requests.All(), BulkRequests.All()},
			Retention: jetstream.LimitsPolicy,
			// A full stream refuses new events, which the publisher notices. It never drops old ones, which nobody would notice.
			Discard:           jetstream.DiscardNew,
			MaxAge:            orDefault(t.Events.For, DefaultEventsMaxAge),
			MaxBytes:          t.Events.Bytes,
			MaxMsgsPerSubject: t.EventsPerSubject,
			// Otherwise the stream would delete an old event of the subject for each new one.
			DiscardNewPerSubject: t.EventsPerSubject > 0,
			Duplicates:           eventsDuplicates,
			Storage:              jetstream.FileStorage,
			Replicas:             replicas,
			AllowAtomicPublish:   true,
			// A replica that lags may answer a direct get. The barrier must ask the leader.
			AllowDirect: false,
		},
		{
			Name:               OutcomesStream,
			Description:        "What became of each invite",
			Subjects:           []string{Outcomes.All()},
			Retention:          jetstream.LimitsPolicy,
			Discard:            jetstream.DiscardOld,
			MaxAge:             orDefault(t.Outcomes.For, DefaultOutcomesMaxAge),
			MaxBytes:           t.Outcomes.Bytes,
			Storage:            jetstream.FileStorage,
			Replicas:           replicas,
			AllowAtomicPublish: true,
			AllowDirect:        true,
		},
		{
			Name:               DeadLettersStream,
			Description:        "Events that could not be read, with the reason",
			Subjects:           []string{Dead.All()},
			Retention:          jetstream.LimitsPolicy,
			Discard:            jetstream.DiscardOld,
			MaxAge:             orDefault(t.DeadLetters.For, DefaultDeadLettersMaxAge),
			MaxBytes:           t.DeadLetters.Bytes,
			Storage:            jetstream.FileStorage,
			Replicas:           replicas,
			AllowAtomicPublish: true, // many letters share one sync of the disk
			AllowDirect:        true,
		},
	}
}

func (t Topology) durables() []jetstream.ConsumerConfig {
	durable := func(name, description string, filter Prefix, most int) jetstream.ConsumerConfig {
		return jetstream.ConsumerConfig{
			Durable:       name,
			Description:   description,
			FilterSubject: filter.All(),
			AckPolicy:     jetstream.AckExplicitPolicy,
			AckWait:       ackWaitOf(name),
			// The workers move a message that they can't handle to the dead letters. MaxDeliver would only stop its delivery.
			MaxDeliver:    -1,
			MaxAckPending: most,
			Replicas:      max(t.Replicas, 1),
		}
	}
	return []jetstream.ConsumerConfig{
		durable(FactsDurable, "projects facts into Postgres", Facts, 10_000),
		durable(InviteDurable, "decides requests for named recipients", Requests, mostRequests),
		durable(BulkDurable, "starts runs", BulkRequests, 10_000),
	}
}

// Ensure creates the streams and durables, or brings the limits, replicas and subjects of existing ones up to date. Any
// number of processes may call it at the same time. For a setting that can't be changed in place (storage, retention),
// Ensure returns an error that names the setting and the stream. A durable's starting point stays where an operator set
// it. What is as it should be is not touched, so that needs only the right to look. Streams of another ledger are an
// [OtherLedgerError], and nothing is changed.
func (t Topology) Ensure(ctx context.Context, js jetstream.JetStream) (err error) {
	ctx, end := whileConnected(ctx, js.Conn())
	defer func() { end(&err) }()
	if err := t.Ours(ctx, js); err != nil {
		return err
	}
	if t.CheckOnly {
		return t.check(ctx, js)
	}
	for _, want := range t.streams() {
		if err := ensureStream(ctx, js, t.owned(want)); err != nil {
			return err
		}
	}
	for _, want := range t.durables() {
		if err := ensureDurable(ctx, js, want); err != nil {
			return err
		}
	}
	return t.Ours(ctx, js) // reads back what ensureStream has written
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
		// Each worker calls this at its start. An update that changes nothing would still disturb the others.
		if reflect.DeepEqual(have, want) {
			return nil
		}
		if err := refuseDeleting(ctx, existing, want); err != nil {
			return err
		}
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("look up stream %s: %w", want.Name, err)
	default:
		// If another worker creates the same stream first, this succeeds as well.
		if _, err = js.CreateStream(ctx, want); err == nil {
			return nil
		}
		if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // created with other settings meanwhile
			return fmt.Errorf("create stream %s: %w", want.Name, err)
		}
		return ensureStream(ctx, js, want) // it exists now, and may belong to another ledger
	}
	if _, err := js.CreateOrUpdateStream(ctx, want); err != nil {
		return fmt.Errorf("create or update stream %s: %w", want.Name, err)
	}
	return nil
}

// updated returns an existing stream's configuration with the pipeline's own settings brought up to date. Limits that
// an operator has added, for example MaxBytes, stay.
func updated(have, want jetstream.StreamConfig) jetstream.StreamConfig {
	have.Description, have.Subjects = want.Description, want.Subjects
	have.Discard, have.MaxAge, have.Replicas = want.Discard, want.MaxAge, want.Replicas
	have.AllowAtomicPublish, have.AllowDirect = want.AllowAtomicPublish, want.AllowDirect
	if want.Duplicates > 0 {
		have.Duplicates = want.Duplicates
	}
	have = withLimits(have, want)
	if ledger := want.Metadata[LedgerKey]; ledger != "" {
		have = Topology{Ledger: ledger}.owned(have)
	}
	return have
}

func refuseUnchangeable(have, want jetstream.StreamConfig) error {
	theirs, ours := have.Metadata[LedgerKey], want.Metadata[LedgerKey]
	switch {
	case theirs != "" && ours != "" && theirs != ours:
		return OtherLedgerError{want.Name, theirs, ours}
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
		if err := refuseDurable(have, want); err != nil {
			return err
		}
		want = updatedDurable(have, want)
		if reflect.DeepEqual(have, want) {
			return nil
		}
	case !errors.Is(err, jetstream.ErrConsumerNotFound):
		return fmt.Errorf("look up durable %s: %w", want.Durable, err)
	}
	if _, err := js.CreateOrUpdateConsumer(ctx, EventsStream, want); err != nil {
		return fmt.Errorf("create or update durable %s: %w", want.Durable, err)
	}
	return nil
}

func refuseDurable(have, want jetstream.ConsumerConfig) error {
	if have.FilterSubject != want.FilterSubject || have.DeliverSubject != "" || have.AckPolicy != want.AckPolicy {
		return fmt.Errorf("durable %s on %s: it must be a pull consumer with explicit acks and the filter %s; "+
			"remove it and start again", want.Durable, EventsStream, want.FilterSubject)
	}
	return nil
}

// updatedDurable is [updated] for a durable.
func updatedDurable(have, want jetstream.ConsumerConfig) jetstream.ConsumerConfig {
	have.Description, have.AckWait, have.MaxDeliver = want.Description, want.AckWait, want.MaxDeliver
	have.MaxAckPending, have.Replicas = want.MaxAckPending, want.Replicas
	return have
}

func orDefault(d, standard time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return standard
}
