package events

import (
	"context"
	"errors"
	"time"
)

// Placer knows the epochs of the stream, and keeps its mark.
type Placer interface {
	// Known returns the epochs as far as they are known, without asking anybody.
	Known() Epochs
	// Epochs returns the epochs. It has compared the stream with the mark since the connection was last lost.
	Epochs(ctx context.Context) (Epochs, error)
	// Raise raises the mark. It returns false if the stream may have another epoch than these.
	Raise(ctx context.Context, known Epochs, to Mark) (bool, error)
	// Lost is told of messages that the stream has lost since these epochs, with the mark to which they would have raised
	// it. It returns true if the stream has another epoch by now.
	Lost(ctx context.Context, known Epochs, of Mark) (bool, error)
}

// placeWithin is how long it may take to place what was fetched. After that, the batch goes back to the broker, because
// other workers may reach the database (ADR 126).
const placeWithin = 3 * time.Second

// place fetches messages, and gives each its position. A message that the broker delivered before the stream went back
// keeps the position that it had then.
func (s *Source) place(ctx context.Context, fetch func() ([]Delivery, error)) ([]Delivery, error) {
	if s.placer == nil {
		return fetch()
	}
	before, connection := s.placer.Known(), s.connection()
	batch, fetchErr := fetch()
	if len(batch) == 0 {
		return nil, fetchErr
	}
	ctx, cancel := context.WithTimeout(ctx, placeWithin)
	defer cancel()
	for {
		placed, err := s.placeOnce(ctx, batch, before, connection)
		if placed || err != nil {
			return batch, errors.Join(err, fetchErr)
		}
	}
}

// placeOnce returns false if the stream may have gone back meanwhile. Then the positions must be found once more.
func (s *Source) placeOnce(ctx context.Context, batch []Delivery, before Epochs, connection uint64) (bool, error) {
	epochs, err := s.placer.Epochs(ctx)
	if err != nil {
		return false, err
	}
	certain := len(before) == 0 || len(before) == len(epochs) && s.isStill(connection)
	var mark, lost Mark
	for i := range batch {
		d := &batch[i]
		if !certain {
			isLost, err := s.isLost(ctx, *d)
			if err != nil {
				return false, err
			}
			if isLost {
				d.At = before.At(d.At.Sequence)
				lost.see(d.At.Sequence, d.stored)
				continue
			}
		}
		d.At = epochs.At(d.At.Sequence)
		mark.see(d.At.Sequence, d.stored)
	}
	if lost.Sequence > 0 && len(before) == len(epochs) {
		// No epoch separates the lost messages from those that have their sequences now. So nobody had raised the mark to
		// them when the stream was compared.
		if begun, err := s.placer.Lost(ctx, epochs, lost); begun || err != nil {
			return false, err
		}
	}
	raised, err := s.placer.Raise(ctx, epochs, mark)
	return raised && (!certain || len(before) == 0 || s.isStill(connection)), err
}

// isStill says whether the connection to the broker has lasted since it was counted. A broker that goes back cuts it.
func (s *Source) isStill(connection uint64) bool {
	return connection == s.connection() && s.js.Conn().IsConnected()
}

// connection is how often the connection to the broker was lost.
func (s *Source) connection() uint64 { return s.js.Conn().Stats().Reconnects }

// isLost says whether the stream no longer has a message that it has delivered.
func (s *Source) isLost(ctx context.Context, d Delivery) (lost bool, err error) {
	ctx, end := whileConnected(ctx, s.js.Conn())
	defer func() { end(&err) }()
	msg, err := messageAt(ctx, s.stream, d.At.Sequence)
	if err != nil {
		return false, err
	}
	return msg == nil || msg.Sequence != d.At.Sequence || msg.Time.UnixNano() != d.stored, nil
}
