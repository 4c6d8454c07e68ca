package runs

import (
	"context"

	"portal-invites/internal/store"
)

const (
	// PageSize is how many candidates are decided in one transaction.
	PageSize = pageSize
	// PagesPerTurn is how many pages of a run are decided before another run gets its turn.
	PagesPerTurn = pagesPerTurn
)

// Page is a page that has been read.
type Page = page

// ReadAhead reads the page behind a run's checkpoint.
func (r Runs) ReadAhead(ctx context.Context, run store.Run) (*Page, error) {
	return r.readAhead(ctx, run)()
}

// DecidePage decides a page that was read ahead.
func (r Runs) DecidePage(ctx context.Context, ahead *Page) (store.Run, error) {
	return r.decidePage(ctx, ahead, nil)
}
