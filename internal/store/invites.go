package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// Lane is the individual or the bulk lane. They are separate so that a large run never delays the one person who is
// invited from a client record.
type Lane string

// The lanes.
const (
	IndividualLane Lane = "individual"
	BulkLane       Lane = "bulk"
)

// State is the state of an invite.
type State string

// The states. A queued or sending invite is on its way. The other states are outcomes.
const (
	Queued  State = "queued"
	Sending State = "sending"
	Sent    State = "sent"
	Skipped State = "skipped"
	Failed  State = "failed"
)

// Invite is one recipient of one request, and what became of it.
type Invite struct {
	ID                    uuid.UUID // derived from RequestID, ClientID and the named recipient
	RequestID             uuid.UUID
	FirmID, ClientID      string
	ContactID             string // the recipient as the request names them: a contact,
	AddedEmail, AddedName string // or a person added by email; neither: the client itself
	Kind                  rules.Kind
	Lane                  Lane
	RunID, ReplayID       uuid.NullUUID
	Sender                string // by which its mail leaves; "" is the default sender

	State    State
	Revision int // how many outcomes have been published
	Returned int // how many of its mails came back after they were sent
	Reason   rules.Code
	Reasons  []rules.Reason // of the newest skip; they stay if the invite is sent after all
	Settled  bool
	Erased   bool // its person was erased, and nothing says any more who it was (ADR 171)

	Person      rules.Person
	Name        string
	Email       rules.Email
	Nonce       int64
	Attempt     int
	NextAttempt time.Time // zero: none
	HeldAt      time.Time // since when it waits for a ruling; zero: not held
	DecidedAt   time.Time
	SentAt      time.Time
	ExpiresAt   time.Time
}

const (
	// newColumns are the columns that an invite is inserted with.
	newColumns = `invite_id, request_id, firm_id, client_id, contact_id, added_email, added_name, kind, lane,
	run_id, replay_id, state, revision, reason, reasons, settled, person, name, email, email_normal, nonce, attempt,
	next_attempt_at, decided_at, sent_at, expires_at, sender`

	inviteColumns = newColumns + `, held_at, returned, erased`
)

func scanInvite(row pgx.CollectableRow) (Invite, error) {
	var i Invite
	var reasons []byte
	var next, sent, expires, held *time.Time
	err := row.Scan(&i.ID, &i.RequestID, &i.FirmID, &i.ClientID, &i.ContactID, &i.AddedEmail, &i.AddedName, &i.Kind,
		&i.Lane, &i.RunID, &i.ReplayID, &i.State, &i.Revision, &i.Reason, &reasons, &i.Settled, &i.Person, &i.Name,
		&i.Email.Written, &i.Email.Normal, &i.Nonce, &i.Attempt, &next, &i.DecidedAt, &sent, &expires, &i.Sender,
		&held, &i.Returned, &i.Erased)
	if err != nil {
		return i, err
	}
	i.NextAttempt, i.SentAt, i.ExpiresAt, i.HeldAt = orZero(next), orZero(sent), orZero(expires), orZero(held)
	i.Reasons, err = decodeReasons(reasons)
	return i, err
}

// LoadInvites reads invites by id. It leaves out ids that do not exist.
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

// FindInvite reads an invite. It returns [ErrNotFound] if there is none.
func (t *Tx) FindInvite(ctx context.Context, id uuid.UUID) (Invite, error) {
	found, err := t.LoadInvites(ctx, []uuid.UUID{id})
	if err != nil {
		return Invite{}, err
	}
	invite, ok := found[id]
	if !ok {
		return Invite{}, fmt.Errorf("invite %s: %w", id, ErrNotFound)
	}
	return invite, nil
}

// pointers lets [column] read each invite in place. Otherwise it would copy the invite once for each column.
func pointers(invites []Invite) []*Invite {
	list := make([]*Invite, len(invites))
	for i := range invites {
		list[i] = &invites[i]
	}
	return list
}
