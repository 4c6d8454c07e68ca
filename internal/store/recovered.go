package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// RecoveredOutcome is an outcome that this database had lost, and that was read from the stream again (ADR 107).
type RecoveredOutcome struct {
	EventID                     string
	Sequence                    uint64
	Type                        string
	About                       uuid.UUID // the invite, or the run
	FirmID, ClientID, ContactID string
	Number                      int // an invite's revision, or the number of a run's event; 0: neither
	Data                        json.RawMessage
	// What a fact says about the contact that the outcome shows masked; "" if none says it. Only [Tx.Recovered] has them.
	Name, Email string
}

const recoveredColumns = `event_id, sequence, type, about, firm_id, client_id, contact_id, number, data`

func scanRecovered(row pgx.CollectableRow) (RecoveredOutcome, error) {
	var o RecoveredOutcome
	err := row.Scan(&o.EventID, &o.Sequence, &o.Type, &o.About, &o.FirmID, &o.ClientID, &o.ContactID, &o.Number,
		(*[]byte)(&o.Data))
	return o, err
}

// AddRecovered keeps lost outcomes, and notes that the stream is read up to a sequence.
func (t *Tx) AddRecovered(ctx context.Context, stream time.Time, upTo uint64, outcomes []RecoveredOutcome) error {
	var batch pgx.Batch
	batch.Queue(`
		INSERT INTO recovered_outcomes (`+recoveredColumns+`)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::int[],
			$9::jsonb[])
		ON CONFLICT (event_id) DO NOTHING`,
		column(outcomes, func(o RecoveredOutcome) string { return o.EventID }),
		column(outcomes, func(o RecoveredOutcome) int64 { return int64(o.Sequence) }),
		column(outcomes, func(o RecoveredOutcome) string { return o.Type }),
		column(outcomes, func(o RecoveredOutcome) uuid.UUID { return o.About }),
		column(outcomes, func(o RecoveredOutcome) string { return o.FirmID }),
		column(outcomes, func(o RecoveredOutcome) string { return o.ClientID }),
		column(outcomes, func(o RecoveredOutcome) string { return o.ContactID }),
		column(outcomes, func(o RecoveredOutcome) int { return o.Number }),
		column(outcomes, func(o RecoveredOutcome) []byte { return o.Data }))
	batch.Queue(noteRecoveredTo, stream, int64(upTo), len(outcomes) > 0)
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("keep recovered outcomes: %w", err)
	}
	return nil
}

// RecoveredFirms returns the firms that have a recovered outcome of a mail to a contact.
func (t *Tx) RecoveredFirms(ctx context.Context) ([]string, error) {
	return collect(ctx, t, "find the firms of recovered outcomes", pgx.RowTo[string],
		`SELECT DISTINCT firm_id FROM recovered_outcomes WHERE type = 'InviteSent' AND contact_id <> '' ORDER BY firm_id`)
}

// NamedContact is what a fact says about a contact.
type NamedContact struct{ ContactID, Name, Email, Masked string }

// NameRecovered keeps with a firm's recovered outcomes what facts say about their contacts. No two of these may have
// the same contact and the same masked email.
func (t *Tx) NameRecovered(ctx context.Context, firm string, contacts []NamedContact) error {
	_, err := t.tx.Exec(ctx, `
		UPDATE recovered_outcomes o SET name = c.name, email = c.email
		FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS c (contact_id, name, email, masked)
		WHERE o.firm_id = $1 AND o.contact_id = c.contact_id AND o.data->'recipient'->>'email_masked' = c.masked`,
		firm,
		column(contacts, func(c NamedContact) string { return c.ContactID }),
		column(contacts, func(c NamedContact) string { return c.Name }),
		column(contacts, func(c NamedContact) string { return c.Email }),
		column(contacts, func(c NamedContact) string { return c.Masked }))
	if err != nil {
		return fmt.Errorf("name the contacts of recovered outcomes: %w", err)
	}
	return nil
}

// RecoveredInvites returns up to n invites of the ledger about which outcomes were recovered, in the order of their
// ids, starting after one.
func (t *Tx) RecoveredInvites(ctx context.Context, after uuid.UUID, n int) ([]uuid.UUID, error) {
	return collect(ctx, t, "find invites with recovered outcomes", pgx.RowTo[uuid.UUID], `
		SELECT DISTINCT invite_id FROM recovered_outcomes JOIN invites ON invite_id = about
		WHERE invite_id > $1 ORDER BY invite_id LIMIT $2`, after, n)
}

// ReportedCounts returns the sums that a run's last recovered event has reported.
func (t *Tx) ReportedCounts(ctx context.Context, run uuid.UUID) (Counts, error) {
	var c Counts
	err := t.tx.QueryRow(ctx, `
		SELECT (data->>'selected')::int, (data->>'sent')::int, (data->>'skipped')::int, (data->>'failed')::int
		FROM recovered_outcomes WHERE about = $1 AND type LIKE 'Run%' ORDER BY number DESC LIMIT 1`, run).
		Scan(&c.Selected, &c.Sent, &c.Skipped, &c.Failed)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Counts{}, fmt.Errorf("read what was reported about run %s: %w", run, err)
	}
	return c, nil
}

