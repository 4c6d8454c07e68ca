package consume

import (
	"time"

	"portal-invites/internal/events"
)

// Queue is a stage's queue.
type Queue struct{ queue }

// NewQueue makes an empty queue, whose firms take turns unless it keeps the stream's order.
func NewQueue(inOrder bool) *Queue { return &Queue{queue{inOrder: inOrder}} }

// Add is queue.add.
func (q *Queue) Add(batch []events.Delivery) { q.add(batch) }

// Take is queue.take.
func (q *Queue) Take(n int, now time.Time) []events.Delivery { return q.take(n, now) }

// PutBack is queue.putBack.
func (q *Queue) PutBack(batch, later []events.Delivery, now time.Time) { q.putBack(batch, later, now) }

// Pause is queue.pause.
func (q *Queue) Pause(now time.Time) (time.Duration, bool) { return q.pause(now) }

// Weight is what the queue weighs.
func (q *Queue) Weight() int { return q.weight }

// The limits of a queue.
const (
	LongestPause   = longestPause
	MostRecipients = mostRecipients
	MostAtOnce     = mostAtOnce
)
