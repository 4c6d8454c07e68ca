// Package recovery notices that the database was restored to an earlier moment. Until that is mended, the worker
// decides and sends nothing.
package recovery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// Observer is told what a comparison has found. Its method must not block.
type Observer interface {
	// OutcomesCompared is called after the database was compared with the stream of outcomes. The error is nil, or a
	// [WentBackError].
	OutcomesCompared(wentBack error)
	// EventsPlaced is called after the durables were compared with the stream of events (ADR 144). Nobody has acknowledged
	// the open gaps yet.
	EventsPlaced(durables map[string]events.DurablePlace, open []store.EventGap)
}

// WentBackError says that the database was restored to an earlier moment than the stream of outcomes knows. It is a
// [store.ErrWentBack].
type WentBackError struct {
	Known uint64    // the last outcome that the database knows to be on the stream
	At    time.Time // when the database learned of it
	First uint64    // the first outcome that the database does not know; 0 if another worker's mark says that there is one
}

func (e WentBackError) Error() string {
	first := ""
	if e.First > 0 {
		first = fmt.Sprintf(", and has never had the outcome at sequence %d", e.First)
	}
	return fmt.Sprintf("%s: it knows the stream %s up to sequence %d (%s)%s; nothing is decided or sent until you have "+
		"run \"invitectl recover\"", store.ErrWentBack, events.OutcomesStream, e.Known,
		e.At.UTC().Format("2006-01-02 15:04 UTC"), first)
}

func (e WentBackError) Unwrap() error { return store.ErrWentBack }

// Watch compares the database with the stream of outcomes (ADR 87). Each outcome on the stream was in the outbox once.
// When it is deleted there, the same transaction raises a mark to its sequence. So an outcome behind the mark is still
// in the outbox, whoever has published it, and whether or not the publisher lives. If it is not, the database has lost
// it: it was restored to an earlier moment.
//
// It is safe for concurrent use.
type Watch struct {
	loop.Runner
	Observer Observer
	JS       jetstream.JetStream
	Store    *store.Store
	Worker   uuid.UUID

	behind   atomic.Pointer[WentBackError] // nil unless the database went back
	restored atomic.Int64                  // how often the worker met another database: see Databases

	// comparing is held while the database is compared, so that no answer takes the place of one that was read later.
	comparing sync.Mutex

	mu       sync.Mutex // guards the fields below
	database string     // the one that was compared last
	known    store.OutcomeMark
	said     bool // that the database went back
}

const (
	// compareEvery is how often an idle worker compares.
	compareEvery = time.Minute
	// lookEvery is how often it looks whether there is a reason to compare at once: the connection to the broker was lost,
	// or the database went back and may be mended.
	lookEvery = time.Second
)

// Stage makes the stage that compares at the start, each minute, and after the connection to the broker was lost.
func (w *Watch) Stage() loop.Stage {
	var last time.Time
	var connection uint64
	return w.Runner.Stage("compare outcomes", nil, func(ctx context.Context) (bool, error) {
		lost := w.JS.Conn().Stats().Reconnects
		if w.WentBack() == nil && connection == lost && time.Since(last) < compareEvery {
			loop.Wait(ctx, nil, lookEvery)
			return true, nil
		}
		err := w.compareAndKeep(ctx)
		if err != nil && !errors.Is(err, store.ErrWentBack) {
			return false, err
		}
		last, connection = time.Now(), lost
		loop.Wait(ctx, nil, lookEvery)
		return true, nil
	})
}

// compareAndKeep compares, and notes how far the durables are if the database has not gone back.
func (w *Watch) compareAndKeep(ctx context.Context) error {
	stream, floors, err := events.AckFloors(ctx, w.JS) // before the comparison: what was acknowledged is committed
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	places, err := events.FindPlaces(ctx, w.JS)
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	var missed missedEvents
	err = w.Store.Tx(ctx, func(tx *store.Tx) (err error) {
		if err := w.compare(ctx, tx, true); err != nil || len(floors) == 0 {
			return err
		}
		if err := tx.KeepDurableFloors(ctx, stream, floors); err != nil {
			return err
		}
		missed, err = keepPlaces(ctx, tx, places)
		return err
	})
	if err == nil {
		w.report(places, missed)
	}
	return err
}

// Databases counts the databases that this worker has had: 1, and one more for each time that it was restored, started
// again, or mended. What the worker remembers of an earlier one may not be in the next.
func (w *Watch) Databases() int64 { return 1 + w.restored.Load() }

// WentBack returns a [WentBackError] if the last comparison has found that the database went back, and nil otherwise.
func (w *Watch) WentBack() error {
	if e := w.behind.Load(); e != nil {
		return *e
	}
	return nil
}

// Hold returns once the database has not gone back, as far as the last comparison knows, or when the context ends.
func (w *Watch) Hold(ctx context.Context) {
	for w.behind.Load() != nil && ctx.Err() == nil {
		loop.Wait(ctx, nil, loop.IdleFor)
	}
}

