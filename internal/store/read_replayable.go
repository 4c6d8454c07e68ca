package store

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// LeftAlone returns those of the invites that stay as they are if their request is decided again (ADR 60). They are
// queued, under way, sent, or skipped for a settled reason.
func (s *Store) LeftAlone(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	rows, err := s.pool.Query(ctx,
		`SELECT invite_id FROM invites WHERE invite_id = ANY ($1) AND NOT (`+canBeReplayed+`)`, ids)
	if err != nil {
		return nil, fmt.Errorf("look for settled invites: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("look for settled invites: %w", err)
	}
	found := make(map[uuid.UUID]bool, len(list))
	for _, id := range list {
		found[id] = true
	}
	return found, nil
}

// ReplayableOfRun reads the next page of a run's invites that a quiet replay decides again: skipped for a fixable
// reason, or failed. What was cancelled stays as it is.
func (t *Tx) ReplayableOfRun(ctx context.Context, run uuid.UUID, after Cursor, limit int) ([]Invite, error) {
	return t.replayable(ctx, `run_id = $1 AND invite_id > $2 AND `+isNotCancelled, `ORDER BY invite_id LIMIT $3`,
		run, after.InviteID, limit)
}

// ReplayFilter says which invites a replay decides again. A field that is not set (nil, zero) does not narrow it.
type ReplayFilter struct {
	FirmID       string
	Reasons      []rules.Code // an invite needs only one of them
	ClientIDs    []string
	RunID        uuid.NullUUID
	Since, Until time.Time // of the invite's last decision; Until is exclusive
	States       []State
	AskedAt      Position  // of the ReplayRequested; zero if there is none, and the filter is asked about as of now
	Oldest       time.Time // the oldest time of a request, in whole milliseconds
	OldestID     uuid.UUID // invites with timed ids below it were requested before Oldest
}

// Replayable reads the next page of a firm's invites that match a filter. It skips the invites that were requested too
// long ago, if all ids tell the time. In a ledger of years they are the most.
func (t *Tx) Replayable(ctx context.Context, f ReplayFilter, after Cursor, limit int) ([]Invite, error) {
	if bytes.Compare(after.InviteID[:], f.OldestID[:]) < 0 {
		switch timed, err := t.allTimed(ctx, f.FirmID, f.Oldest); {
		case err != nil:
			return nil, err
		case timed:
			after.InviteID = f.OldestID
		}
	}
	matches, args, err := t.matches(ctx, f)
	if err != nil {
		return nil, err
	}
	n := len(args)
	return t.replayable(ctx, matches+` AND `+askedAt+` >= coalesce($8::timestamptz, '-infinity')
		AND invite_id > `+placeholder(n+1), `ORDER BY invite_id LIMIT `+placeholder(n+2),
		append(args, after.InviteID, limit)...)
}

// ReplayableSharing reads the invites that match a filter, up to and including the cursor, whose email is today one of
// these (normal form). For a contact, that is the contact's email; for an added person, the email as it was given.
func (t *Tx) ReplayableSharing(ctx context.Context, f ReplayFilter, emails []string, upTo Cursor) ([]Invite, error) {
	// This is a query of its own. As a part of the next query, it makes the planner guess how many persons there are, and
	// the guess is bad.
	persons, err := collect(ctx, t, "find contacts by email", pgx.RowTo[string],
		`SELECT 'contact:' || contact_id FROM contacts WHERE firm_id = $1 AND NOT removed AND email_normal = ANY ($2)`,
		f.FirmID, emails)
	if err != nil {
		return nil, err
	}
	matches, args, err := t.matches(ctx, f)
	if err != nil {
		return nil, err
	}
	n := len(args)
	return t.replayable(ctx, matches+` AND `+askedAt+` >= coalesce($8::timestamptz, '-infinity')
		AND invite_id <= `+placeholder(n+1)+` AND (i.contact_id <> '' AND i.person = ANY (`+placeholder(n+2)+`)
			OR i.contact_id = '' AND i.email_normal = ANY (`+placeholder(n+3)+`))`,
		`ORDER BY invite_id`, append(args, upTo.InviteID, persons, emails)...)
}

// CountTooOld counts the invites that match a filter, but were requested before Oldest. If all ids tell the time, it
// reads only the index, as far as the filter allows.
func (t *Tx) CountTooOld(ctx context.Context, f ReplayFilter) (int, error) {
	timed, err := t.allTimed(ctx, f.FirmID, time.Time{})
	if err != nil {
		return 0, err
	}
	matches, args, err := t.matches(ctx, f)
	if err != nil {
		return 0, err
	}
	tooOld := askedAt + ` < coalesce($8::timestamptz, '-infinity')`
	if timed {
		tooOld, args[oldestArg] = `invite_id < $8::uuid`, f.OldestID
	}
	var n int
	err = t.tx.QueryRow(ctx, `SELECT count(*) FROM invites i WHERE `+canBeReplayed+` AND `+matches+` AND `+tooOld,
		args...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count invites that are too old to replay: %w", err)
	}
	return n, nil
}

// Undone says whether a firm has invites that were skipped or failed, and whether a replay can decide any of them
// again.
func (t *Tx) Undone(ctx context.Context, firmID string) (some, replayable bool, err error) {
	err = t.tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM invites WHERE firm_id = $1 AND state `+isUndone+`),
		EXISTS (SELECT FROM invites WHERE firm_id = $1 AND `+canBeReplayed+`)`, firmID).Scan(&some, &replayable)
	if err != nil {
		return false, false, fmt.Errorf("look for invites that did not go out: %w", err)
	}
	return some, replayable, nil
}

// allTimed says whether all of a firm's requests since a time have timed ids (ADR 46).
func (t *Tx) allTimed(ctx context.Context, firmID string, since time.Time) (bool, error) {
	var all bool
	err := t.tx.QueryRow(ctx,
		`SELECT NOT EXISTS (SELECT FROM requests WHERE firm_id = $1 AND NOT timed_ids AND time >= $2)`, firmID, since).
		Scan(&all)
	if err != nil {
		return false, fmt.Errorf("look for requests without timed ids: %w", err)
	}
	return all, nil
}

const (
	canBeReplayed = `state ` + isUndone + ` AND NOT settled`
	askedAt       = `(SELECT time FROM requests r WHERE r.request_id = i.request_id)`
	// filtered is the condition of a filter, without its run. A field that is not set makes no condition, so that an index
	// may be enough.
	filtered = `i.firm_id = $1
		AND ($2::text[] IS NULL OR EXISTS (
			SELECT FROM jsonb_array_elements(i.reasons) AS element
			WHERE element ->> 'code' = ANY ($2) AND i.state = ` + sqlSkipped + `))
		AND ($3::text[] IS NULL OR i.client_id = ANY ($3))
		AND ($5::timestamptz IS NULL OR i.decided_at >= $5) AND ($6::timestamptz IS NULL OR i.decided_at < $6)
		AND ($7::text[] IS NULL OR i.state = ANY ($7)) `
	ofRun     = `AND ($4::uuid IS NULL OR i.run_id = $4) `
	oldestArg = 7 // the place of $8

	isNotCancelled = `reason <> '` + string(rules.RunCancelled) + `'`
	// unlessCancelled takes the place of ofRun if the firm has cancelled runs. $9 are those whose invites the replay
	// leaves alone: it does not name them, or they were cancelled behind it in the stream. $10 are only the latter
	// (ADR 158).
	unlessCancelled = `AND ($4::uuid IS NULL OR i.run_id = $4 OR i.replay_id = $4 AND NOT i.` + isNotCancelled + `)
		AND coalesce(i.run_id <> ALL ($9::uuid[]), true)
		AND (i.` + isNotCancelled + ` OR coalesce(i.replay_id <> ALL ($9), true)
			OR i.run_id = $4 AND i.replay_id <> ALL ($10::uuid[]))`
)

// matches returns the condition of a filter, with its arguments. Another argument of the same statement comes behind
// these.
func (t *Tx) matches(ctx context.Context, f ReplayFilter) (condition string, args []any, err error) {
	args = append(f.narrows(), orNull(f.Oldest))
	some, alone, behind, err := t.leftAlone(ctx, f)
	if err != nil || !some {
		return filtered + ofRun, args, err
	}
	return filtered + unlessCancelled, append(args, alone, behind), nil
}

// leftAlone returns the cancelled runs of a firm whose invites a replay leaves alone, and those among them that were
// cancelled behind it in the stream. some says whether the firm has any cancelled run.
func (t *Tx) leftAlone(ctx context.Context, f ReplayFilter) (some bool, alone, behind []uuid.UUID, err error) {
	alone, behind = []uuid.UUID{}, []uuid.UUID{} // not nil, which would be NULL
	type cancelled struct {
		ID uuid.UUID
		At Position
	}
	list, err := collect(ctx, t, "look for the cancelled runs of a firm",
		func(row pgx.CollectableRow) (c cancelled, err error) {
			err = row.Scan(&c.ID, &c.At.Stream, &c.At.Sequence)
			return c, err
		}, `SELECT run_id, cancelled_stream, cancelled_sequence FROM runs WHERE firm_id = $1 AND cancelled_at IS NOT NULL`,
		f.FirmID)
	for _, c := range list {
		isBehind := f.AskedAt != (Position{}) && !c.At.Before(f.AskedAt)
		if isBehind {
			behind = append(behind, c.ID)
		}
		if isBehind || !f.RunID.Valid || f.RunID.UUID != c.ID {
			alone = append(alone, c.ID)
		}
	}
	return len(list) > 0, alone, behind, err
}

func placeholder(n int) string { return "$" + strconv.Itoa(n) }

func (f ReplayFilter) narrows() []any {
	var clients []string
	if len(f.ClientIDs) > 0 {
		clients = f.ClientIDs
	}
	return []any{f.FirmID, texts(f.Reasons), clients, f.RunID, orNull(f.Since), orNull(f.Until), texts(f.States)}
}

func (t *Tx) replayable(ctx context.Context, where, order string, args ...any) ([]Invite, error) {
	return collect(ctx, t, "read replayable invites", scanInvite,
		`SELECT `+inviteColumns+` FROM invites i WHERE `+canBeReplayed+` AND `+where+` `+order, args...)
}
