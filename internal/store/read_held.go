package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// HeldEntry is an attempt with an unknown result, because of which its invite is or was held. It has what an operator
// needs for a ruling, and the ruling.
type HeldEntry struct {
	Invite     Invite // in its present state
	ClientName string
	Attempt    AttemptTimes
	Decided    RulingRecord // zero while the invite is held
}

// HeldFilter narrows a list of [HeldEntry] to the invites that are held now, or to those with a ruling.
type HeldFilter struct {
	FirmID   string // always set
	InviteID uuid.NullUUID
	Decided  bool      // those with a ruling
	Before   time.Time // when the attempt of the previous page's last entry ended, or when its ruling was made,
	BeforeID uuid.UUID // and its invite
}

// ListHeld lists a firm's held invites, the newest first: by the end of the attempt, or by the time of the ruling.
func (t *Tx) ListHeld(ctx context.Context, f HeldFilter, limit int) ([]HeldEntry, error) {
	sql := heldNow
	if f.Decided {
		sql = heldBefore
	}
	return collect(ctx, t, "list held invites", scanHeldEntry, sql,
		f.FirmID, f.InviteID, orNull(f.Before), f.BeforeID, limit)
}

const (
	heldColumns = `i.invite_id, i.client_id, coalesce(c.name, ''), i.contact_id, i.person, i.name, i.email,
		i.email_normal, i.kind, i.lane, i.run_id, i.state,
		a.attempt, a.message_id, a.stage, a.said, a.started_at, a.finished_at`

	heldNow = `SELECT ` + heldColumns + `, '', '', NULL::timestamptz
		FROM invites i JOIN attempts a USING (invite_id, attempt) LEFT JOIN clients c USING (firm_id, client_id)
		WHERE i.firm_id = $1 AND ` + isHeld + ` AND ($2::uuid IS NULL OR i.invite_id = $2)
		  AND (a.finished_at, i.invite_id) < (coalesce($3, 'infinity'::timestamptz), $4::uuid)
		ORDER BY a.finished_at DESC, i.invite_id DESC LIMIT $5`

	heldBefore = `SELECT ` + heldColumns + `, d.decision, d.decided_by, d.decided_at
		FROM held_decisions d JOIN invites i USING (invite_id, firm_id)
		JOIN attempts a ON (a.invite_id, a.attempt) = (d.invite_id, d.attempt)
		LEFT JOIN clients c USING (firm_id, client_id)
		WHERE d.firm_id = $1 AND ($2::uuid IS NULL OR d.invite_id = $2)
		  AND (d.decided_at, d.invite_id) < (coalesce($3, 'infinity'::timestamptz), $4::uuid)
		ORDER BY d.decided_at DESC, d.invite_id DESC LIMIT $5`
)

func scanHeldEntry(row pgx.CollectableRow) (HeldEntry, error) {
	var h HeldEntry
	var finished, decided *time.Time
	i, a := &h.Invite, &h.Attempt
	err := row.Scan(&i.ID, &i.ClientID, &h.ClientName, &i.ContactID, &i.Person, &i.Name, &i.Email.Written,
		&i.Email.Normal, &i.Kind, &i.Lane, &i.RunID, &i.State,
		&a.Number, &a.MessageID, &a.Stage, &a.Said, &a.StartedAt, &finished,
		&h.Decided.Ruling, &h.Decided.By, &decided)
	a.FinishedAt, h.Decided.At = orZero(finished), orZero(decided)
	return h, err
}
