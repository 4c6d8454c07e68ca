package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"portal-invites/internal/rules"
)

// InsertInvites writes invites that did not exist when this transaction looked. It returns [ErrConflict] if one of them
// exists by now, or if its request has been deleted.
//
// It locks the requests like a foreign key would (ADR 48), but once per request instead of once per invite, and it does
// not lock requests that this transaction has inserted. The run of the invites must not be deleted either: [Tx.Advance]
// has locked it. The statement has no ON CONFLICT, which would make each insert slower (ADR 61) and save nothing: if
// another transaction has inserted one of the invites, this transaction must start again in any case.
func (t *Tx) InsertInvites(ctx context.Context, invites []Invite) error {
	if len(invites) == 0 {
		return nil
	}
	args, err := inviteArrays(invites, uuid.NullUUID{})
	if err != nil {
		return err
	}
	tag, err := t.tx.Exec(ctx, insertInvites, append(args, t.olderCauses(invites))...)
	return wrote(tag.RowsAffected(), len(invites), "insert invites", raced(err))
}

const insertInvites = `
	WITH causes AS MATERIALIZED (
		SELECT FROM requests WHERE request_id = ANY ($29) ORDER BY request_id FOR KEY SHARE
	)
	INSERT INTO invites (` + newColumns + `, worker_id)
	SELECT *, $28::uuid FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
		$8::text[], $9::text[], $10::uuid[], $11::uuid[], $12::text[], $13::int[], $14::text[], $15::jsonb[], $16::bool[],
		$17::text[], $18::text[], $19::text[], $20::text[], $21::bigint[], $22::int[], $23::timestamptz[],
		$24::timestamptz[], $25::timestamptz[], $26::timestamptz[], $27::text[])
	WHERE (SELECT count(*) FROM causes) = cardinality($29::uuid[])`

// olderCauses returns the requests of these invites that existed before this transaction, once each.
func (t *Tx) olderCauses(invites []Invite) []uuid.UUID {
	older := map[uuid.UUID]bool{}
	for _, i := range invites {
		if !t.fresh[i.RequestID] {
			older[i.RequestID] = true
		}
	}
	return slices.AppendSeq([]uuid.UUID{}, maps.Keys(older)) // not nil, which would be NULL
}

// raced turns the error of an insert into an [ErrConflict] if a row already exists: another worker was first.
func raced(err error) error {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == uniqueViolation {
		return ErrConflict
	}
	return err
}

// InsertSending is like [Tx.InsertInvites], for invites that a worker sends at once (ADR 53). It also records their
// first attempts. It returns [ErrLeaseEnded] if the worker's lease has ended.
func (t *Tx) InsertSending(
	ctx context.Context, worker uuid.UUID, invites []Invite, attempts []Attempt, now time.Time,
) error {
	if len(invites) == 0 {
		return nil
	}
	args, err := inviteArrays(invites, uuid.NullUUID{UUID: worker, Valid: true})
	if err != nil {
		return err
	}
	var batch pgx.Batch
	queueLease(&batch, worker)
	batch.Queue(insertInvites, append(args, t.olderCauses(invites))...).Exec(func(tag pgconn.CommandTag) error {
		return wrote(tag.RowsAffected(), len(invites), "insert", nil)
	})
	queueAttempts(&batch, worker, attempts, now)
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("insert invites that are being sent: %w", raced(err))
	}
	return nil
}

// byID sorts invites by their ids, in which order their rows are written.
func byID(invites []Invite) []Invite {
	return sorted(invites, func(a, b Invite) int { return slices.Compare(a.ID[:], b.ID[:]) })
}

func inviteArrays(invites []Invite, worker uuid.NullUUID) ([]any, error) {
	invites = byID(invites)
	reasons, err := encodeReasons(invites)
	if err != nil {
		return nil, err
	}
	rows := pointers(invites)
	return []any{
		column(rows, func(i *Invite) uuid.UUID { return i.ID }),
		column(rows, func(i *Invite) uuid.UUID { return i.RequestID }),
		column(rows, func(i *Invite) string { return i.FirmID }),
		column(rows, func(i *Invite) string { return i.ClientID }),
		column(rows, func(i *Invite) string { return i.ContactID }),
		column(rows, func(i *Invite) string { return i.AddedEmail }),
		column(rows, func(i *Invite) string { return i.AddedName }),
		column(rows, func(i *Invite) string { return string(i.Kind) }),
		column(rows, func(i *Invite) string { return string(i.Lane) }),
		column(rows, func(i *Invite) uuid.NullUUID { return i.RunID }),
		column(rows, func(i *Invite) uuid.NullUUID { return i.ReplayID }),
		column(rows, func(i *Invite) string { return string(i.State) }),
		column(rows, func(i *Invite) int { return i.Revision }),
		column(rows, func(i *Invite) string { return string(i.Reason) }),
		reasons,
		column(rows, func(i *Invite) bool { return i.Settled }),
		column(rows, func(i *Invite) string { return string(i.Person) }),
		column(rows, func(i *Invite) string { return i.Name }),
		column(rows, func(i *Invite) string { return i.Email.Written }),
		column(rows, func(i *Invite) string { return i.Email.Normal }),
		column(rows, func(i *Invite) int64 { return i.Nonce }),
		column(rows, func(i *Invite) int { return i.Attempt }),
		column(rows, func(i *Invite) *time.Time { return orNull(i.NextAttempt) }),
		column(rows, func(i *Invite) time.Time { return i.DecidedAt }),
		column(rows, func(i *Invite) *time.Time { return orNull(i.SentAt) }),
		column(rows, func(i *Invite) *time.Time { return orNull(i.ExpiresAt) }),
		column(rows, func(i *Invite) string { return i.Sender }),
		worker,
	}, nil
}

