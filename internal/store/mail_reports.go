package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// MailReport is what a provider or a mail server has reported about one mail to one address.
type MailReport struct {
	InviteID       uuid.UUID
	Nonce          int64  // of the mail, as in its Message-ID
	Email          string // normal form
	Kind           string
	Code           string
	Said, Reporter string
	At             time.Time
	Failed         bool // the invite has failed because of it
}

// reportKey tells reports apart (ADR 111).
type reportKey struct {
	invite            uuid.UUID
	nonce             int64
	email, kind, code string
}

func (r MailReport) key() reportKey { return reportKey{r.InviteID, r.Nonce, r.Email, r.Kind, r.Code} }

func compareReports(a, b MailReport) int {
	return cmp.Or(bytes.Compare(a.InviteID[:], b.InviteID[:]), cmp.Compare(a.Nonce, b.Nonce),
		cmp.Compare(a.Email, b.Email), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Code, b.Code))
}

// MailQuery asks for a mail by its Message-ID, up to the @, or for the newest mail of an invite.
type MailQuery struct {
	FirmID   string
	InviteID uuid.UUID
	Local    string // of the Message-ID, or "" for the newest mail
	Email    string // normal form
}

// FoundMail is a mail that went to the address of a query.
type FoundMail struct {
	MessageID string
	ClientID  string // of its invite
	Person    rules.Person
	BegunAt   time.Time // when its newest attempt began
	Sender    string    // by which that left
}

// FindMails looks for mails. It leaves out those that are not on record: of another firm, to another address, or never
// tried. The result has the queries' places as keys. An attempt from before addresses were kept with it counts as one
// to the invite's address.
func (t *Tx) FindMails(ctx context.Context, queries []MailQuery) (map[int]FoundMail, error) {
	places := make([]int, len(queries))
	for n := range queries {
		places[n] = n
	}
	rows, err := t.tx.Query(ctx, `
		SELECT q.place, mail.message_id, i.client_id, i.person, mail.started_at, mail.mailed_by
		FROM unnest($1::int[], $2::text[], $3::uuid[], $4::text[], $5::text[]) AS q (place, firm_id, invite_id, local, email)
		JOIN invites i ON i.invite_id = q.invite_id AND i.firm_id = q.firm_id
		CROSS JOIN LATERAL (
			SELECT message_id, started_at, mailed_by FROM attempts a
			WHERE a.invite_id = i.invite_id AND coalesce(nullif(a.mailed_to, ''), i.email_normal) = q.email
			  AND CASE WHEN q.local = '' THEN a.attempt = i.attempt ELSE split_part(a.message_id, '@', 1) = q.local END
			ORDER BY attempt DESC LIMIT 1) mail`,
		places,
		column(queries, func(q MailQuery) string { return q.FirmID }),
		column(queries, func(q MailQuery) uuid.UUID { return q.InviteID }),
		column(queries, func(q MailQuery) string { return q.Local }),
		column(queries, func(q MailQuery) string { return q.Email }))
	if err != nil {
		return nil, fmt.Errorf("find mails: %w", err)
	}
	found := map[int]FoundMail{}
	var place int
	var mail FoundMail
	into := []any{&place, &mail.MessageID, &mail.ClientID, &mail.Person, &mail.BegunAt, &mail.Sender}
	_, err = pgx.ForEachRow(rows, into, func() error {
		found[place] = mail
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find mails: %w", err)
	}
	return found, nil
}

// RecordReports stores reports. It says of each whether it was not on record. Of two with the same key, it stores the
// first.
func (t *Tx) RecordReports(ctx context.Context, reports []MailReport) (fresh []bool, err error) {
	inOrder := sorted(reports, compareReports)
	rows, err := t.tx.Query(ctx, `
		INSERT INTO mail_reports (invite_id, nonce, email, kind, code, said, at, reporter)
		SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
			$8::text[])
		ON CONFLICT DO NOTHING RETURNING invite_id, nonce, email, kind, code`,
		column(inOrder, func(r MailReport) uuid.UUID { return r.InviteID }),
		column(inOrder, func(r MailReport) int64 { return r.Nonce }),
		column(inOrder, func(r MailReport) string { return r.Email }),
		column(inOrder, func(r MailReport) string { return r.Kind }),
		column(inOrder, func(r MailReport) string { return r.Code }),
		column(inOrder, func(r MailReport) string { return validText(r.Said) }),
		column(inOrder, func(r MailReport) time.Time { return r.At }),
		column(inOrder, func(r MailReport) string { return validText(r.Reporter) }))
	if err != nil {
		return nil, fmt.Errorf("record reports: %w", err)
	}
	isNew := map[reportKey]bool{}
	var k reportKey
	_, err = pgx.ForEachRow(rows, []any{&k.invite, &k.nonce, &k.email, &k.kind, &k.code}, func() error {
		isNew[k] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("record reports: %w", err)
	}
	fresh = make([]bool, len(reports))
	for n, r := range reports {
		fresh[n] = isNew[r.key()]
		delete(isNew, r.key())
	}
	return fresh, nil
}

// MarkFailed notes that an invite has failed because of a report that is on record.
func (t *Tx) MarkFailed(ctx context.Context, r MailReport) error {
	_, err := t.tx.Exec(ctx, `
		UPDATE mail_reports SET failed = true
		WHERE (invite_id, nonce, email, kind, code) = ($1, $2, $3, $4, $5)`,
		r.InviteID, r.Nonce, r.Email, r.Kind, r.Code)
	if err != nil {
		return fmt.Errorf("note that a report has failed invite %s: %w", r.InviteID, err)
	}
	return nil
}

// RecoverReports stores reports that outcomes of the stream tell of. Some have failed their invites.
func (t *Tx) RecoverReports(ctx context.Context, reports []MailReport) error {
	if len(reports) == 0 {
		return nil
	}
	if _, err := t.RecordReports(ctx, reports); err != nil {
		return err
	}
	for _, r := range reports {
		if !r.Failed {
			continue
		}
		if err := t.MarkFailed(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// LockTried reads invites whose mails have been tried, with their last attempts, and locks them until the transaction
// ends, in the order of their ids.
func (t *Tx) LockTried(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]HeldInvite, error) {
	list, err := collect(ctx, t, "lock invites", scanHeldInvite,
		triedInvites+` WHERE invite_id = ANY ($1) ORDER BY invite_id FOR NO KEY UPDATE OF i`, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]HeldInvite, len(list))
	for _, h := range list {
		found[h.ID] = h
	}
	return found, nil
}

// DeliveredBefore returns those of the invites whose present mail was reported as delivered before.
func (t *Tx) DeliveredBefore(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	list, err := collect(ctx, t, "look for earlier reports", pgx.RowTo[uuid.UUID], `
		SELECT invite_id FROM invites i WHERE invite_id = ANY ($1) AND EXISTS (SELECT FROM mail_reports r
			WHERE (r.invite_id, r.nonce) = (i.invite_id, i.nonce) AND r.kind = 'delivered')`, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]bool, len(list))
	for _, id := range list {
		found[id] = true
	}
	return found, nil
}
