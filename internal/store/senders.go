package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// hadAttempt says whether the present mail of an invite (i) had an attempt. Every new mail has a new nonce, and its
// Message-ID begins with the invite's id and the nonce.
const hadAttempt = `EXISTS (
	SELECT FROM attempts a WHERE a.invite_id = i.invite_id AND a.attempt = i.attempt
	  AND starts_with(a.message_id, i.invite_id::text || '.' || i.nonce || '@'))`

// HadAttempt returns those of the invites whose present mail had an attempt.
func (t *Tx) HadAttempt(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := t.tx.Query(ctx, `SELECT invite_id FROM invites i WHERE invite_id = ANY ($1) AND `+hadAttempt, ids)
	if err != nil {
		return nil, fmt.Errorf("find invites that had an attempt: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("find invites that had an attempt: %w", err)
	}
	attempted := make(map[uuid.UUID]bool, len(list))
	for _, id := range list {
		attempted[id] = true
	}
	return attempted, nil
}

// FollowFirms gives up to n queued invites of a lane the sender that their firm names by now, and returns those
// senders. A mail that had an attempt keeps its sender. A claim does the same (ledger.Tx.Recheck), but nothing claims
// the invites of a sender that stands still or is unknown.
func (t *Tx) FollowFirms(ctx context.Context, lane Lane, n int) (senders []string, err error) {
	rows, err := t.tx.Query(ctx, followFirms, lane, n)
	if err == nil {
		senders, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return nil, fmt.Errorf("give invites the senders of their firms: %w", err)
	}
	return senders, nil
}

// KnowsFirm says whether a FirmUpserted has come for a firm.
func (s *Store) KnowsFirm(ctx context.Context, firm string) (known bool, err error) {
	err = s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM firms WHERE firm_id = $1)`, firm).Scan(&known)
	if err != nil {
		return false, fmt.Errorf("look for firm %s: %w", firm, err)
	}
	return known, nil
}

// SendersOf returns the names of the senders that firms name, by firm. A firm that names none is left out.
func (s *Store) SendersOf(ctx context.Context, firms []string) (map[string]string, error) {
	rows, err := s.pool.Query(ctx, `SELECT firm_id, sender FROM firms WHERE firm_id = ANY ($1) AND sender <> ''`, firms)
	if err != nil {
		return nil, fmt.Errorf("read the senders of firms: %w", err)
	}
	named := map[string]string{}
	var firm, sender string
	_, err = pgx.ForEachRow(rows, []any{&firm, &sender}, func() error { named[firm] = sender; return nil })
	if err != nil {
		return nil, fmt.Errorf("read the senders of firms: %w", err)
	}
	return named, nil
}
