package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// LetterState is what has been done about a dead letter.
type LetterState string

// The states of a dead letter.
const (
	LetterOpen      LetterState = "open"
	LetterRequeued  LetterState = "requeued"
	LetterDiscarded LetterState = "discarded"
)

// DeadLetter is an event that could not be handled, as it was published, and what has been done about it.
type DeadLetter struct {
	ID                    uuid.UUID
	FirmID                string // _ if it is unknown
	Type, Source, EventID string // as far as they could be read
	At                    Position
	About                 rules.Thing // what a fact is about that was refused; "" for none, or if it can't be read
	Subject               string
	Reason                string
	Durable               string // the durable whose worker set it aside
	BuriedAt              time.Time
	Headers               map[string][][]byte // not read for lists, and neither is Body
	Body                  []byte

	State    LetterState
	By, Note string
	MarkedAt time.Time
}

// InsertDeadLetters stores dead letters. One that is already stored stays as it is.
func (s *Store) InsertDeadLetters(ctx context.Context, letters []DeadLetter) error {
	letters = sorted(letters, func(a, b DeadLetter) int { return slices.Compare(a.ID[:], b.ID[:]) })
	headers := make([][]byte, len(letters))
	for i, d := range letters {
		var err error
		if headers[i], err = encodeHeaders(d.Headers); err != nil {
			return err
		}
	}
	text := func(of func(DeadLetter) string) []string {
		return column(letters, func(d DeadLetter) string { return validText(of(d)) })
	}
	_, err := s.pool.Exec(ctx, `
		INSERT INTO dead_letters (
			letter_id, firm_id, type, source, event_id, stream, sequence, subject, reason, durable, buried_at, headers, body,
			about)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::bigint[],
			$8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::bytea[], $13::bytea[], $14::text[])
		ON CONFLICT (letter_id) DO NOTHING`,
		column(letters, func(d DeadLetter) uuid.UUID { return d.ID }),
		column(letters, func(d DeadLetter) string { return d.FirmID }),
		text(func(d DeadLetter) string { return d.Type }),
		text(func(d DeadLetter) string { return d.Source }),
		text(func(d DeadLetter) string { return d.EventID }),
		column(letters, func(d DeadLetter) time.Time { return d.At.Stream }),
		column(letters, func(d DeadLetter) int64 { return int64(d.At.Sequence) }),
		text(func(d DeadLetter) string { return d.Subject }),
		text(func(d DeadLetter) string { return d.Reason }),
		column(letters, func(d DeadLetter) string { return d.Durable }),
		column(letters, func(d DeadLetter) time.Time { return d.BuriedAt }),
		headers,
		column(letters, func(d DeadLetter) []byte { return append([]byte{}, d.Body...) }),
		text(func(d DeadLetter) string { return string(d.About) }))
	if err != nil {
		return fmt.Errorf("store dead letters: %w", err)
	}
	return nil
}

func encodeHeaders(headers map[string][][]byte) ([]byte, error) {
	encoded, err := json.Marshal(headers)
	if err != nil {
		return nil, fmt.Errorf("encode the headers of a dead letter: %w", err)
	}
	return encoded, nil
}

func decodeHeaders(encoded []byte) (headers map[string][][]byte, err error) {
	if err := json.Unmarshal(encoded, &headers); err != nil {
		return nil, fmt.Errorf("decode the headers of a dead letter: %w", err)
	}
	return headers, nil
}

// LetterFilter narrows a list of dead letters. A field that is not set does not narrow it.
type LetterFilter struct {
	FirmID        string // always set
	State         LetterState
	Type, Durable string
	Since         time.Time
	Before        time.Time // when the last letter of the previous page was buried,
	BeforeID      uuid.UUID // and its id
}

const letterColumns = `letter_id, firm_id, type, source, event_id, stream, sequence, subject, reason, durable,
	buried_at, state, marked_by, note, marked_at`

func scanLetter(row pgx.CollectableRow) (DeadLetter, error) {
	var d DeadLetter
	var marked *time.Time
	err := row.Scan(&d.ID, &d.FirmID, &d.Type, &d.Source, &d.EventID, &d.At.Stream, &d.At.Sequence, &d.Subject,
		&d.Reason, &d.Durable, &d.BuriedAt, &d.State, &d.By, &d.Note, &marked)
	d.MarkedAt = orZero(marked)
	return d, err
}

// DeadLetters lists a firm's dead letters without their content, the newest first.
func (t *Tx) DeadLetters(ctx context.Context, f LetterFilter, limit int) ([]DeadLetter, error) {
	return collect(ctx, t, "list dead letters", scanLetter, `
		SELECT `+letterColumns+` FROM dead_letters
		WHERE firm_id = $1 AND ($2 = '' OR state = $2) AND ($3 = '' OR type = $3) AND ($4 = '' OR durable = $4)
		  AND buried_at >= coalesce($5, '-infinity'::timestamptz)
		  AND (buried_at, letter_id) < (coalesce($6, 'infinity'::timestamptz), $7::uuid)
		ORDER BY buried_at DESC, letter_id DESC LIMIT $8`,
		f.FirmID, string(f.State), f.Type, f.Durable, orNull(f.Since), orNull(f.Before), f.BeforeID, limit)
}

