package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// RecipientFilter says which recipients of a run are listed. A field that is not set does not narrow the list.
type RecipientFilter struct {
	FirmID string // always set
	RunID  uuid.UUID
	States []State
	Reason rules.Code // skipped, and this is the first reason
	After  uuid.UUID  // the last invite of the previous page

	First, Last uuid.UUID // the first and the last id that an invite of the run may have
}

// RequestOfRun finds a run and when its request happened, without the request's data. It returns [ErrNotFound] if the
// firm has no such run.
func (t *Tx) RequestOfRun(ctx context.Context, firmID string, runID uuid.UUID) (kind RunKind, r Request, err error) {
	r.FirmID = firmID
	err = t.tx.QueryRow(ctx, `
		SELECT r.kind, q.request_id, q.time, q.timed_ids FROM runs r JOIN requests q USING (request_id)
		WHERE r.firm_id = $1 AND r.run_id = $2`, firmID, runID).Scan(&kind, &r.ID, &r.Time, &r.TimedIDs)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", r, fmt.Errorf("run %s: %w", runID, ErrNotFound)
	case err != nil:
		return "", r, fmt.Errorf("find run %s: %w", runID, err)
	}
	return kind, r, nil
}

// RunRecipients lists the invites of a run in the order of their ids, with the client's name and what became of each
// mail. The invites of a replay are those that it was the last to decide.
//
// Each page reads the run from the last entry on. So a page that finds few costs as much as the rest of the run.
func (t *Tx) RunRecipients(ctx context.Context, kind RunKind, f RecipientFilter, limit int) ([]Status, error) {
	of := `i.run_id`
	if kind == ReplayRun {
		of = `i.replay_id`
	}
	return t.recipients(ctx, "list the recipients of a run", `
		WHERE i.firm_id = $1 AND `+of+` = $2 AND i.invite_id > $3 AND i.invite_id BETWEEN $4 AND $5
		  AND ($6::text[] IS NULL OR i.state = ANY ($6)) AND ($7 = '' OR i.state = `+sqlSkipped+` AND i.reason = $7)
		ORDER BY i.invite_id LIMIT $8`,
		f.FirmID, f.RunID, f.After, f.First, f.Last, texts(f.States), string(f.Reason), limit)
}

// RecipientsByID is like [Tx.RunRecipients], for invites by their ids. It leaves out those that do not exist.
func (t *Tx) RecipientsByID(ctx context.Context, firmID string, ids []uuid.UUID) ([]Status, error) {
	return t.recipients(ctx, "list the recipients of a request",
		`WHERE i.firm_id = $1 AND i.invite_id = ANY ($2)`, firmID, ids)
}

func (t *Tx) recipients(ctx context.Context, what, which string, args ...any) ([]Status, error) {
	return collect(ctx, t, what, scanRecipient, `
		SELECT coalesce(c.name, ''), history.attempts, later.reports, `+runPause+`, i.*
		FROM (SELECT `+inviteColumns+` FROM invites i `+which+`) i
		LEFT JOIN clients c USING (firm_id, client_id)`+historyJoins+`
		ORDER BY i.invite_id`, args...)
}

func scanRecipient(row pgx.CollectableRow) (Status, error) {
	var s Status
	invite, err := scanInvite(afterColumns{row, []any{&s.ClientName, &s.Attempts, &s.Reports, &s.RunPause}})
	s.Invite, s.ClientID, s.Person = &invite, invite.ClientID, invite.Person
	return s, err
}
