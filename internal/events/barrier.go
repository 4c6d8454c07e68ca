package events

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// Barrier knows how far each firm's facts are applied, and reads the facts that are not. It belongs to one goroutine:
// no lock guards its fields.
//
// Every fact up to a floor is applied. There is one floor for all firms, from the acknowledgements of the facts
// durable. A firm may have a higher one, since any worker may apply a firm's facts ([Barrier.FactsOf]).
type Barrier struct {
	conn   *nats.Conn
	stream jetstream.Stream
	facts  jetstream.Consumer
	epochs Epochs
	floor  uint64            // of all firms
	firms  map[string]uint64 // the higher floors of single firms
}

// OpenBarrier binds to the facts durable.
func OpenBarrier(ctx context.Context, js jetstream.JetStream) (_ *Barrier, err error) {
	ctx, end := whileConnected(ctx, js.Conn())
	defer func() { end(&err) }()
	stream, err := js.Stream(ctx, EventsStream)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", EventsStream, err)
	}
	facts, err := stream.Consumer(ctx, FactsDurable)
	if err != nil {
		return nil, fmt.Errorf("open durable %s: %w", FactsDurable, err)
	}
	epochs := Epochs{{First: 1, Begin: stream.CachedInfo().Created}}
	return &Barrier{conn: js.Conn(), stream: stream, facts: facts, epochs: epochs, firms: map[string]uint64{}}, nil
}

// PlaceBy sets the epochs of the stream, if it has more than one. Call it before anything else.
func (b *Barrier) PlaceBy(epochs Epochs) { b.epochs = epochs }

// At is the position of a sequence of the stream.
func (b *Barrier) At(sequence uint64) Position { return b.epochs.At(sequence) }

// Floor is the sequence up to which every fact of the firm is known to be applied.
func (b *Barrier) Floor(firm string) uint64 { return max(b.floor, b.firms[firm]) }

// mostFloors bounds the memory of a barrier. A floor that is forgotten is found out again.
const mostFloors = 10_000

// Raise notes that every fact of the firm up to the position is applied. A position in another stream says nothing, and
// one in a part that the stream has lost says nothing about the messages that it got since.
func (b *Barrier) Raise(firm string, to Position) {
	sequence := b.epochs.Sequence(to)
	if sequence <= b.Floor(firm) {
		return
	}
	if len(b.firms) >= mostFloors {
		clear(b.firms)
	}
	b.firms[firm] = sequence
}

// RaiseAll notes that every fact of every firm up to the sequence is applied.
func (b *Barrier) RaiseAll(sequence uint64) { b.floor = max(b.floor, sequence) }

// Lag has the firms that have facts which are not known to be applied, each with the sequence of the first one.
type Lag struct {
	Facts   map[string]uint64 // of firms that have other facts than reports
	Reports map[string]uint64 // of firms that have only reports about mails
}

// Behind returns which of the firms have facts before the given sequences that are not known to be applied.
//
// Usually no firm has, and one question to the stream is enough. The stream's leader is asked, and not the durable how
// many messages are pending: in a cluster, the durable's leader may lag behind the stream's.
func (b *Barrier) Behind(ctx context.Context, before map[string]uint64) (_ Lag, err error) {
	ctx, end := whileConnected(ctx, b.conn)
	defer func() { end(&err) }()
	last := uint64(0)
	for _, sequence := range before {
		last = max(last, sequence)
	}
	if applied, err := b.allApplied(ctx, last); err != nil || applied {
		return Lag{}, err
	}
	return b.behind(ctx, before)
}

// AllApplied says whether every fact of every firm before the sequence is applied.
func (b *Barrier) AllApplied(ctx context.Context, sequence uint64) (applied bool, err error) {
	ctx, end := whileConnected(ctx, b.conn)
	defer func() { end(&err) }()
	return b.allApplied(ctx, sequence)
}

