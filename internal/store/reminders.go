package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// MaxReminders is how often the pipeline reminds a person of one portal since they were last invited to it.
const MaxReminders = 2

// Reminder is an invite that has not been used for as long as its firm waits before it reminds people.
type Reminder struct {
	Invite    Invite    // the invite whose link is valid
	Number    int       // of the reminder that is due, from 1
	ExpiresAt time.Time // when the link expires
}

// A person gets one reminder a day, whatever number of portals they have (ADR 138). So nobody is due who was reminded
// of another portal less than a day ago. With an access that is due come those of the same person that are almost due:
// within a day, but not before half of the firm's time is over.
//
// The condition on access is that of its index access_to_remind.
var (
	toRemind = `a.state = ` + sqlInvited + ` AND a.reminders < ` + strconv.Itoa(MaxReminders) + `
		AND i.state = ` + sqlSent + ` AND a.expires_at > $1`

	remindersDue = `
	WITH due AS (
		SELECT a.firm_id, a.client_id, a.person, a.since
		FROM firms f CROSS JOIN LATERAL (
			SELECT a.firm_id, a.client_id, a.person, greatest(a.mailed_at, a.reminded_at) AS since
			FROM access a JOIN invites i USING (invite_id)
			WHERE a.firm_id = f.firm_id AND ` + toRemind + `
			  AND a.mailed_at <= $1::timestamptz - f.remind_after
			  AND coalesce(a.reminded_at, '-infinity') <= $1::timestamptz - f.remind_after
			  AND NOT EXISTS (
				SELECT FROM access o WHERE o.firm_id = a.firm_id AND o.person = a.person AND o.client_id <> a.client_id
				  AND o.reminded_at > $1::timestamptz - interval '1 day')
			ORDER BY a.mailed_at LIMIT $2 FOR UPDATE OF a SKIP LOCKED) a
		WHERE f.remind_after IS NOT NULL LIMIT $2
	), others AS (
		SELECT a.firm_id, a.client_id, a.person, greatest(a.mailed_at, a.reminded_at) AS since
		FROM (SELECT DISTINCT firm_id, person FROM due) p JOIN firms f USING (firm_id)
		CROSS JOIN LATERAL (SELECT $1::timestamptz - f.remind_after + least('1 day', f.remind_after / 2) AS latest) almost
		JOIN access a USING (firm_id, person) JOIN invites i USING (invite_id)
		WHERE ` + toRemind + ` AND a.mailed_at <= latest AND coalesce(a.reminded_at, '-infinity') <= latest
		  AND (a.firm_id, a.client_id, a.person) NOT IN (SELECT firm_id, client_id, person FROM due)
		ORDER BY a.firm_id, a.client_id, a.person FOR UPDATE OF a
	), noted AS (
		UPDATE access a SET reminders = reminders + 1, reminded_at = $1
		FROM (SELECT * FROM due UNION ALL SELECT * FROM others) d
		WHERE a.firm_id = d.firm_id AND a.client_id = d.client_id AND a.person = d.person
		RETURNING a.invite_id, a.reminders, a.expires_at AS link_ends, d.since
	)
	SELECT noted.reminders, noted.link_ends, ` + inviteColumns + ` FROM noted JOIN invites USING (invite_id)
	ORDER BY noted.since, invite_id`
)

// RemindersDue takes the invites of up to n accesses whose reminder is due, and those of the same people that are
// almost due. It counts the reminders, and locks the accesses until the transaction ends. The invite that has waited
// longest comes first. Only one transaction at a time finds any, because two of them could share one person's portals.
func (t *Tx) RemindersDue(ctx context.Context, now time.Time, n int) ([]Reminder, error) {
	var alone bool
	err := t.tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock(hashtextextended('portal-invites reminders', 0))`).
		Scan(&alone)
	if err != nil {
		return nil, fmt.Errorf("find due reminders: %w", err)
	}
	if !alone {
		return nil, nil
	}
	return collect(ctx, t, "find due reminders", func(row pgx.CollectableRow) (r Reminder, err error) {
		r.Invite, err = scanInvite(afterColumns{row, []any{&r.Number, &r.ExpiresAt}})
		return r, err
	}, remindersDue, now, n)
}

// StillPending returns the names of those clients whose portals their people could open and have not opened, by the
// access.
func (t *Tx) StillPending(
	ctx context.Context, keys []rules.AccessKey, now time.Time,
) (map[rules.AccessKey]string, error) {
	type found struct {
		rules.AccessKey
		name string
	}
	list, err := collect(ctx, t, "find pending access", func(row pgx.CollectableRow) (f found, err error) {
		err = row.Scan(&f.FirmID, &f.ClientID, &f.Person, &f.name)
		return f, err
	}, `
		SELECT firm_id, client_id, person, c.name
		FROM unnest($1::text[], $2::text[], $3::text[]) AS k (firm_id, client_id, person)
		JOIN access a USING (firm_id, client_id, person) JOIN clients c USING (firm_id, client_id)
		WHERE a.state = `+sqlInvited+` AND a.expires_at > $4 AND NOT c.removed AND `+suspension("a.person")+` = ''`,
		column(keys, func(k rules.AccessKey) string { return k.FirmID }),
		column(keys, func(k rules.AccessKey) string { return k.ClientID }),
		column(keys, func(k rules.AccessKey) string { return string(k.Person) }), now)
	names := make(map[rules.AccessKey]string, len(list))
	for _, f := range list {
		names[f.AccessKey] = f.name
	}
	return names, err
}
