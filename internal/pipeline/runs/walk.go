package runs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

const (
	pageSize     = 500 // candidates decided in one transaction
	pagesPerTurn = 4   // before another run that waits gets its turn
)

// Walk leases the run that has waited longest, and decides its next pages. It says whether there was one.
func (r Runs) Walk(ctx context.Context) (bool, error) {
	run, err := r.Ledger.Store.LeaseRun(ctx, r.Ledger.Worker)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = r.turn(ctx, run)
	if errors.Is(err, store.ErrLeaseLost) {
		return true, nil // taken over while this worker was taken for dead; it goes on elsewhere
	}
	if err != nil {
		err = fmt.Errorf("walk run %s: %w", run.ID, err)
	}
	// Also where the worker is about to stop, so that nobody has to wait for its lease to run out.
	returnCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return true, errors.Join(err, r.Ledger.Store.ReturnRun(returnCtx, run.ID, r.Ledger.Worker))
}

// turn decides the next pages of a run. It reads each page while the one before is decided, so that worker and database
// need not wait for each other. It lasts for as long as no other run waits.
func (r Runs) turn(ctx context.Context, run store.Run) error {
	readCtx, over := context.WithCancel(ctx)
	next := r.readAhead(readCtx, run)
	defer func() { over(); _, _ = next() }() // no reading outlives its turn
	for n := 0; ; n++ {
		if n > 0 && n%pagesPerTurn == 0 {
			if others, err := r.Ledger.Store.RunsWait(ctx); err != nil || others {
				return err
			}
		}
		p, err := next()
		if err != nil {
			return err
		}
		if p.Run.Cursor != run.Cursor {
			return nil // the page before lost a race, was read anew and ended elsewhere: the next turn goes on from there
		}
		if !p.Walked {
			next = r.readAhead(readCtx, p.After())
		}
		if run, err = r.decidePage(ctx, p); err != nil || run.Walked {
			return err
		}
	}
}

// readAhead begins to read the page behind a run's cursor; what it returns waits for that. The page may be stale when it is
// decided, like any read before commit. Writes fail if an invite changed since; an unchanged skip is counted with the
// state read here. Whoever is sent a mail by older facts is asked about once more before it leaves.
func (r Runs) readAhead(ctx context.Context, run store.Run) (wait func() (*page, error)) {
	var p *page
	var reading errgroup.Group
	reading.Go(func() error {
		_, err := r.Safely("fanout", func() (bool, error) {
			return true, r.Ledger.Store.Read(ctx, func(tx *store.Tx) (err error) {
				p, err = readPage(ctx, tx, run)
				return err
			})
		})
		return err
	})
	return func() (*page, error) {
		err := reading.Wait()
		return p, err
	}
}

// decidePage decides a page's candidates, and returns the run as it stands then. The decisions and the cursor commit together, so
// whoever goes on after a crash skips nobody and decides nobody twice. What others hold is read here and not ahead: the page
// before may just have claimed it.
func (r Runs) decidePage(ctx context.Context, ahead *page) (store.Run, error) {
	run, p := ahead.Run, ahead
	err := r.Ledger.Commit(ctx, func(tx *ledger.Tx) (err error) {
		if p, ahead = ahead, nil; p == nil { // this try is not the first one: what was read ahead has lost a race
			if p, err = readPage(ctx, tx.Tx, run); err != nil {
				return err
			}
		}
		tx.AdvanceRun(p.Progress)
		return tx.DecideNamed(ctx, p.named, p.candidates)
	})
	if err != nil {
		return run, err
	}
	return p.After(), nil
}