// Admit returns an error that is a [store.ErrWentBack] if the transaction must not write, because its database went
// back. It compares only if the transaction's connection is new, and leads to another database than the one that was
// compared last. No connection survives that its database is restored. The first transaction on the other database gets
// [store.ErrOtherDatabase], and so does each whose work goes by what was learned from an earlier one
// ([store.WithLearned]).
func (w *Watch) Admit(ctx context.Context, tx *store.Tx) error {
	if err := w.WentBack(); err != nil {
		return err
	}
	if !tx.Vetted(w.Worker) {
		if err := w.vet(ctx, tx); err != nil {
			return err
		}
	}
	if learned, goesBy := store.Learned(ctx); goesBy && learned != w.Databases() {
		return store.ErrOtherDatabase
	}
	return nil
}

// vet vets the connection of a transaction.
func (w *Watch) vet(ctx context.Context, tx *store.Tx) error {
	database, err := tx.Database(ctx)
	if err != nil {
		return err
	}
	if database != w.compared() {
		if err := w.compare(ctx, tx, false); err != nil {
			return err
		}
		if w.met(database) {
			return store.ErrOtherDatabase
		}
	}
	tx.Vet(w.Worker)
	return nil
}

func (w *Watch) compared() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.database
}

// met notes a database that was compared, and says whether the worker has had another one before. It counts that one
// before anybody can learn that this one was compared.
func (w *Watch) met(database string) (another bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	another = w.database != "" && w.database != database
	if another {
		w.restored.Add(1)
	}
	w.database = database
	return another
}

// Known is the highest mark that this worker has seen.
func (w *Watch) Known() store.OutcomeMark {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.known
}

// Reached notes a mark that the database has now.
func (w *Watch) Reached(mark store.OutcomeMark) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !mark.Stream.Equal(w.known.Stream) || mark.Sequence > w.known.Sequence {
		w.known = mark
	}
}

// compare compares, and keeps the answer. It may write the mark if the database has none yet.
func (w *Watch) compare(ctx context.Context, tx *store.Tx, mayWrite bool) error {
	if err := tx.Patient(ctx); err != nil {
		return err
	}
	w.comparing.Lock()
	defer w.comparing.Unlock()
	err := w.find(ctx, tx, mayWrite)
	found, wentBack := errors.AsType[WentBackError](err)
	if err != nil && !wentBack {
		return fmt.Errorf("compare the database with the stream of outcomes: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if wentBack {
		w.behind.Store(&found)
	} else if w.behind.Load() != nil {
		w.restored.Add(1) // behind a proxy, no new connection tells of the other database
		w.behind.Store(nil)
	}
	if wentBack != w.said {
		w.said = wentBack
		if wentBack {
			w.Log.Error().Err(err).
				Msg("the database was restored to an earlier moment; mails may have left that it does not know")
		} else {
			w.Log.Info().Msg("the database knows all outcomes of the stream again; deciding and sending go on")
		}
	}
	w.Observer.OutcomesCompared(err)
	return err
}

// find returns a [WentBackError] if the database lacks an outcome.
func (w *Watch) find(ctx context.Context, tx *store.Tx, mayWrite bool) error {
	stream, last, err := events.OutcomeStream(ctx, w.JS)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil // nothing was published
	}
	if err != nil {
		return err
	}
	mark, err := tx.OutcomeMark(ctx, stream)
	switch noMark := errors.Is(err, store.ErrNotFound); {
	case err != nil && !noMark:
		return err
	case (noMark || !mark.Judged) && mayWrite:
		return tx.RaiseOutcomeMark(ctx, store.OutcomeMark{Stream: stream, Sequence: last})
	case noMark || !mark.Judged:
		return nil
	}
	if known := w.Known(); known.Stream.Equal(stream) && mark.Sequence < known.Sequence {
		return WentBackError{Known: mark.Sequence, At: mark.At}
	}
	w.Reached(mark)
	return w.findUnknown(ctx, tx, mark, last)
}

// findUnknown looks at each outcome behind the mark. It reads the stream before it reads the mark and the outbox again,
// so what other workers publish meanwhile is in the outbox, or not behind the mark any more.
func (w *Watch) findUnknown(ctx context.Context, tx *store.Tx, mark store.OutcomeMark, last uint64) error {
	for next := mark.Sequence + 1; next <= last; {
		batch, err := events.ReadOutcomesFrom(ctx, w.JS, next)
		if err != nil {
			return err
		}
		unknown, err := tx.UnknownOutcomes(ctx, mark.Stream, asStored(batch.Outcomes))
		if err != nil {
			return err
		}
		for _, o := range batch.Outcomes {
			if !unknown[o.ID] {
				continue
			}
			copied, err := events.StoredBefore(ctx, w.JS, o, mark.Sequence)
			if err != nil {
				return err
			}
			if !copied {
				return WentBackError{Known: mark.Sequence, At: mark.At, First: o.Sequence}
			}
		}
		if !batch.More {
			return nil
		}
		next = batch.Last + 1
	}
	return nil
}

func asStored(outcomes []events.StoredOutcome) []store.StreamOutcome {
	list := make([]store.StreamOutcome, len(outcomes))
	for i, o := range outcomes {
		list[i] = store.StreamOutcome{Sequence: o.Sequence, ID: o.ID}
	}
	return list
}
