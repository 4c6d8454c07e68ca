package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Plan says whom an explanation of a selection would have mailed (ADR 169).
type Plan struct {
	ID         uuid.UUID
	FirmID     string
	Selection  []byte // a hash of what was explained
	Recipients Planned
	CreatedAt  time.Time
	ExpiresAt  time.Time
}

// PlannedSize is how many octets of a keyed hash name a recipient of a plan.
const PlannedSize = 16

// Planned has the recipients of a plan, as sorted hashes of [PlannedSize] octets.
type Planned []byte

// NewPlanned makes the recipients of a plan of their hashes.
func NewPlanned(hashes [][]byte) Planned {
	slices.SortFunc(hashes, bytes.Compare)
	return bytes.Join(slices.CompactFunc(hashes, bytes.Equal), nil)
}

// Has says whether one of the names of a recipient is in the plan. A recipient has a name by each key.
func (p Planned) Has(names [][]byte) bool {
	n := len(p) / PlannedSize
	at := func(i int) []byte { return p[i*PlannedSize : (i+1)*PlannedSize] }
	return slices.ContainsFunc(names, func(name []byte) bool {
		i := sort.Search(n, func(i int) bool { return bytes.Compare(at(i), name) >= 0 })
		return i < n && bytes.Equal(at(i), name)
	})
}

// Guard is what keeps a run from mailing others than were meant (ADR 169).
type Guard struct {
	PlanID        uuid.NullUUID
	MaxRecipients int  // 0: as many as there are
	Holds         bool // no mail of the run leaves before its walk has ended
	NotPlanned    int  // recipients that it would mail, and that are not in the plan
}

const guardColumns = `plan_id, max_recipients, holds, not_planned`

// scanGuard returns where to scan guardColumns to.
func (g *Guard) scanGuard() []any { return []any{&g.PlanID, &g.MaxRecipients, &g.Holds, &g.NotPlanned} }

// plansPerFirm is how many plans of a firm are kept.
const plansPerFirm = 20

// neededPlans are the plans of runs that have yet to be compared with them.
const neededPlans = `SELECT plan_id FROM runs WHERE holds AND plan_id IS NOT NULL`

// InsertPlan stores a plan, and deletes the oldest of the firm if it has too many. The plan is the newest one, also if
// another worker's clock is a little ahead.
func (t *Tx) InsertPlan(ctx context.Context, p Plan) error {
	var batch pgx.Batch
	batch.Queue(`
		INSERT INTO plans (plan_id, firm_id, selection, recipients, created_at, expires_at)
		SELECT $1, $2, $3, $4, greatest($5, max(created_at) + interval '1 microsecond'), $6 FROM plans WHERE firm_id = $2`,
		p.ID, p.FirmID, p.Selection, []byte(p.Recipients), p.CreatedAt, p.ExpiresAt)
	batch.Queue(`
		DELETE FROM plans WHERE plan_id NOT IN (`+neededPlans+`) AND plan_id IN (
			SELECT plan_id FROM plans WHERE firm_id = $1 ORDER BY created_at DESC, plan_id OFFSET $2)`,
		p.FirmID, plansPerFirm)
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("store a plan: %w", err)
	}
	return nil
}

// FindPlan reads a plan of a firm without its recipients. It returns [ErrNotFound] if the firm has none with that id.
func (t *Tx) FindPlan(ctx context.Context, firm string, id uuid.UUID) (Plan, error) {
	p := Plan{ID: id, FirmID: firm}
	err := t.tx.QueryRow(ctx,
		`SELECT selection, created_at, expires_at FROM plans WHERE plan_id = $1 AND firm_id = $2`, id, firm).
		Scan(&p.Selection, &p.CreatedAt, &p.ExpiresAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, ErrNotFound
	}
	if err != nil {
		return p, fmt.Errorf("read plan %s: %w", id, err)
	}
	return p, nil
}

// LoadPlanned reads the recipients of a run's plan. Nobody is in a plan that is gone.
func (s *Store) LoadPlanned(ctx context.Context, run Run) (Planned, error) {
	if !run.Holds || !run.PlanID.Valid {
		return nil, nil
	}
	var recipients []byte
	err := s.pool.QueryRow(ctx, `SELECT recipients FROM plans WHERE plan_id = $1 AND firm_id = $2`,
		run.PlanID, run.FirmID).Scan(&recipients)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("read the plan of run %s: %w", run.ID, err)
	}
	return recipients, nil
}

// ForgetPlans deletes plans that have expired before a time, and that no run has yet to be compared with.
func (s *Store) ForgetPlans(ctx context.Context, before time.Time) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM plans WHERE expires_at < $1 AND plan_id NOT IN (`+neededPlans+`)`, before)
	if err != nil {
		return fmt.Errorf("forget expired plans: %w", err)
	}
	return nil
}

// ToldBefore says whether recovered outcomes tell of a run. Then it has begun before (ADR 107).
func (t *Tx) ToldBefore(ctx context.Context, run uuid.UUID) (before bool, err error) {
	err = t.tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM recovered_outcomes WHERE about = $1)`, run).Scan(&before)
	if err != nil {
		return false, fmt.Errorf("look for recovered outcomes of run %s: %w", run, err)
	}
	return before, nil
}

// NotPlannedOf reads the first recipients of a run that are not in its plan.
func (t *Tx) NotPlannedOf(ctx context.Context, firm string, run uuid.UUID) ([]Status, error) {
	return t.recipients(ctx, "list the recipients that are not in the plan", `
		WHERE i.firm_id = $1 AND i.invite_id = ANY (ARRAY(
			SELECT unnest(not_planned_invites) FROM runs WHERE run_id = $2 AND firm_id = $1))`, firm, run)
}
