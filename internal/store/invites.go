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

// Lane is which of the two deliveries a mail leaves by, so that a large run never delays the one person invited from a
// client record.
type Lane string

// The lanes.
const (
	IndividualLane Lane = "individual"
	BulkLane       Lane = "bulk"
)

// State is where an invite stands.
type State string

// The states. Queued and Sending are on their way; the others stand as an outcome.
const (
	Queued  State = "queued"
	Sending State = "sending"
	Sent    State = "sent"
	Skipped State = "skipped"
	Failed  State = "failed"
)

// Invite is one recipient of one request, and what became of it.
type Invite struct {
	ID                    uuid.UUID // derived from RequestID, ClientID and the recipient as named
	RequestID             uuid.UUID
	FirmID, ClientID      string
	ContactID             string // the recipient as the request named them: a contact,
	AddedEmail, AddedName string // or somebody added; neither: the client itself
	Kind                  rules.Kind
	Lane                  Lane
	RunID, ReplayID       uuid.NullUUID

	State    State
	Revision int // how many outcomes have been published
	Reason   rules.Code
	Reasons  []rules.Reason
	Settled  bool

	Person      rules.Person
	Name        string
	Email       rules.Email
	Nonce       int64
	Attempt     int
	NextAttempt time.Time // zero: none
	HeldAt      time.Time // queued, due never, for a person to decide; zero: not held
	DecidedAt   time.Time
	SentAt      time.Time
	ExpiresAt   time.Time
}

const (
	// newColumns are those that an invite comes into being with.
	newColumns = `invite_id, request_id, firm_id, client_id, contact_id, added_email, added_name, kind, lane, run_id, replay_id,
	state, revision, reason, reasons, settled, person, name, email, email_normal, nonce, attempt, next_attempt_at,
	decided_at, sent_at, expires_at`

	inviteColumns = newColumns + `, held_at`
)

func scanInvite(row pgx.CollectableRow) (Invite, error) {
	var i Invite
	var reasons []byte
	var next, sent, expires, held *time.Time
	err := row.Scan(&i.ID, &i.RequestID, &i.FirmID, &i.ClientID, &i.ContactID, &i.AddedEmail, &i.AddedName, &i.Kind, &i.Lane, &i.RunID, &i.ReplayID,
		&i.State, &i.Revision, &i.Reason, &reasons, &i.Settled, &i.Person, &i.Name, &i.Email.Written, &i.Email.Normal, &i.Nonce,
		&i.Attempt, &next, &i.DecidedAt, &sent, &expires, &held)
	if err != nil {
		return i, err
	}
	i.NextAttempt, i.SentAt, i.ExpiresAt, i.HeldAt = orZero(next), orZero(sent), orZero(expires), orZero(held)
	i.Reasons, err = decodeReasons(reasons)
	return i, err
}

