package deliver

import (
	"maps"
	"slices"

	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// Senders are the deliveries of a lane, one for each sender that the operator has configured (ADR 113). Each has its
// own connections, window, breaker and rates, and claims only its own invites. So no sender waits for another. Nobody
// claims the invites of a sender that is not here: they wait.
type Senders struct {
	byName map[string]*Delivery // does not change
	store  *store.Store
}

// NewSenders makes the deliveries of a lane. One of them is the default sender's.
func NewSenders(db *store.Store, deliveries ...*Delivery) *Senders {
	s := &Senders{byName: map[string]*Delivery{}, store: db}
	for _, d := range deliveries {
		s.byName[d.Sender] = d
	}
	return s
}

// Of is the delivery of a sender; nil if the sender is not known.
func (s *Senders) Of(sender string) *Delivery { return s.byName[sender] }

// Stages are the stages of all deliveries.
func (s *Senders) Stages() []loop.Stage {
	var stages []loop.Stage
	for _, name := range slices.Sorted(maps.Keys(s.byName)) {
		stages = append(stages, s.byName[name].Stage())
	}
	return stages
}

// Ring says that invites of a sender may leave.
func (s *Senders) Ring(sender string) {
	if d := s.byName[sender]; d != nil {
		d.Due.Ring()
	}
}

// RingAll says that invites of any sender may leave.
func (s *Senders) RingAll() {
	for _, d := range s.byName {
		d.Due.Ring()
	}
}
