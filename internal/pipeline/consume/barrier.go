package consume

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"portal-invites/internal/events"
)

// ApplyFirm applies the next facts of a firm that are before a sequence, whoever has fetched them, and raises the
// firm's floor in the barrier. It is [facts.Projector.ApplyFirm].
type ApplyFirm func(ctx context.Context, b *events.Barrier, firm string, before uint64) error

// Barrier makes each request wait until its own firm's facts before it are applied. It belongs to one goroutine.
//
// Usually the facts stage of some worker is about to apply them. If it has not done so after a moment, the barrier does
// it. So no request depends on the worker that has fetched a fact: it may have died, or have other firms' facts first.
type Barrier struct {
	*events.Barrier
	apply ApplyFirm
	since map[string]time.Time // when a firm was first found behind, or when its facts were last applied here

	reported map[string]time.Time // when a firm was first found to have only reports that are not applied
}

// NewBarrier makes a barrier that applies facts by apply.
func NewBarrier(b *events.Barrier, apply ApplyFirm) *Barrier {
	return &Barrier{Barrier: b, apply: apply, since: map[string]time.Time{}, reported: map[string]time.Time{}}
}

const (
	// stagesTurn is how long the barrier leaves facts to the facts stages.
	stagesTurn = 50 * time.Millisecond
	// ownTurn is how long one call of Split may apply facts. Requests of other firms wait meanwhile.
	ownTurn = 200 * time.Millisecond
)

// Split returns the requests of a batch whose facts are applied, and those for later: a fact of their firm before them
// is not applied yet. Within a firm, no request for later is before one that is ready.
func (b *Barrier) Split(ctx context.Context, batch []events.Delivery) (ready, later []events.Delivery, err error) {
	before := map[string]uint64{}
	for _, d := range batch {
		before[d.Firm] = max(before[d.Firm], d.At.Sequence)
	}
	lag, err := b.Behind(ctx, before)
	if err != nil {
		return nil, nil, err
	}
	if len(lag.Facts) > 0 {
		if err = b.catchUp(ctx, before, &lag); err != nil {
			return nil, nil, err
		}
	}
	behind := lag.Facts
	maps.DeleteFunc(b.since, func(firm string, _ time.Time) bool { return behind[firm] == 0 })
	b.awaitReports(lag)
	if len(behind) == 0 && len(lag.Reports) == 0 {
		return batch, nil, nil
	}
	maps.Copy(behind, lag.Reports) // no firm is in both
	for _, d := range batch {
		if fact := behind[d.Firm]; fact == 0 || d.At.Sequence <= fact {
			ready = append(ready, d)
		} else {
			later = append(later, d)
		}
	}
	return ready, later, nil
}

// awaitReports takes the firms out of the lag that have waited for their reports for long enough.
func (b *Barrier) awaitReports(lag events.Lag) {
	now := time.Now()
	maps.DeleteFunc(b.reported, func(firm string, _ time.Time) bool { return lag.Reports[firm] == 0 })
	for firm := range lag.Reports {
		if since, known := b.reported[firm]; !known {
			b.reported[firm] = now
		} else if now.Sub(since) > events.ReportsTurn {
			delete(lag.Reports, firm)
		}
	}
}

// catchUp applies facts of firms that have been behind for a moment, the one that has waited longest first. It leaves
// the firms in the lag that are still behind.
func (b *Barrier) catchUp(ctx context.Context, before map[string]uint64, lag *events.Lag) error {
	began, tried := time.Now(), map[string]uint64{}
	longest := slices.SortedFunc(maps.Keys(lag.Facts), func(x, y string) int {
		return cmp.Or(b.since[x].Compare(b.since[y]), cmp.Compare(x, y))
	})
	for _, firm := range longest {
		since, known := b.since[firm]
		if !known {
			b.since[firm] = began
			continue
		}
		if time.Since(since) < stagesTurn || time.Since(began) > ownTurn {
			continue
		}
		if err := b.apply(ctx, b.Barrier, firm, before[firm]); err != nil {
			return err
		}
		b.since[firm] = time.Now() // the next time, other firms come first
		tried[firm] = before[firm]
	}
	if len(tried) == 0 {
		return nil
	}
	still, err := b.Behind(ctx, tried)
	if err != nil {
		return err
	}
	for firm := range tried {
		delete(lag.Facts, firm)
	}
	maps.Copy(lag.Facts, still.Facts)
	if lag.Reports == nil {
		lag.Reports = map[string]uint64{}
	}
	maps.Copy(lag.Reports, still.Reports)
	return nil
}
