package answer

import (
	"context"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// planKept is how long a plan is kept.
const planKept = 24 * time.Hour

// Planning collects whom a bulk request would send a mail to, for a plan (ADR 169). One goroutine owns it.
type Planning struct {
	answers *Answers
	hashes  [][]byte
}

// NewPlanning begins a plan without anybody.
func (a *Answers) NewPlanning() *Planning { return &Planning{answers: a} }

// Visit adds a recipient that would be sent a mail.
func (p *Planning) Visit(e Explained) {
	if !e.Decision.Send() {
		return
	}
	names := p.answers.Ledger.PlannedOf(e.Ask.FirmID, e.Ask.ClientID, e.Decision.Person, e.Decision.Email)
	p.hashes = append(p.hashes, names[0])
}

// Keep stores the plan of a bulk request.
func (p *Planning) Keep(ctx context.Context, firm string, bulk events.BulkRequest) (store.Plan, error) {
	now := p.answers.Ledger.Now().UTC().Truncate(time.Microsecond)
	plan := store.Plan{
		ID: uuid.New(), FirmID: firm, Recipients: store.NewPlanned(p.hashes), CreatedAt: now, ExpiresAt: now.Add(planKept),
	}
	var err error
	if plan.Selection, err = ledger.SelectionHash(bulk); err != nil {
		return plan, err
	}
	err = p.answers.Ledger.Tx(ctx, func(tx *store.Tx) error { return tx.InsertPlan(ctx, plan) })
	return plan, err
}
