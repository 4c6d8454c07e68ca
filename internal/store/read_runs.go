package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// RunReport is a run with what operators see of it.
type RunReport struct {
	Run
	CreatedAt              time.Time
	Source, EventID, Cause string // of the run's request; Cause is its type
	RequestedBy            string
}

// RunFilter narrows a list of runs. A field that is not set does not narrow it.
type RunFilter struct {
	FirmID    string // always set
	RunID     uuid.NullUUID
	Kind      RunKind
	Walked    *bool // every candidate has been decided
	Completed *bool
	Scheduled *bool // its start is still to come
	Since     time.Time
	Before    time.Time // when the last run of the previous page began,
	BeforeID  uuid.UUID // and its id
}

// Runs lists a firm's runs, the newest first. It leaves out quiet replays that have changed nothing: they come from a
// redelivered bulk event, and no event about them is published either (ADR 14).
func (t *Tx) Runs(ctx context.Context, f RunFilter, limit int) ([]RunReport, error) {
	list, err := collect(ctx, t, "list runs", scanRunReport, `
		SELECT r.run_id, r.kind, r.replays, r.walked, r.selected, r.sent, r.skipped, r.failed, r.pending,
			r.completed_at, r.created_at, r.published, q.source, q.event_id, q.type,
			coalesce(q.data ->> 'requested_by', ''),
			`+guardColumns+`, `+orderColumns+`
		FROM runs r JOIN requests q USING (request_id)
		WHERE r.firm_id = $1 AND ($2::uuid IS NULL OR r.run_id = $2) AND ($3 = '' OR r.kind = $3)
		  AND ($4::boolean IS NULL OR r.walked = $4) AND ($5::boolean IS NULL OR (r.completed_at IS NOT NULL) = $5)
		  AND r.created_at >= coalesce($6, '-infinity'::timestamptz)
		  AND (r.created_at, r.run_id) < (coalesce($7, 'infinity'::timestamptz), $8::uuid)
		  AND (NOT r.quiet OR r.run_id = $2)
		  AND ($10::boolean IS NULL OR (NOT r.walked AND coalesce(r.start_at > ledger_now(), false)) = $10)
		ORDER BY r.created_at DESC, r.run_id DESC LIMIT $9`,
		f.FirmID, f.RunID, string(f.Kind), f.Walked, f.Completed, orNull(f.Since), orNull(f.Before), f.BeforeID, limit,
		f.Scheduled)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list, t.addReasons(ctx, list)
}

func scanRunReport(row pgx.CollectableRow) (RunReport, error) {
	var r RunReport
	var completed *time.Time
	var orders scannedOrders
	err := row.Scan(append([]any{&r.ID, &r.Kind, &r.Replays, &r.Walked, &r.Selected, &r.Sent, &r.Skipped, &r.Failed,
		&r.Pending, &completed, &r.CreatedAt, &r.Published, &r.Source, &r.EventID, &r.Cause, &r.RequestedBy},
		append(r.scanGuard(), orders.into(&r.Orders)...)...)...)
	r.CompletedAt = orZero(completed)
	orders.fill(&r.Orders)
	return r, err
}

func (t *Tx) addReasons(ctx context.Context, list []RunReport) error {
	type reason struct {
		RunID          uuid.UUID
		Code           rules.Code
		Count, Settled int
	}
	reasons, err := collect(ctx, t, "count the reasons of runs", pgx.RowToStructByPos[reason],
		`SELECT run_id, reason, count, settled FROM run_reasons WHERE count > 0 AND run_id = ANY ($1)`,
		column(list, func(r RunReport) uuid.UUID { return r.ID }))
	if err != nil {
		return err
	}
	byRun := map[uuid.UUID]*RunReport{}
	for i := range list {
		list[i].ByReason, list[i].Settled = make(map[rules.Code]int), make(map[rules.Code]int)
		byRun[list[i].ID] = &list[i]
	}
	for _, r := range reasons {
		byRun[r.RunID].ByReason[r.Code], byRun[r.RunID].Settled[r.Code] = r.Count, r.Settled
	}
	return nil
}