// UpdateInvites writes invites that were read in this transaction and decided again. from[i] is invites[i] as it was
// read. It returns [ErrConflict] if one of them has another state, revision or attempt by now.
func (t *Tx) UpdateInvites(ctx context.Context, invites []Invite, from []Invite) error {
	if len(invites) == 0 {
		return nil
	}
	invites, from = byID(invites), byID(from)
	reasons, err := encodeReasons(invites)
	if err != nil {
		return err
	}
	to, read := pointers(invites), pointers(from)
	tag, err := t.tx.Exec(ctx, `
		UPDATE invites AS i SET
			state = d.state, revision = d.revision, reason = d.reason, reasons = d.reasons, settled = d.settled,
			replay_id = d.replay_id, name = d.name, email = d.email, email_normal = d.email_normal,
			nonce = CASE WHEN i.erased THEN 0 ELSE d.nonce END, attempt = d.attempt,
			next_attempt_at = d.next_attempt_at, held_at = d.held_at,
			decided_at = d.decided_at, sent_at = d.sent_at, expires_at = d.expires_at, returned = d.returned,
			-- The result of an attempt does not say whose it is: the contact may have been merged meanwhile.
			person = CASE WHEN d.from_state = `+sqlSending+` THEN i.person ELSE d.person END,
			sender = d.sender, worker_id = NULL
		FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::jsonb[], $6::bool[], $7::uuid[], $8::text[],
			$9::text[], $10::text[], $11::text[], $12::bigint[], $13::int[], $14::timestamptz[], $15::timestamptz[],
			$16::timestamptz[], $17::timestamptz[], $18::timestamptz[], $19::text[], $20::int[], $21::int[], $22::int[],
			$23::text[])
			AS d (invite_id, state, revision, reason, reasons, settled, replay_id, person, name, email, email_normal,
				nonce, attempt, next_attempt_at, decided_at, sent_at, expires_at, held_at,
				from_state, from_revision, from_attempt, returned, sender)
		WHERE i.invite_id = d.invite_id
		  AND i.state = d.from_state AND i.revision = d.from_revision AND i.attempt = d.from_attempt`,
		column(to, func(i *Invite) uuid.UUID { return i.ID }),
		column(to, func(i *Invite) string { return string(i.State) }),
		column(to, func(i *Invite) int { return i.Revision }),
		column(to, func(i *Invite) string { return string(i.Reason) }),
		reasons,
		column(to, func(i *Invite) bool { return i.Settled }),
		column(to, func(i *Invite) uuid.NullUUID { return i.ReplayID }),
		column(to, func(i *Invite) string { return string(i.Person) }),
		column(to, func(i *Invite) string { return i.Name }),
		column(to, func(i *Invite) string { return i.Email.Written }),
		column(to, func(i *Invite) string { return i.Email.Normal }),
		column(to, func(i *Invite) int64 { return i.Nonce }),
		column(to, func(i *Invite) int { return i.Attempt }),
		column(to, func(i *Invite) *time.Time { return orNull(i.NextAttempt) }),
		column(to, func(i *Invite) time.Time { return i.DecidedAt }),
		column(to, func(i *Invite) *time.Time { return orNull(i.SentAt) }),
		column(to, func(i *Invite) *time.Time { return orNull(i.ExpiresAt) }),
		column(to, func(i *Invite) *time.Time { return orNull(i.HeldAt) }),
		column(read, func(i *Invite) string { return string(i.State) }),
		column(read, func(i *Invite) int { return i.Revision }),
		column(read, func(i *Invite) int { return i.Attempt }),
		column(to, func(i *Invite) int { return i.Returned }),
		column(to, func(i *Invite) string { return i.Sender }))
	return wrote(tag.RowsAffected(), len(invites), "update invites", err)
}

// slot is when a postponed invite comes due.
type slot struct {
	invite uuid.UUID
	at     time.Time
	own    bool // the time is reserved for this invite; false: it has to ask for a time again
}