// LettersOf lists the dead letters of an event without their content, the newest first.
func (t *Tx) LettersOf(ctx context.Context, firmID, source, eventID string) ([]DeadLetter, error) {
	return collect(ctx, t, "find the dead letters of an event", scanLetter, `
		SELECT `+letterColumns+` FROM dead_letters WHERE firm_id = $1 AND source = $2 AND event_id = $3
		ORDER BY buried_at DESC, letter_id DESC`, firmID, validText(source), validText(eventID))
}

// FindDeadLetter reads a dead letter with its content. It returns [ErrNotFound] if the firm has none with this id.
func (t *Tx) FindDeadLetter(ctx context.Context, firmID string, id uuid.UUID) (DeadLetter, error) {
	rows, err := t.tx.Query(ctx,
		`SELECT `+letterColumns+`, headers, body FROM dead_letters WHERE firm_id = $1 AND letter_id = $2`, firmID, id)
	if err != nil {
		return DeadLetter{}, fmt.Errorf("read dead letter %s: %w", id, err)
	}
	letter, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (DeadLetter, error) {
		var d DeadLetter
		var marked *time.Time
		var headers []byte
		err := row.Scan(&d.ID, &d.FirmID, &d.Type, &d.Source, &d.EventID, &d.At.Stream, &d.At.Sequence, &d.Subject,
			&d.Reason, &d.Durable, &d.BuriedAt, &d.State, &d.By, &d.Note, &marked, &headers, &d.Body)
		d.MarkedAt = orZero(marked)
		if err == nil {
			d.Headers, err = decodeHeaders(headers)
		}
		return d, err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return DeadLetter{}, ErrNotFound
	}
	if err != nil {
		return DeadLetter{}, fmt.Errorf("read dead letter %s: %w", id, err)
	}
	return letter, nil
}

// MarkDeadLetter records what has been done about an open dead letter. It returns [ErrNotFound] if the firm has no open
// one with this id.
func (s *Store) MarkDeadLetter(
	ctx context.Context, firmID string, id uuid.UUID, state LetterState, by, note string, now time.Time,
) error {
	tag, err := s.pool.Exec(ctx, `
		UPDATE dead_letters SET state = $3, marked_by = $4, note = $5, marked_at = $6
		WHERE firm_id = $1 AND letter_id = $2 AND state = 'open'`,
		firmID, id, string(state), validText(by), validText(note), now)
	switch {
	case err != nil:
		return fmt.Errorf("mark dead letter %s: %w", id, err)
	case tag.RowsAffected() == 0:
		return ErrNotFound
	default:
		return nil
	}
}

// NewestAbout is the position of the newest fact about a thing that was applied. It is zero if there is none.
func (t *Tx) NewestAbout(ctx context.Context, firmID string, thing rules.Thing) (Position, error) {
	return t.newest(ctx, `
		SELECT stream, sequence FROM firms WHERE firm_id = $1 AND $2 = 'firm:'
		UNION ALL SELECT stream, sequence FROM clients
			WHERE firm_id = $1 AND client_id = substr($2, 8) AND $2 LIKE 'client:%'
		UNION ALL SELECT stream, sequence FROM contacts
			WHERE firm_id = $1 AND contact_id = substr($2, 9) AND $2 LIKE 'contact:%'
		UNION ALL SELECT stream, sequence FROM templates
			WHERE firm_id = $1 AND template_id = substr($2, 10) AND $2 LIKE 'template:%'`, firmID, string(thing))
}

// NewestOfAccess is the position of the newest event about an access. It is zero if there is no access.
func (t *Tx) NewestOfAccess(ctx context.Context, firmID, clientID string, person rules.Person) (Position, error) {
	return t.newest(ctx, `SELECT stream, sequence FROM access WHERE firm_id = $1 AND client_id = $2 AND person = $3`,
		firmID, clientID, string(person))
}

func (t *Tx) newest(ctx context.Context, sql string, args ...any) (Position, error) {
	found, err := collect(ctx, t, "find what is known", func(row pgx.CollectableRow) (Position, error) {
		var p Position
		var sequence int64
		err := row.Scan(&p.Stream, &sequence)
		p.Sequence = uint64(sequence)
		return p, err
	}, sql, args...)
	if err != nil || len(found) == 0 {
		return Position{}, err
	}
	return found[0], nil
}

// EraseLetters takes a person out of a firm's dead letters. without returns a body without the person, and says whether
// it names them. A letter of which nothing is left is discarded.
func (t *Tx) EraseLetters(
	ctx context.Context, firmID string, without func([]byte) ([]byte, bool), isNothing func([]byte) bool,
) error {
	type letter struct {
		ID   uuid.UUID
		Body []byte
	}
	list, err := collect(ctx, t, "read dead letters", pgx.RowToStructByPos[letter],
		`SELECT letter_id, body FROM dead_letters WHERE firm_id = $1`, firmID)
	if err != nil {
		return err
	}
	var batch pgx.Batch
	for _, l := range list {
		left, named := without(l.Body)
		if !named {
			continue
		}
		batch.Queue(`
			UPDATE dead_letters SET body = $2, headers = CASE WHEN $3 THEN '{}' ELSE headers END, about = '',
				state = CASE WHEN $3 AND state = 'open' THEN 'discarded' ELSE state END,
				note = CASE WHEN $3 AND state = 'open' THEN 'the person was erased' ELSE note END,
				marked_at = CASE WHEN $3 AND state = 'open' THEN ledger_now() ELSE marked_at END
			WHERE letter_id = $1`, l.ID, left, isNothing(left))
	}
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("erase a person from dead letters: %w", err)
	}
	return nil
}
