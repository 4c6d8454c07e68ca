package upkeep

import (
	"context"

	"github.com/google/uuid"
)

// HeldBatch is how many held invites are looked at together.
const HeldBatch = heldBatch

// HeldWatch looks at held invites, page by page.
type HeldWatch struct{ watch heldWatch }

// NewHeldWatch makes a watch that begins with the first page.
func NewHeldWatch(c Config) *HeldWatch { return &HeldWatch{heldWatch{Config: c}} }

// Look looks at the next page, and returns its last invite if the page was full.
func (h *HeldWatch) Look(ctx context.Context) (after uuid.UUID, err error) {
	_, err = h.watch.look(ctx)
	return h.watch.after, err
}
