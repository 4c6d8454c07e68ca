package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// SelectionHash is a hash of what decides whom a bulk request is for: selection, mode and audience. The client ids are
// a set.
func SelectionHash(bulk events.BulkRequest) ([]byte, error) {
	selection := bulk.Selection
	selection.ClientIDs = slices.Compact(slices.Sorted(slices.Values(selection.ClientIDs)))
	raw, err := json.Marshal([]any{bulk.Mode, bulk.Audience(), selection})
	if err != nil {
		return nil, fmt.Errorf("encode a selection: %w", err)
	}
	sum := sha256.Sum256(raw)
	return sum[:], nil
}

// PlannedOf are the names in a plan of the recipient of a decision. The first of them goes into a plan.
func (l *Ledger) PlannedOf(firm, client string, person rules.Person, email rules.Email) [][]byte {
	return l.Planned(firm, client, string(person), email.Normal)
}

// CheckPlan says why a bulk request can't have the plan that it names. The error is a [events.RefusedError] at its
// place in the stream. A firm learns nothing of another firm's plan.
func (t *Tx) CheckPlan(ctx context.Context, request store.Request, bulk events.BulkRequest) error {
	refuse := func(why string) error {
		return events.RefusedError{request.At.Sequence: errors.New("plan: " + why +
			"; ask explain for a new plan, and publish the request under a new ce-id with it")}
	}
	id, err := uuid.Parse(bulk.Plan)
	if err != nil {
		return err // it was checked
	}
	plan, err := t.FindPlan(ctx, request.FirmID, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return refuse("this firm has no such plan any more, or never had: plans are kept for a day")
	case err != nil:
		return err
	case !plan.ExpiresAt.After(t.Now):
		return refuse("has expired at " + moment(plan.ExpiresAt))
	}
	selection, err := SelectionHash(bulk)
	if err != nil {
		return err
	}
	if !slices.Equal(selection, plan.Selection) {
		return refuse("is of another selection, mode or to")
	}
	return nil
}

// CompareWith counts those of the invites that the transaction queues for a run whose recipients are not in the run's
// plan. Call it when the run's page is decided.
func (t *Tx) CompareWith(plan store.Planned, run store.Run) {
	if !run.Holds || !run.PlanID.Valid {
		return
	}
	for _, list := range [][]store.Invite{t.inserted, t.updated} {
		for i := range list {
			invite := &list[i]
			if invite.State == store.Queued && invite.RunID.UUID == run.ID &&
				!plan.Has(t.ledger.PlannedOf(invite.FirmID, invite.ClientID, invite.Person, invite.Email)) {
				change := t.run(run.ID)
				change.notPlanned = append(change.notPlanned, invite.ID)
			}
		}
	}
}

// endHold ends the hold of a run whose walk has ended. It returns why the run must pause before it mails anybody, or ""
// if it goes on.
func endHold(run *store.Run) (why string) {
	if !run.Holds || !run.Walked {
		return ""
	}
	run.Holds = false
	if run.Pending == 0 {
		return ""
	}
	var found []string
	if run.NotPlanned > 0 {
		found = append(found, fmt.Sprintf("not in the plan: %d of the %d recipients that it would mail",
			run.NotPlanned, run.Pending))
	}
	if run.MaxRecipients > 0 && run.Pending > run.MaxRecipients {
		found = append(found, fmt.Sprintf("it would mail %d recipients, and max_recipients is %d",
			run.Pending, run.MaxRecipients))
	}
	return strings.Join(found, "; ")
}
