package consume

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// StreamState is what a comparison of the stream with the ledger has found.
type StreamState struct {
	Epochs   int               // 1, and one more for each time the stream went back
	WentBack time.Time         // when the newest epoch began, if the stream went back
	Ahead    map[string]uint64 // durables that have been given more than the stream has, with that sequence
}

// Timeline knows the epochs of the stream of events, and notices that the stream went back (ADR 98). It is safe for
// concurrent use.
type Timeline struct {
	loop.Runner
	Observer Observer
	JS       jetstream.JetStream
	Topology events.Topology
	Store    *store.Store

	comparing sync.Mutex // held while the stream is compared

	mu         sync.Mutex // guards the fields below
	created    time.Time  // of the stream; zero before the first comparison
	epochs     events.Epochs
	connection uint64 // how often the connection was lost before the last comparison began
	compared   time.Time
}

const (
	// compareEvery is how often an idle worker compares the stream with the ledger.
	compareEvery = time.Minute
	// comparedFor is for how long a worker that gets messages goes by the last comparison. It is shorter, since each
	// message raises the mark: once the stream has grown past the old mark, nothing is left to compare.
	comparedFor = 10 * time.Second
)

// Stage makes the stage that compares the stream each minute.
func (t *Timeline) Stage() loop.Stage {
	return t.Runner.Stage("compare", nil, func(ctx context.Context) (bool, error) {
		_, err := t.compare(ctx)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			err = t.Topology.Ensure(ctx, t.JS)
			return err == nil, err
		}
		if err != nil {
			return false, err
		}
		loop.Wait(ctx, nil, compareEvery)
		return true, nil
	})
}

// Known returns the epochs as far as they are known, without asking anybody.
func (t *Timeline) Known() events.Epochs {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.epochs
}

// Epochs returns the epochs. It compares the stream with the ledger first, if the connection was lost since the last
// comparison, or if that was a while ago.
func (t *Timeline) Epochs(ctx context.Context) (events.Epochs, error) {
	t.mu.Lock()
	epochs := t.epochs
	fresh := t.connection == t.lost() && time.Since(t.compared) < comparedFor
	t.mu.Unlock()
	if fresh {
		return epochs, nil
	}
	return t.compare(ctx)
}

// Raise raises the mark. If another worker has noticed that the stream went back, it returns false, and the next call
// of Epochs returns the new epochs.
func (t *Timeline) Raise(ctx context.Context, known events.Epochs, to events.Mark) (bool, error) {
	t.mu.Lock()
	created := t.created
	t.mu.Unlock()
	now, err := t.Store.RaiseMark(ctx, created, len(known), store.Mark(to))
	if err != nil || now == len(known) {
		return err == nil, err
	}
	t.mu.Lock()
	t.compared = time.Time{}
	t.mu.Unlock()
	return false, nil
}

// lost is how often the connection to the broker was lost.
func (t *Timeline) lost() uint64 { return t.JS.Conn().Stats().Reconnects }

// compare compares the stream with the ledger's mark. If the stream went back, it begins an epoch, unless another
// worker has done so.
func (t *Timeline) compare(ctx context.Context) (events.Epochs, error) {
	t.comparing.Lock()
	defer t.comparing.Unlock()
	connection := t.lost()
	stream, err := t.JS.Stream(ctx, events.EventsStream)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", events.EventsStream, err)
	}
	created := stream.CachedInfo().Created
	known, err := t.Store.EventStream(ctx, created)
	if err != nil {
		return nil, err
	}
	first, _, err := events.WentBack(ctx, t.JS, events.Mark(known.Mark))
	if err != nil {
		return nil, err
	}
	if first > 0 { // look again while no other worker can begin an epoch or raise the mark
		var began bool
		if known, began, err = t.Store.BeginEpoch(ctx, created, t.lookAgain); err != nil {
			return nil, err
		}
		if began {
			t.report(known)
		}
	}
	epochs := events.NewEpochs(known.Firsts, known.Begins)
	t.mu.Lock()
	t.created, t.epochs, t.connection, t.compared = created, epochs, connection, time.Now()
	t.mu.Unlock()
	return epochs, t.observe(ctx, epochs)
}

// lookAgain compares once more.
func (t *Timeline) lookAgain(ctx context.Context, known store.EventStream) (uint64, store.Mark, error) {
	return t.look(ctx, events.Mark(known.Mark))
}

// look compares the stream with a mark. If the stream went back, it sets back the durables that have been given
// messages of the old stream. So every message of the new epoch comes to a worker that knows the epoch.
func (t *Timeline) look(ctx context.Context, given events.Mark) (uint64, store.Mark, error) {
	first, mark, err := events.WentBack(ctx, t.JS, given)
	if err != nil || first == 0 {
		return 0, store.Mark{}, err
	}
	return first, store.Mark(mark), events.SetBack(ctx, t.JS, first)
}

// Lost begins an epoch because of messages that this worker was given, and that the stream has lost before the mark was
// raised to them. Nobody else can know of them. It returns true if the stream has another epoch by now.
func (t *Timeline) Lost(ctx context.Context, known events.Epochs, of events.Mark) (bool, error) {
	t.comparing.Lock()
	defer t.comparing.Unlock()
	t.mu.Lock()
	created := t.created
	t.mu.Unlock()
	now, began, err := t.Store.BeginEpoch(ctx, created,
		func(ctx context.Context, now store.EventStream) (uint64, store.Mark, error) {
			if len(now.Firsts) != len(known) {
				return 0, store.Mark{}, nil // another worker has begun one
			}
			return t.look(ctx, of)
		})
	if err != nil {
		return false, err
	}
	if began {
		t.report(now)
	}
	t.mu.Lock()
	t.compared = time.Time{} // so that the next call of Epochs finds it
	t.mu.Unlock()
	return len(now.Firsts) != len(known), nil
}

func (t *Timeline) report(known store.EventStream) {
	first := known.Firsts[len(known.Firsts)-1]
	t.Log.Error().Str("stream", events.EventsStream).Uint64("first_sequence", first).
		Msg("the stream of events went back: from this sequence on, it has or gets other messages than workers were given. " +
			"They count as newer than those. Publish again what the stream has lost: see Backups in docs/operations.md")
}

func (t *Timeline) observe(ctx context.Context, epochs events.Epochs) error {
	ahead, err := events.Ahead(ctx, t.JS)
	if err != nil {
		return err
	}
	state := StreamState{Epochs: len(epochs), Ahead: ahead}
	if len(epochs) > 1 {
		state.WentBack = epochs[len(epochs)-1].Begin
	}
	t.Observer.StreamCompared(state)
	return nil
}

// String names the durables that are ahead of the stream, for operators.
func (s StreamState) String() string {
	var all []string
	for _, durable := range slices.Sorted(maps.Keys(s.Ahead)) {
		all = append(all, fmt.Sprintf("durable %s is at sequence %d, which stream %s does not have: reset it",
			durable, s.Ahead[durable], events.EventsStream))
	}
	return strings.Join(all, "\n")
}
