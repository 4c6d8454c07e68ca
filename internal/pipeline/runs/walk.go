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
	pagesPerTurn = 4   // then another run that waits gets its turn
)

// Walk leases the run that has waited longest, and decides its next pages. It returns false if no run waits.
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
		return true, nil // another worker took this one for dead and walks the run now, or the run was stopped
	}
	if err != nil {
		err = fmt.Errorf("walk run %s: %w", run.ID, err)
	}
	// Return the run also if the worker is about to stop, so that no other worker must wait until its lease runs out.
	returnCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return true, errors.Join(err, r.Ledger.Store.ReturnRun(returnCtx, run.ID, r.Ledger.Worker))
}

// turn decides the next pages of a run. It reads each page while the page before it is decided (ADR 52), so that worker
// and database need not wait for each other. It ends when another run waits.
func (r Runs) turn(ctx context.Context, run store.Run) error {
	plan, err := r.Ledger.Store.LoadPlanned(ctx, run)
	if err != nil {
		return err
	}
	readCtx, over := context.WithCancel(ctx)
	next := r.readAhead(readCtx, run)
	defer func() { over(); _, _ = next() }() // no read lasts longer than its turn
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
			return nil // the page before lost a race, was read again and ended elsewhere; the next turn begins there
		}
		if !p.Walked {
			next = r.readAhead(readCtx, p.After())
		}
		if run, err = r.decidePage(ctx, p, plan); err != nil || run.Walked {
			return err
		}
	}
}

// readAhead begins to read a run's next page, and returns a function that waits for the page. When the page is decided,
// it may be out of date, like everything that is read before a commit. That does no harm:
//   - If an invite has changed since, writing the page fails, and the page is read and decided again.
//   - If a replay skips an invite again for the same reasons, it does not write the invite, so it does not notice such
//     a change. It only counts the invite in its own sums, which say what the replay has found (ADR 52).
//   - If an invite is queued on old facts, it is decided again before its mail leaves. Where an old email would look
//     like a new one beside a newer access, the contact is read again ([store.Tx.LoadReservations]).
//   - If the firm has erased its first person since, the page is read again.
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

// decidePage decides a page's candidates, and returns the run with its new checkpoint. The decisions and the checkpoint
// commit together. So the worker that goes on after a crash skips nobody and decides nobody twice. Reservations are
// read here and not ahead, because the page before may just have made new ones. plan is that of the run, if it has one.
func (r Runs) decidePage(ctx context.Context, ahead *page, plan store.Planned) (store.Run, error) {
	run, p := ahead.Run, ahead
	err := r.Ledger.Commit(ctx, func(tx *ledger.Tx) (err error) {
		if p, err = upToDate(ctx, tx.Tx, ahead, run); err != nil {
			return err
		}
		ahead = nil // if this try loses a race, the page that was read ahead has lost it
		tx.AdvanceRun(p.Progress)
		if err := tx.DecideNamed(ctx, p.named, p.candidates); err != nil {
			return err
		}
		tx.CompareWith(plan, run)
		return nil
	})
	if err != nil {
		return run, err
	}
	return p.After(), nil
}

// upToDate returns the page of a run that was read ahead. It reads the page again if there is none, or if the firm has
// erased its first person since: that page would write what it has read of the person.
func upToDate(ctx context.Context, tx *store.Tx, ahead *page, run store.Run) (*page, error) {
	if ahead == nil {
		return readPage(ctx, tx, run)
	}
	erasing, err := tx.FirmsThatErased(ctx, []string{run.FirmID})
	if err != nil {
		return nil, err
	}
	if firm := ahead.named.Firms[run.FirmID]; erasing[run.FirmID] && (firm == nil || !firm.Erases) {
		return readPage(ctx, tx, run)
	}
	return ahead, nil
}
