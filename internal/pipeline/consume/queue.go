package consume

import (
	"slices"
	"time"

	"portal-invites/internal/events"
)

// queue has what a stage has fetched and not handled. Firms take turns: a batch has one delivery of each firm, then a
// second one of each, and so on. Within a firm, deliveries keep the stream's order. One goroutine owns it.
type queue struct {
	inOrder bool // firms take no turns, because the stage needs the stream's order

	firms  map[string][]events.Delivery
	turns  []string        // the keys of firms, the next one first
	waits  map[string]wait // firms whose first delivery waits for facts
	weight int             // of all deliveries, in bytes of memory, roughly
}

// wait is until when a firm waits, and how long that is from the start.
type wait struct {
	until time.Time
	pause time.Duration
}

const (
	// mostWaiting is how much a queue may weigh before the stage fetches no more.
	mostWaiting = 64 << 20
	// shortestPause and longestPause are how long a firm waits for facts before the stage looks at it again.
	shortestPause, longestPause = time.Millisecond, 50 * time.Millisecond
	// mostRecipients is how many recipients a batch may have, or a few more. A transaction with many more takes seconds,
	// in which no other firm has a turn.
	mostRecipients = 2000
	// mostAtOnce is how much a batch may weigh, or one delivery more. A transaction makes copies of what it writes.
	mostAtOnce = 16 << 20
)

// weigh estimates the memory that a delivery takes: the message as it came and decoded, and what is around it.
func weigh(d events.Delivery) int { return 2*d.Weight() + 1500 }

// full says whether the stage must handle something before it fetches more.
func (q *queue) full() bool { return q.room() < 0 }

// key is the firm whose turn a delivery takes.
func (q *queue) key(d events.Delivery) string {
	if q.inOrder {
		return ""
	}
	return d.Firm
}

// add puts deliveries behind those of their firms.
func (q *queue) add(batch []events.Delivery) {
	if q.firms == nil {
		q.firms, q.waits = map[string][]events.Delivery{}, map[string]wait{}
	}
	for _, d := range batch {
		firm := q.key(d)
		have, known := q.firms[firm]
		if !known {
			q.turns = append(q.turns, firm)
		}
		list := append(have, d)
		if n := len(have); n > 0 && d.At.Sequence < have[n-1].At.Sequence { // a redelivery
			list = events.InOrder(list)
		}
		q.firms[firm] = list
		q.weight += weigh(d)
	}
}

// room is how much the queue may weigh more.
func (q *queue) room() int { return mostWaiting - q.weight }

// take returns the next batch in the stream's order: at most n deliveries, none of a firm that waits for facts.
func (q *queue) take(n int, now time.Time) []events.Delivery {
	var ready, waiting []string
	for _, firm := range q.turns {
		if q.waits[firm].until.After(now) {
			waiting = append(waiting, firm)
		} else {
			ready = append(ready, firm)
		}
	}
	var batch []events.Delivery
	taken, last, recipients, weight := make([]int, len(ready)), 0, 0, 0
	for more := true; more; {
		more = false
		for i, firm := range ready {
			if len(batch) >= n || recipients >= mostRecipients || weight >= mostAtOnce {
				more = false
				break
			}
			if taken[i] == len(q.firms[firm]) {
				continue
			}
			d := q.firms[firm][taken[i]]
			taken[i]++
			batch, last, more = append(batch, d), i, true
			recipients += d.Recipients()
			weight += weigh(d)
		}
	}
	q.weight -= weight
	for i, firm := range ready {
		if q.firms[firm] = q.firms[firm][taken[i]:]; len(q.firms[firm]) == 0 {
			delete(q.firms, firm)
		}
	}
	q.turns = slices.Concat(ready[min(last+1, len(ready)):], ready[:min(last+1, len(ready))], waiting)
	q.turns = slices.DeleteFunc(q.turns, func(firm string) bool { return len(q.firms[firm]) == 0 })
	return events.InOrder(batch)
}

// putBack puts what waits for facts before everything else of its firm. batch is what it was taken with: the other
// firms of the batch do not wait.
func (q *queue) putBack(batch, later []events.Delivery, now time.Time) {
	waits := map[string][]events.Delivery{}
	for _, d := range later {
		d.Waited = true
		waits[q.key(d)] = append(waits[q.key(d)], d)
		q.weight += weigh(d)
	}
	for _, d := range batch {
		if firm := q.key(d); waits[firm] == nil {
			delete(q.waits, firm)
		}
	}
	for firm, list := range waits {
		have, known := q.firms[firm]
		if !known {
			q.turns = append(q.turns, firm)
		}
		q.firms[firm] = slices.Concat(list, have)
		pause := min(max(2*q.waits[firm].pause, shortestPause), longestPause)
		q.waits[firm] = wait{now.Add(pause), pause}
	}
}

// all returns every delivery.
func (q *queue) all() (list []events.Delivery) {
	for _, firm := range q.turns {
		list = append(list, q.firms[firm]...)
	}
	return list
}

// pause returns how long nothing can be taken: 0 if something can, and false if the queue is empty.
func (q *queue) pause(now time.Time) (pause time.Duration, some bool) {
	pause = longestPause
	for _, firm := range q.turns {
		pause = min(pause, max(q.waits[firm].until.Sub(now), 0))
	}
	return pause, len(q.turns) > 0
}
