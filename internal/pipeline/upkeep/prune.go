package upkeep

import (
	"bytes"
	"context"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/identity"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

const (
	pruneBatch = 500
	// pruneRest is the pause after a batch that has deleted something, so that the first pass over an old ledger leaves
	// the database time for everything else.
	pruneRest = 100 * time.Millisecond
	// pruneEvery is the pause between two passes. Finished invites can wait.
	pruneEvery = time.Hour
)

// prune deletes what is finished and older than Keep, and open dead letters beyond KeepOpen (ADR 51, ADR 89). Then it
// rests. Any worker may do it. It leaves rows that are locked for the next pass.
func (c Config) prune(ctx context.Context) (bool, error) {
	var before time.Time
	if c.Keep > 0 {
		before = c.Ledger.Now().Add(-c.Keep)
	}
	deleted, err := c.Prune(ctx, before)
	if err != nil {
		return false, err
	}
	if sum(deleted) > deleted["open_dead_letters"] {
		c.Log.Info().Int("invites", deleted["invites"]).Int("requests", deleted["requests"]).
			Int("runs", deleted["runs"]).Int("dead_letters", deleted["dead_letters"]).Int("access", deleted["access"]).
			Int("recovered_outcomes", deleted["recovered_outcomes"]).
			Time("before", before).Msg("pruned finished invites")
	}
	if n := deleted["open_dead_letters"]; n > 0 {
		c.Log.Warn().Int("dead_letters", n).Msg("deleted open dead letters: nobody requeued or discarded them within " +
			"DEAD_LETTERS_KEEP, or a firm has more of them than DEAD_LETTERS_PER_FIRM. Their events were never handled")
	}
	loop.Wait(ctx, nil, pruneEvery)
	return true, nil
}

// Prune makes one pass, and deletes what was finished before that time. If it is zero, nothing is finished.
func (c Config) Prune(ctx context.Context, before time.Time) (deleted map[string]int, err error) {
	p := pruning{Config: c, before: before, deleted: map[string]int{}}
	err = p.pass(ctx)
	return p.deleted, err
}

// pruning is one pass over the old rows. The goroutine of the stage owns it.
type pruning struct {
	Config
	before  time.Time       // what was finished by then is deleted; zero: nothing is
	access  store.AccessKey // the last access that was looked at
	deleted map[string]int
}

// pruned is the result of a batch.
type pruned struct {
	deleted map[string]int
	last    uuid.UUID // the last row that the batch looked at
	more    bool      // there may be more rows behind it
}

// pass goes through all rows, a batch in a transaction.
func (p *pruning) pass(ctx context.Context) error {
	type phase func(ctx context.Context, tx *store.Tx, after uuid.UUID) (pruned, error)
	var phases []phase
	if !p.before.IsZero() {
		phases = append(phases, p.accesses, p.oldInvites, p.otherInvites, p.runs, p.removals, p.instructions, p.deadLetters,
			p.recovered)
	}
	if p.KeepOpen.For > 0 {
		phases = append(phases, p.oldLetters)
	}
	if p.KeepOpen.PerFirm > 0 {
		phases = append(phases, p.manyLetters)
	}
	for _, next := range phases {
		batch := pruned{more: true}
		for batch.more {
			after := batch.last
			err := p.Ledger.Store.Tx(ctx, func(tx *store.Tx) (err error) {
				batch, err = next(ctx, tx, after)
				return err
			})
			if err != nil {
				return err
			}
			p.count(batch.deleted)
			if sum(batch.deleted) > 0 {
				loop.Wait(ctx, nil, pruneRest)
			}
		}
	}
	return nil
}

// accesses goes through the access that is expired or removed. It comes before the invites, which can go then.
func (p *pruning) accesses(ctx context.Context, tx *store.Tx, _ uuid.UUID) (pruned, error) {
	page, err := tx.PruneAccess(ctx, p.access, p.before, pruneBatch)
	if err != nil {
		return pruned{}, err
	}
	p.access = page.Last
	return pruned{deleted: map[string]int{"access": page.Deleted}, more: page.Seen == pruneBatch}, nil
}

// oldInvites goes through the invites whose ids begin with a time before p.before (ADR 46).
func (p *pruning) oldInvites(ctx context.Context, tx *store.Tx, after uuid.UUID) (pruned, error) {
	return p.invitesIn(ctx, tx, store.IDRange{After: after, Before: identity.Timed(uuid.Nil, p.before)})
}

// otherInvites goes through the invites whose ids do not tell their age: those of requests from before there were timed
// ids, and those of events with a time far in the future.
func (p *pruning) otherInvites(ctx context.Context, tx *store.Tx, after uuid.UUID) (pruned, error) {
	if next := identity.Timed(uuid.Nil, p.Ledger.Now().AddDate(1, 0, 0)); bytes.Compare(after[:], next[:]) < 0 {
		after = next
	}
	return p.invitesIn(ctx, tx, store.IDRange{After: after, Before: uuid.Max})
}

func (p *pruning) invitesIn(ctx context.Context, tx *store.Tx, within store.IDRange) (pruned, error) {
	page, err := tx.PruneInvites(ctx, within, p.before, pruneBatch)
	if err != nil {
		return pruned{}, err
	}
	requests, err := p.requests(ctx, tx, page.Requests)
	return pruned{map[string]int{"invites": page.Invites, "requests": requests}, page.Last, page.Seen == pruneBatch}, err
}

// requests deletes those of the given requests that have no invites any more.
func (p *pruning) requests(ctx context.Context, tx *store.Tx, ids []uuid.UUID) (int, error) {
	aged, err := tx.LockAged(ctx, ids, p.before)
	if err != nil {
		return 0, err
	}
	within := make([]store.IDRange, len(aged))
	for i, r := range aged {
		within[i] = idsOf(r)
	}
	return tx.PruneRequests(ctx, aged, within)
}

// idsOf is the range of ids of a request's invites, if the request has timed ids.
func idsOf(r store.Aged) store.IDRange {
	return store.IDRange{
		After: identity.Timed(uuid.Nil, r.Time), Before: identity.Timed(uuid.Nil, r.Time.Add(time.Millisecond)),
	}
}

// runs deletes runs without invites, with their sums and their requests.
func (p *pruning) runs(ctx context.Context, tx *store.Tx, after uuid.UUID) (pruned, error) {
	aged, err := tx.LockAgedRuns(ctx, after, p.before, pruneBatch)
	if err != nil || len(aged) == 0 {
		return pruned{}, err
	}
	within, requestIDs := make([]store.IDRange, len(aged)), make([]uuid.UUID, len(aged))
	for i, r := range aged {
		within[i], requestIDs[i] = idsOf(r.Request), r.Request.ID
	}
	runs, err := tx.PruneRuns(ctx, aged, within)
	if err != nil {
		return pruned{}, err
	}
	requests, err := p.requests(ctx, tx, requestIDs)
	return pruned{map[string]int{"runs": runs, "requests": requests}, aged[len(aged)-1].ID, len(aged) == pruneBatch}, err
}

func (p *pruning) removals(ctx context.Context, tx *store.Tx, _ uuid.UUID) (pruned, error) {
	n, err := tx.PruneRemovals(ctx, p.before, pruneBatch)
	return pruned{deleted: map[string]int{"requests": n}, more: n == pruneBatch}, err
}

// instructions deletes what runs were told that are deleted. It comes after the runs.
func (p *pruning) instructions(ctx context.Context, tx *store.Tx, _ uuid.UUID) (pruned, error) {
	n, err := tx.PruneInstructions(ctx, p.before, pruneBatch)
	return pruned{deleted: map[string]int{"requests": n}, more: n == pruneBatch}, err
}

func (p *pruning) deadLetters(ctx context.Context, tx *store.Tx, _ uuid.UUID) (pruned, error) {
	n, err := tx.PruneDeadLetters(ctx, p.before, pruneBatch)
	return pruned{deleted: map[string]int{"dead_letters": n}, more: n == pruneBatch}, err
}

// recovered deletes what a recovery has read from the stream of outcomes.
func (p *pruning) recovered(ctx context.Context, tx *store.Tx, _ uuid.UUID) (pruned, error) {
	n, err := tx.PruneRecovered(ctx, p.before, pruneBatch)
	return pruned{deleted: map[string]int{"recovered_outcomes": n}, more: n == pruneBatch}, err
}

// oldLetters deletes open dead letters that nobody has decided about in time.
func (p *pruning) oldLetters(ctx context.Context, tx *store.Tx, _ uuid.UUID) (pruned, error) {
	n, err := tx.PruneOldLetters(ctx, p.Ledger.Now().Add(-p.KeepOpen.For), pruneBatch)
	return pruned{deleted: map[string]int{"open_dead_letters": n}, more: n == pruneBatch}, err
}

// manyLetters deletes the oldest open dead letters of firms that have too many, one firm after another.
func (p *pruning) manyLetters(ctx context.Context, tx *store.Tx, _ uuid.UUID) (pruned, error) {
	n, err := tx.PruneManyLetters(ctx, p.KeepOpen.PerFirm, pruneBatch)
	return pruned{deleted: map[string]int{"open_dead_letters": n}, more: n > 0}, err
}

func (p *pruning) count(deleted map[string]int) {
	for what, n := range deleted {
		p.deleted[what] += n
		p.Observer.Pruned(what, n)
	}
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