// LoadInvites reads invites by id; those that do not exist are left out.
func (t *Tx) LoadInvites(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Invite, error) {
	rows, err := t.tx.Query(ctx, `SELECT `+inviteColumns+` FROM invites WHERE invite_id = ANY ($1)`, ids)
	if err != nil {
		return nil, fmt.Errorf("load invites: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanInvite)
	if err != nil {
		return nil, fmt.Errorf("load invites: %w", err)
	}
	found := make(map[uuid.UUID]Invite, len(list))
	for _, i := range list {
		found[i.ID] = i
	}
	return found, nil
}

// InsertInvites writes invites that did not exist when this transaction looked. [ErrConflict] if one has come into being, or if its
// request is not on record any more: the requests are held until the transaction ends, as a foreign key would hold them, but
// once each and not once for each row, and not those that are new with it. That an invite's run is on record, [Tx.Advance] sees to.
// There is no ON CONFLICT, which costs each row a sixth more: a transaction that meets another one's invite is over either way.
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
		SELECT FROM requests WHERE request_id = ANY ($28) ORDER BY request_id FOR KEY SHARE
	)
	INSERT INTO invites (` + newColumns + `, worker_id)
	SELECT *, $27::uuid FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
		$10::uuid[], $11::uuid[], $12::text[], $13::int[], $14::text[], $15::jsonb[], $16::bool[], $17::text[], $18::text[], $19::text[],
		$20::text[], $21::bigint[], $22::int[], $23::timestamptz[], $24::timestamptz[], $25::timestamptz[], $26::timestamptz[])
	WHERE (SELECT count(*) FROM causes) = cardinality($28::uuid[])`

// olderCauses are the requests of invites that were on record before this transaction, once each.
func (t *Tx) olderCauses(invites []Invite) []uuid.UUID {
	older := map[uuid.UUID]bool{}
	for _, i := range invites {
		if !t.fresh[i.RequestID] {
			older[i.RequestID] = true
		}
	}
	return slices.AppendSeq([]uuid.UUID{}, maps.Keys(older)) // not nil, which would be NULL
}

// raced is the error of an insert: that a row is there already means that another worker was first.
func raced(err error) error {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == uniqueViolation {
		return ErrConflict
	}
	return err
}

// InsertSending writes, as [Tx.InsertInvites] does, invites that a worker is sending from the start, and puts their first attempts on
// record.
func (t *Tx) InsertSending(ctx context.Context, worker uuid.UUID, invites []Invite, attempts []Attempt, now time.Time) error {
	if len(invites) == 0 {
		return nil
	}
	args, err := inviteArrays(invites, uuid.NullUUID{UUID: worker, Valid: true})
	if err != nil {
		return err
	}
	var batch pgx.Batch
	batch.Queue(insertInvites, append(args, t.olderCauses(invites))...).Exec(func(tag pgconn.CommandTag) error {
		return wrote(tag.RowsAffected(), len(invites), "insert", nil)
	})
	queueAttempts(&batch, worker, attempts, now)
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("insert invites that are being sent: %w", raced(err))
	}
	return nil
}

// UpdateInvites writes invites that were read in this transaction and decided again. [ErrConflict] if one of them is no
// longer in the state and revision it was read in: from[i] belongs to invites[i].
func (t *Tx) UpdateInvites(ctx context.Context, invites []Invite, from []Invite) error {
	if len(invites) == 0 {
		return nil
	}
	reasons, err := encodeReasons(invites)
	if err != nil {
		return err
	}
	to, read := pointers(invites), pointers(from)
	tag, err := t.tx.Exec(ctx, `
		UPDATE invites AS i SET
			state = d.state, revision = d.revision, reason = d.reason, reasons = d.reasons, settled = d.settled, replay_id = d.replay_id,
			person = d.person, name = d.name, email = d.email, email_normal = d.email_normal, nonce = d.nonce, attempt = d.attempt,
			next_attempt_at = d.next_attempt_at, held_at = d.held_at, decided_at = d.decided_at, sent_at = d.sent_at, expires_at = d.expires_at, worker_id = NULL
		FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::jsonb[], $6::bool[], $7::uuid[], $8::text[], $9::text[], $10::text[],
			$11::text[], $12::bigint[], $13::int[], $14::timestamptz[], $15::timestamptz[], $16::timestamptz[], $17::timestamptz[],
			$18::timestamptz[], $19::text[], $20::int[], $21::int[])
			AS d (invite_id, state, revision, reason, reasons, settled, replay_id, person, name, email, email_normal, nonce, attempt,
				next_attempt_at, decided_at, sent_at, expires_at, held_at, from_state, from_revision, from_attempt)
		WHERE i.invite_id = d.invite_id AND i.state = d.from_state AND i.revision = d.from_revision AND i.attempt = d.from_attempt`,
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
		column(read, func(i *Invite) int { return i.Attempt }))
	return wrote(tag.RowsAffected(), len(invites), "update invites", err)
}

func inviteArrays(invites []Invite, worker uuid.NullUUID) ([]any, error) {
	invites = sorted(invites, func(a, b Invite) int { return slices.Compare(a.ID[:], b.ID[:]) })
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
		worker,
	}, nil
}

// pointers spares [column] a copy of each invite for each of its columns.
func pointers(invites []Invite) []*Invite {
	list := make([]*Invite, len(invites))
	for i := range invites {
		list[i] = &invites[i]
	}
	return list
}

// wrote turns a statement that wrote fewer rows than it was given into an ErrConflict: each row carried what was read, and
// the rows that did not match have changed since.
func wrote(rows int64, want int, what string, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case rows != int64(want):
		return fmt.Errorf("%s: %d of %d: %w", what, rows, want, ErrConflict)
	default:
		return nil
	}
}