// CountRecovered counts the recovered outcomes by type.
func (t *Tx) CountRecovered(ctx context.Context) (map[string]int, error) {
	rows, err := t.tx.Query(ctx, `SELECT type, count(*) FROM recovered_outcomes GROUP BY type`)
	if err != nil {
		return nil, fmt.Errorf("count recovered outcomes: %w", err)
	}
	counts := map[string]int{}
	var name string
	var n int
	if _, err = pgx.ForEachRow(rows, []any{&name, &n}, func() error { counts[name] = n; return nil }); err != nil {
		return nil, fmt.Errorf("count recovered outcomes: %w", err)
	}
	return counts, nil
}

// Unasked are recovered outcomes of invites for which the ledger has no request. No request that the stream of events
// still has names these people.
type Unasked struct {
	Total int
	First []RecoveredOutcome // the oldest
}

// UnaskedOutcomes finds the recovered outcomes of invites that the ledger does not have, and returns the first n.
func (t *Tx) UnaskedOutcomes(ctx context.Context, n int) (u Unasked, err error) {
	const unasked = `FROM recovered_outcomes WHERE type IN ('InviteSent', 'InviteSkipped', 'InviteFailed')
		AND NOT EXISTS (SELECT FROM invites WHERE invite_id = about)`
	if err := t.tx.QueryRow(ctx, `SELECT count(DISTINCT about) `+unasked).Scan(&u.Total); err != nil {
		return u, fmt.Errorf("count recovered outcomes without a request: %w", err)
	}
	u.First, err = collect(ctx, t, "find recovered outcomes without a request", scanRecovered,
		`SELECT `+recoveredColumns+` FROM (
			SELECT DISTINCT ON (about) * `+unasked+` ORDER BY about, number DESC) AS newest
		ORDER BY sequence LIMIT $1`, n)
	return u, err
}

// Recovered returns what was recovered about an invite, the oldest first. [Tx.LoadReservations] has read it for the
// invites of its questions.
func (t *Tx) Recovered(invite uuid.UUID) []RecoveredOutcome { return t.recovered[invite] }

// queueRecovered reads what was recovered about invites, and the recovered removals of their people.
func (b *bookLoader) queueRecovered(batch *pgx.Batch) {
	var ids []uuid.UUID
	var firms, clients, contacts []string
	for _, ask := range b.asks {
		id, err := uuid.Parse(ask.InviteID)
		if err != nil {
			continue // a question about nobody's invite
		}
		person, _ := b.book.Resolve(ask, anyTime)
		ids = append(ids, id)
		firms, clients = append(firms, ask.FirmID), append(clients, ask.ClientID)
		contacts = append(contacts, person.ContactID())
	}
	if len(ids) == 0 {
		return
	}
	batch.Queue(`
		SELECT asked.id, `+recoveredColumns+`, name, email
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS asked (id, firm, client, contact)
		JOIN recovered_outcomes ON about = asked.id OR type = 'AccessRemoved' AND asked.contact <> ''
			AND firm_id = asked.firm AND client_id = asked.client AND contact_id = asked.contact
		ORDER BY sequence`, ids, firms, clients, contacts).Query(func(rows pgx.Rows) error {
		b.recovered = map[uuid.UUID][]RecoveredOutcome{}
		var id uuid.UUID
		var o RecoveredOutcome
		_, err := pgx.ForEachRow(rows, []any{&id, &o.EventID, &o.Sequence, &o.Type, &o.About, &o.FirmID, &o.ClientID,
			&o.ContactID, &o.Number, (*[]byte)(&o.Data), &o.Name, &o.Email}, func() error {
			b.recovered[id] = append(b.recovered[id], o)
			o.Data = nil // the next row has its own bytes
			return nil
		})
		return err
	})
}

// RecoveredOf returns the invites whose outcomes were recovered and that requests of the pipeline's own had asked for,
// by the ids of those requests' events.
func (t *Tx) RecoveredOf(ctx context.Context, causes []string) (map[string]uuid.UUID, error) {
	rows, err := t.tx.Query(ctx, `
		SELECT data->'cause'->>'id', about FROM recovered_outcomes
		WHERE data->'cause'->>'id' = ANY ($1) AND data->'cause'->>'source' = 'portal-invites'`, causes)
	if err != nil {
		return nil, fmt.Errorf("find recovered outcomes by their causes: %w", err)
	}
	found := map[string]uuid.UUID{}
	var cause string
	var invite uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&cause, &invite}, func() error { found[cause] = invite; return nil })
	if err != nil {
		return nil, fmt.Errorf("find recovered outcomes by their causes: %w", err)
	}
	return found, nil
}

// PruneRecovered deletes up to n outcomes that were recovered before a time. By then no request for them comes again.
func (t *Tx) PruneRecovered(ctx context.Context, before time.Time, n int) (int, error) {
	return t.prune(ctx, "recovered outcomes", `
		DELETE FROM recovered_outcomes WHERE event_id IN (
			SELECT event_id FROM recovered_outcomes WHERE recovered_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		before, n)
}
