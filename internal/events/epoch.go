package events

import (
	"slices"
	"time"
)

// Epoch is a part of a stream: the messages from a sequence on, until the next epoch begins. A stream has one epoch. It
// gets another one each time it went back, since it then gives sequences again that were used before (ADR 98).
type Epoch struct {
	First uint64
	Begin time.Time // takes the place of the stream's creation time in positions
}

// Epochs are the epochs of one stream, the oldest first. A stream that went back twice may have lost epochs: only those
// that begin before a sequence count for it.
type Epochs []Epoch

// NewEpochs returns the epochs that begin with these sequences at these times.
func NewEpochs(firsts []uint64, begins []time.Time) Epochs {
	epochs := make(Epochs, len(firsts))
	for i := range firsts {
		epochs[i] = Epoch{First: firsts[i], Begin: begins[i]}
	}
	return epochs
}

// At returns the position of a sequence: in the newest epoch that has begun by then.
func (e Epochs) At(sequence uint64) Position {
	for _, epoch := range slices.Backward(e) {
		if epoch.First <= sequence {
			return Position{Stream: epoch.Begin, Sequence: sequence}
		}
	}
	return Position{Sequence: sequence}
}

// Sequence returns the highest sequence of the stream as it is now that is not after the position. For a position in
// another stream, and one that the stream has lost, that is 0 or the last sequence before the next epoch.
func (e Epochs) Sequence(at Position) uint64 {
	least, found := at.Sequence, false
	for _, epoch := range e {
		switch {
		case epoch.Begin.Truncate(time.Microsecond).Equal(at.Stream.Truncate(time.Microsecond)): // as the ledger keeps times
			found = true
		case found:
			least = min(least, epoch.First-1)
		}
	}
	if !found {
		return 0
	}
	return least
}
