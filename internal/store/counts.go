package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"portal-invites/internal/rules"
)

// MailboxCount has the mails that count against a mailbox, under one of its names (ADR 152).
type MailboxCount struct {
	Name    []byte // a keyed hash
	Version int64  // 0: there is no row yet
	Mails   []rules.Counted
}

// AddedCount has the people whom a firm has added lately.
type AddedCount struct {
	FirmID  string
	Version int64 // 0: there is no row yet
	Added   rules.Tally
}

// LimitCounts is what counts against limits. What has no row is left out.
type LimitCounts struct {
	Mailboxes map[string]MailboxCount // by their names
	Added     map[string]AddedCount   // by firm
	Rates     map[string]RateCount    // by firm
}

// LoadCounts reads what counts against mailboxes, the people whom firms (adding) have added, and the mails that firms
// (sending) have sent.
func (t *Tx) LoadCounts(ctx context.Context, names [][]byte, adding, sending []string) (LimitCounts, error) {
	found := LimitCounts{map[string]MailboxCount{}, map[string]AddedCount{}, map[string]RateCount{}}
	var batch pgx.Batch
	batch.Queue(`SELECT mailbox, version, mails FROM mailbox_counts WHERE mailbox = ANY ($1)`, names).
		Query(func(rows pgx.Rows) error {
			var name, mails []byte
			var version int64
			_, err := pgx.ForEachRow(rows, []any{&name, &version, &mails}, func() error {
				c := MailboxCount{Name: bytes.Clone(name), Version: version}
				err := json.Unmarshal(mails, &c.Mails)
				found.Mailboxes[string(name)] = c
				return err
			})
			return err
		})
	if len(adding) > 0 {
		batch.Queue(`SELECT firm_id, version, added FROM added_people_counts WHERE firm_id = ANY ($1)`, adding).
			Query(func(rows pgx.Rows) error {
				var c AddedCount
				var encoded []byte
				_, err := pgx.ForEachRow(rows, []any{&c.FirmID, &c.Version, &encoded}, func() error {
					c.Added = nil
					err := json.Unmarshal(encoded, &c.Added)
					found.Added[c.FirmID] = c
					return err
				})
				return err
			})
	}
	queueRates(&batch, sending, found.Rates)
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return found, fmt.Errorf("read what counts against limits: %w", err)
	}
	return found, nil
}

// SaveMailCounts writes counts that were read in this transaction. It returns [ErrConflict] if one of them has changed
// since: then another transaction has begun a mail that counts, and everything is decided again.
func (t *Tx) SaveMailCounts(ctx context.Context, mailboxes []MailboxCount, added []AddedCount) error {
	mailboxes = sorted(mailboxes, func(a, b MailboxCount) int { return bytes.Compare(a.Name, b.Name) })
	added = sorted(added, func(a, b AddedCount) int { return cmp.Compare(a.FirmID, b.FirmID) })
	var batch pgx.Batch
	if len(mailboxes) > 0 {
		mails, err := encodeAll(mailboxes, func(c MailboxCount) any { return c.Mails })
		if err != nil {
			return err
		}
		batch.Queue(`
			INSERT INTO mailbox_counts AS old (mailbox, version, mails, until)
			SELECT mailbox, version + 1, mails, until
			FROM unnest($1::bytea[], $2::bigint[], $3::jsonb[], $4::timestamptz[]) AS new (mailbox, version, mails, until)
			ON CONFLICT (mailbox) DO UPDATE SET version = excluded.version, mails = excluded.mails, until = excluded.until
			WHERE old.version = excluded.version - 1`,
			column(mailboxes, func(c MailboxCount) []byte { return c.Name }),
			column(mailboxes, func(c MailboxCount) int64 { return c.Version }), mails,
			column(mailboxes, MailboxCount.until)).Exec(func(tag pgconn.CommandTag) error {
			return wrote(tag.RowsAffected(), len(mailboxes), "count mails to mailboxes", nil)
		})
	}
	if len(added) > 0 {
		tallies, err := encodeAll(added, func(c AddedCount) any { return c.Added })
		if err != nil {
			return err
		}
		batch.Queue(`
			INSERT INTO added_people_counts AS old (firm_id, version, added, until)
			SELECT firm_id, version + 1, added, until
			FROM unnest($1::text[], $2::bigint[], $3::jsonb[], $4::timestamptz[]) AS new (firm_id, version, added, until)
			ON CONFLICT (firm_id) DO UPDATE SET version = excluded.version, added = excluded.added, until = excluded.until
			WHERE old.version = excluded.version - 1`,
			column(added, func(c AddedCount) string { return c.FirmID }),
			column(added, func(c AddedCount) int64 { return c.Version }), tallies,
			column(added, func(c AddedCount) time.Time { return c.Added.Until(rules.LimitDay) })).
			Exec(func(tag pgconn.CommandTag) error {
				return wrote(tag.RowsAffected(), len(added), "count added people", nil)
			})
	}
	if batch.Len() == 0 {
		return nil
	}
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("count mails: %w", err)
	}
	return nil
}

func (c MailboxCount) until() (until time.Time) {
	for _, m := range c.Mails {
		if u := m.Until(); u.After(until) {
			until = u
		}
	}
	return until
}

func encodeAll[T any](list []T, value func(T) any) ([][]byte, error) {
	encoded := make([][]byte, len(list))
	for i, element := range list {
		var err error
		if encoded[i], err = json.Marshal(value(element)); err != nil {
			return nil, fmt.Errorf("encode counts: %w", err)
		}
	}
	return encoded, nil
}

// MayHaveLeft returns those of invites of which an earlier attempt has an unknown end: its mail may have arrived.
func (t *Tx) MayHaveLeft(ctx context.Context, invites []uuid.UUID) (map[uuid.UUID]bool, error) {
	ids, err := collect(ctx, t, "look for mails that may have arrived", pgx.RowTo[uuid.UUID],
		`SELECT DISTINCT invite_id FROM attempts WHERE invite_id = ANY ($1) AND verdict = 'unknown'`, invites)
	left := map[uuid.UUID]bool{}
	for _, id := range ids {
		left[id] = true
	}
	return left, err
}

// forgottenAtOnce is how many rows one statement deletes.
const forgottenAtOnce = 5000

// ForgetMailCounts deletes counts of which nothing counts any more.
func (s *Store) ForgetMailCounts(ctx context.Context, now time.Time) error {
	for _, sql := range []string{
		`DELETE FROM mailbox_counts WHERE mailbox IN (
			SELECT mailbox FROM mailbox_counts WHERE until < $2 ORDER BY until LIMIT $1 FOR UPDATE SKIP LOCKED)`,
		`DELETE FROM added_people_counts WHERE firm_id IN (
			SELECT firm_id FROM added_people_counts WHERE until < $2 ORDER BY firm_id LIMIT $1 FOR UPDATE SKIP LOCKED)`,
		`DELETE FROM firm_rates WHERE firm_id IN (
			SELECT firm_id FROM firm_rates WHERE until < $2 ORDER BY firm_id LIMIT $1 FOR UPDATE SKIP LOCKED)`,
	} {
		for {
			deleted, err := s.pool.Exec(ctx, sql, forgottenAtOnce, now)
			if err != nil {
				return fmt.Errorf("forget what does not count against limits any more: %w", err)
			}
			if deleted.RowsAffected() < forgottenAtOnce {
				break
			}
		}
	}
	return nil
}