func (t *Tx) postpone(ctx context.Context, late []slot) error {
	if len(late) == 0 {
		return nil
	}
	_, err := t.tx.Exec(ctx, `
		UPDATE invites SET next_attempt_at = late.at, slot_at = CASE WHEN late.own THEN late.at END
		FROM unnest($1::uuid[], $2::timestamptz[], $3::bool[]) AS late (invite_id, at, own)
		WHERE invites.invite_id = late.invite_id`,
		column(late, func(s slot) uuid.UUID { return s.invite }),
		column(late, func(s slot) time.Time { return s.at }),
		column(late, func(s slot) bool { return s.own }))
	if err != nil {
		return fmt.Errorf("postpone invites: %w", err)
	}
	return nil
}

const (
	// markSending is the part of [Tx.BeginAttempts] that is about invites: $1 is the worker, $2 the invites, $3 the
	// numbers of their attempts.
	markSending = `
		UPDATE invites SET
			state = ` + sqlSending + `, worker_id = $1, attempt = a.attempt, next_attempt_at = NULL, slot_at = NULL
		FROM unnest($2::uuid[], $3::int[]) AS a (invite_id, attempt) WHERE invites.invite_id = a.invite_id`

	// followFirms is the statement of [Tx.FollowFirms], for a lane ($1) and up to $2 invites. It jumps from one firm of
	// one sender to the next in the index of the queue, so it reads few rows of a long queue. A reserved time (slot_at) is
	// one of the old sender's.
	followFirms = `
		WITH RECURSIVE lines AS (
			(SELECT sender, firm_id FROM invites WHERE lane = $1 AND state = ` + sqlQueued + `
			ORDER BY sender, firm_id LIMIT 1)
			UNION ALL
			SELECT next.sender, next.firm_id FROM lines l CROSS JOIN LATERAL (
				SELECT sender, firm_id FROM invites
				WHERE lane = $1 AND state = ` + sqlQueued + ` AND (sender, firm_id) > (l.sender, l.firm_id)
				ORDER BY sender, firm_id LIMIT 1) next
		), moved AS (
			SELECT found.invite_id, f.sender FROM lines l JOIN firms f ON f.firm_id = l.firm_id AND f.sender <> l.sender
			CROSS JOIN LATERAL (
				SELECT invite_id FROM invites i
				WHERE lane = $1 AND state = ` + sqlQueued + ` AND i.sender = l.sender AND i.firm_id = l.firm_id
				  AND NOT ` + hadAttempt + `
				LIMIT $2 FOR UPDATE OF i SKIP LOCKED) found
			LIMIT $2
		), followed AS (
			UPDATE invites SET sender = moved.sender, slot_at = NULL
			FROM moved WHERE invites.invite_id = moved.invite_id RETURNING invites.sender
		)
		SELECT DISTINCT sender FROM followed`

	// takeOverInvites puts the invites that dead workers ($1) were sending back into the queue, or holds them ($2): see
	// [Store.TakeOver].
	takeOverInvites = `
		UPDATE invites SET state = ` + sqlQueued + `, worker_id = NULL,
			next_attempt_at = CASE WHEN NOT $2 THEN ledger_now() END, held_at = CASE WHEN $2 THEN ledger_now() END
		WHERE state = ` + sqlSending + ` AND worker_id = ANY ($1) RETURNING invite_id, attempt`

	// returnInvites puts the invites of a sender ($2) that a worker ($1) is marked as sending back into the queue: see
	// [Tx.ReturnUnsent].
	returnInvites = `
		UPDATE invites SET state = ` + sqlQueued + `, worker_id = NULL, next_attempt_at = ledger_now()
		WHERE state = ` + sqlSending + ` AND worker_id = $1 AND sender = $2`

	// orphanInvites gives every invite that is being sent to a worker ($1): see [Tx.Orphan].
	orphanInvites = `UPDATE invites SET worker_id = $1 WHERE state = ` + sqlSending
)

// queueMergedInvites moves the invites of a merged contact to the contact that it was merged into.
func queueMergedInvites(batch *pgx.Batch, firmID string, from, into rules.Person) {
	batch.Queue(`
		WITH locked AS MATERIALIZED (
			SELECT invite_id FROM invites WHERE firm_id = $1 AND person = $2 ORDER BY invite_id FOR UPDATE
		)
		UPDATE invites i SET person = $3 FROM locked WHERE i.invite_id = locked.invite_id`, firmID, from, into)
}

// keepReasons writes reasons from which an erased person was taken. They stay reasons of the same skip.
func (t *Tx) keepReasons(ctx context.Context, invites []Invite, reasons [][]byte) error {
	_, err := t.tx.Exec(ctx, `
		UPDATE invites SET reasons = r.reasons FROM unnest($1::uuid[], $2::jsonb[]) AS r (invite_id, reasons)
		WHERE invites.invite_id = r.invite_id`,
		column(pointers(invites), func(i *Invite) uuid.UUID { return i.ID }), reasons)
	if err != nil {
		return fmt.Errorf("erase a person from the reasons of others: %w", err)
	}
	return nil
}