func (b *Barrier) allApplied(ctx context.Context, sequence uint64) (bool, error) {
	applied, err := b.noneBetween(ctx, b.floor, sequence)
	if err != nil {
		return false, err
	}
	if !applied {
		info, err := b.facts.Info(ctx)
		if err != nil {
			return false, fmt.Errorf("read the state of durable %s: %w", FactsDurable, err)
		}
		if info.AckFloor.Stream <= b.floor { // a reset moves it back, but what was applied stays applied
			return false, nil
		}
		b.floor = info.AckFloor.Stream
		if applied, err = b.noneBetween(ctx, b.floor, sequence); err != nil || !applied {
			return false, err
		}
	}
	b.RaiseAll(sequence - 1)
	return true, nil
}

// questionsAtOnce is how many firms' facts are asked for at the same time.
const questionsAtOnce = 16

func (b *Barrier) behind(ctx context.Context, before map[string]uint64) (Lag, error) {
	var mu sync.Mutex // guards lag and ready
	lag, ready := Lag{Facts: map[string]uint64{}, Reports: map[string]uint64{}}, map[string]uint64{}
	asking, askingCtx := errgroup.WithContext(ctx)
	asking.SetLimit(questionsAtOnce)
	for firm, sequence := range before {
		floor := b.Floor(firm)
		if floor+1 >= sequence {
			continue
		}
		asking.Go(func() error {
			next, isReport, err := nextFact(askingCtx, b.stream, firm, floor, sequence)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case next == nil:
				ready[firm] = sequence
			case isReport:
				lag.Reports[firm] = next.Sequence
			default:
				lag.Facts[firm] = next.Sequence
			}
			return nil
		})
	}
	if err := asking.Wait(); err != nil {
		return Lag{}, err
	}
	for firm, sequence := range ready {
		b.Raise(firm, b.At(sequence-1))
	}
	return lag, nil
}

// noneBetween says whether the stream has no fact between a floor and a sequence.
func (b *Barrier) noneBetween(ctx context.Context, floor, sequence uint64) (bool, error) {
	if floor+1 >= sequence {
		return true, nil
	}
	next, err := nextMessage(ctx, b.stream, Facts.All(), floor)
	return err == nil && (next == nil || next.Sequence >= sequence), err
}

// nextMessage returns the first message after a sequence that matches the filter, or nil.
func nextMessage(
	ctx context.Context, stream jetstream.Stream, filter string, after uint64,
) (*jetstream.RawStreamMsg, error) {
	next, err := stream.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(filter))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, nil //nolint:nilnil // there is none
	case err != nil:
		return nil, fmt.Errorf("read the next fact: %w", err)
	default:
		return next, nil
	}
}

// FactsOf reads up to n facts of a firm from the stream: those after one sequence and before another. Every fact of the
// firm up to the position that it returns is among them, but for reports about mails and for what can't be read. The
// durable delivers both as well. So there may be thousands of reports, and they cost nothing here (ADR 117).
func (b *Barrier) FactsOf(
	ctx context.Context, firm string, after, before uint64, n int,
) (facts []Event, upTo Position, err error) {
	ctx, end := whileConnected(ctx, b.conn)
	defer func() { end(&err) }()
	next := make([]*jetstream.RawStreamMsg, len(orderedFacts))
	ask := func(ctx context.Context, i int, after uint64) (err error) {
		next[i], err = nextMessage(ctx, b.stream, orderedFacts[i].subject(firm), after)
		return err
	}
	asking, askingCtx := errgroup.WithContext(ctx)
	for i := range orderedFacts {
		asking.Go(func() error { return ask(askingCtx, i, after) })
	}
	if err := asking.Wait(); err != nil {
		return nil, Position{}, err
	}
	for range n {
		i := firstOf(next, before)
		if i < 0 {
			return facts, b.At(before - 1), nil
		}
		msg := next[i]
		after = msg.Sequence
		fact, err := Decode(msg.Subject, msg.Header, msg.Data)
		if err == nil {
			fact.At = b.At(after)
			facts = append(facts, fact)
		}
		if err := ask(ctx, i, after); err != nil {
			return nil, Position{}, err
		}
	}
	return facts, b.At(after), nil
}

// Complete says whether a batch has every message of its durable from its first to its last, and was delivered for the
// first time. Otherwise other workers may hold messages in between.
func Complete(batch []Delivery) bool {
	for i, d := range batch {
		if d.again || d.nth != batch[0].nth+uint64(i) {
			return false
		}
	}
	return true
}
