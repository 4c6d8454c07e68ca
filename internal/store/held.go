package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Held says whether an invite waits for a ruling, because its mail may or may not have arrived (ADR 71).
func (i Invite) Held() bool { return !i.HeldAt.IsZero() }

// isHeld is [Invite.Held] in SQL, written exactly as in the indexes.
const isHeld = `i.held_at IS NOT NULL`

// HeldInvite is a held invite and its last attempt, whose result is unknown.
type HeldInvite struct {
	Invite
	MessageID string
	TriedAt   time.Time // when the attempt began
	Overtaken bool      // the person got a later resend, so the held mail no longer matters
}

const triedInvites = `
	SELECT a.message_id, a.started_at, EXISTS (
		SELECT FROM invites later
		WHERE later.firm_id = i.firm_id AND later.person = i.person AND later.client_id = i.client_id
		  AND later.kind = 'resend' AND later.state = ` + sqlSent + ` AND later.sent_at >= a.started_at),
		` + inviteColumns + `
	FROM invites i JOIN attempts a USING (invite_id, attempt)`

const heldInvites = triedInvites + ` WHERE ` + isHeld

func scanHeldInvite(row pgx.CollectableRow) (HeldInvite, error) {
	var h HeldInvite
	var err error
	h.Invite, err = scanInvite(afterColumns{row, []any{&h.MessageID, &h.TriedAt, &h.Overtaken}})
	return h, err
}

const heldPage = heldInvites + ` AND lane = $1 AND invite_id > $2 ORDER BY invite_id LIMIT $3`

// HeldPage reads up to n held invites of a lane, in the order of their ids, starting after one. It does not lock them.
func (t *Tx) HeldPage(ctx context.Context, lane Lane, after uuid.UUID, n int) ([]HeldInvite, error) {
	return collect(ctx, t, "read held invites", scanHeldInvite, heldPage, lane, after, n)
}

// LockHeld reads those of the invites that are held, and locks them until the transaction ends. If two rule on one
// invite at the same time, the second finds that it is no longer held.
func (t *Tx) LockHeld(ctx context.Context, ids []uuid.UUID) ([]HeldInvite, error) {
	return collect(ctx, t, "lock held invites", scanHeldInvite,
		heldInvites+` AND invite_id = ANY ($1) ORDER BY invite_id FOR UPDATE OF i`, ids)
}

// Ruling is what was decided about a held invite.
type Ruling string

// The rulings.
const (
	SendAgain Ruling = "send"    // send the mail again: two copies are better than none
	Arrived   Ruling = "arrived" // the person has the mail
)

// RulingRecord is a ruling and who made it: an operator, or the part of the pipeline that ruled by itself.
type RulingRecord struct {
	Ruling Ruling
	By     string
	At     time.Time // by the database's own clock
}

// RecordRulings stores the rulings on held invites, in the transaction that carries them out. The database says when:
// rulings are listed in their order, and the clocks of two workers may differ by some milliseconds.
func (t *Tx) RecordRulings(ctx context.Context, held []HeldInvite, ruling Ruling, by string) error {
	_, err := t.tx.Exec(ctx, `
		INSERT INTO held_decisions (invite_id, attempt, firm_id, decision, decided_by, decided_at)
		SELECT *, $4, $5, ledger_now() FROM unnest($1::uuid[], $2::int[], $3::text[])`,
		column(held, func(h HeldInvite) uuid.UUID { return h.ID }),
		column(held, func(h HeldInvite) int { return h.Attempt }),
		column(held, func(h HeldInvite) string { return h.FirmID }),
		string(ruling), validText(by))
	if err != nil {
		return fmt.Errorf("record rulings on held invites: %w", err)
	}
	return nil
}
