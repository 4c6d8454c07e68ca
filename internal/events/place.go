package events

import (
	"context"
	"errors"
)

// Placer knows the epochs of the stream, and keeps its mark.
type Placer interface {
	// Known returns the epochs as far as they are known, without asking anybody.
	Known() Epochs
	// Epochs returns the epochs. It has compared the stream with the mark since the connection was last lost.
	Epochs(ctx context.Context) (Epochs, error)
	// Raise raises the mark. It returns false if the stream may have another epoch than these.
	Raise(ctx context.Context, known Epochs, to Mark) (bool, error)
}

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
	for {
		epochs, err := s.placer.Epochs(ctx)
		if err != nil {
			return batch, errors.Join(err, fetchErr)
		}
		certain := len(before) == 0 || len(before) == len(epochs) && connection == s.connection()
		var mark Mark
		for i := range batch {
			d := &batch[i]
			lost := false
			if !certain {
				if lost, err = s.isLost(ctx, *d); err != nil {
					return batch, errors.Join(err, fetchErr)
				}
			}
			if lost {
				d.At = before.At(d.At.Sequence)
				continue
			}
			d.At = epochs.At(d.At.Sequence)
			mark.see(d.At.Sequence, d.stored)
		}
		if ok, err := s.placer.Raise(ctx, epochs, mark); ok || err != nil {
			return batch, errors.Join(err, fetchErr)
		}
	}
}

// connection is how often the connection to the broker was lost.
func (s *Source) connection() uint64 { return s.js.Conn().Stats().Reconnects }

// isLost says whether the stream no longer has a message that it has delivered.
func (s *Source) isLost(ctx context.Context, d Delivery) (bool, error) {
	msg, err := messageAt(ctx, s.stream, d.At.Sequence)
	if err != nil {
		return false, err
	}
	return msg == nil || msg.Sequence != d.At.Sequence || msg.Time.UnixNano() != d.stored, nil
}
