package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// refusedFacts reads why the newest fact about a thing was refused, for each of the things ($1, $2). It leaves out a
// thing of which a newer fact was applied. Nearly always no firm ($3) has a dead letter about a thing. Then nothing
// else is looked up.
const refusedFacts = `
	WITH concerned AS MATERIALIZED (
		SELECT firm_id FROM unnest($3::text[]) AS f (firm_id)
		WHERE EXISTS (SELECT FROM dead_letters d WHERE d.firm_id = f.firm_id AND d.about <> '')
	)
	SELECT asked.firm_id, asked.about, d.reason
	FROM concerned JOIN unnest($1::text[], $2::text[]) AS asked (firm_id, about) USING (firm_id)
	CROSS JOIN LATERAL (
		SELECT stream, sequence, reason FROM dead_letters
		WHERE firm_id = asked.firm_id AND about = asked.about AND about <> ''
		ORDER BY stream DESC, sequence DESC LIMIT 1) d
	WHERE NOT EXISTS (
		SELECT FROM contacts k WHERE k.firm_id = asked.firm_id AND 'contact:' || k.contact_id = asked.about
		  AND k.contact_id = substr(asked.about, 9) AND (k.stream, k.sequence) > (d.stream, d.sequence)
	) AND NOT EXISTS (
		SELECT FROM clients c WHERE c.firm_id = asked.firm_id AND 'client:' || c.client_id = asked.about
		  AND c.client_id = substr(asked.about, 8) AND (c.stream, c.sequence) > (d.stream, d.sequence)
	) AND NOT EXISTS (
		SELECT FROM templates t WHERE t.firm_id = asked.firm_id AND 'template:' || t.template_id = asked.about
		  AND t.template_id = substr(asked.about, 10) AND (t.stream, t.sequence) > (d.stream, d.sequence)
	) AND NOT EXISTS (
		SELECT FROM firms f WHERE f.firm_id = asked.firm_id AND asked.about = 'firm:'
		  AND (f.stream, f.sequence) > (d.stream, d.sequence))`

// queueRefused adds the statement that reads for which things of the questions the newest fact was refused.
func (b *bookLoader) queueRefused(batch *pgx.Batch) {
	var things, firms pairs
	for _, ask := range b.asks {
		firms.add("", ask.FirmID)
		for _, thing := range b.book.Things(ask) {
			things.add(ask.FirmID, string(thing))
		}
	}
	b.queueRefusedOf(batch, things, firms.ids)
}

// queueRefusedContacts is [bookLoader.queueRefused] for contacts that no question names.
func (b *bookLoader) queueRefusedContacts(batch *pgx.Batch, contacts pairs) {
	var things pairs
	for i, id := range contacts.ids {
		things.add(contacts.firms[i], string(rules.ContactThing(id)))
	}
	b.queueRefusedOf(batch, things, contacts.firms)
}

func (b *bookLoader) queueRefusedOf(batch *pgx.Batch, things pairs, firms []string) {
	if len(things.ids) == 0 {
		return
	}
	batch.Queue(refusedFacts, things.firms, things.ids, firms).Query(func(rows pgx.Rows) error {
		return readRefused(rows, b.book.Refused)
	})
}

func readRefused(rows pgx.Rows, into map[rules.ThingKey]string) error {
	var key rules.ThingKey
	var reason string
	_, err := pgx.ForEachRow(rows, []any{&key.FirmID, &key.Thing, &reason}, func() error {
		into[key] = shortProblem(reason)
		return nil
	})
	return err
}

// shortProblem makes a phrase of the reason of a dead letter, which may list many problems.
func shortProblem(reason string) string {
	const longest = 300
	reason = strings.Join(strings.Fields(strings.ReplaceAll(reason, "\n", "; ")), " ")
	if runes := []rune(reason); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return reason
}

// Refused reads why the newest fact about a thing was refused, for those things of a firm for which it was.
func (t *Tx) Refused(ctx context.Context, firmID string, things []rules.Thing) (map[rules.ThingKey]string, error) {
	var about pairs
	for _, thing := range things {
		about.add(firmID, string(thing))
	}
	found := map[rules.ThingKey]string{}
	rows, err := t.tx.Query(ctx, refusedFacts, about.firms, about.ids, []string{firmID})
	if err == nil {
		err = readRefused(rows, found)
	}
	if err != nil {
		return nil, fmt.Errorf("look for refused facts: %w", err)
	}
	return found, nil
}

// FirmNotes is what a firm is told about its own settings.
type FirmNotes struct {
	Name        string
	LeftOut     []string      // fields that could not be used: the name, a colon, and what is wrong
	RemindAfter time.Duration // 0: nobody is reminded
	Limits      rules.Limits  // its own

	PortalURL       string
	PortalBefore    string // the host that the portal had until PortalChangedAt; "": it never changed
	PortalChangedAt time.Time
}

// FirmNotes reads the notes about a firm's settings. They are empty if the firm is unknown.
func (t *Tx) FirmNotes(ctx context.Context, firmID string) (notes FirmNotes, err error) {
	var leftOut string
	var changed *time.Time
	var limits []byte
	err = t.tx.QueryRow(ctx, `
		SELECT name, left_out, coalesce(remind_after, '0'), portal_url, portal_host_before, portal_host_changed_at, limits
		FROM firms WHERE firm_id = $1`, firmID).
		Scan(&notes.Name, &leftOut, &notes.RemindAfter, &notes.PortalURL, &notes.PortalBefore, &changed, &limits)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return notes, fmt.Errorf("read the notes about a firm: %w", err)
	}
	if limits != nil {
		if err := json.Unmarshal(limits, &notes.Limits); err != nil {
			return notes, fmt.Errorf("read the notes about a firm: %w", err)
		}
	}
	notes.LeftOut, notes.PortalChangedAt = splitLines(leftOut), orZero(changed)
	return notes, nil
}

// OfficeLocale is the language of a firm's office; "" if it names none, or is not known.
func (s *Store) OfficeLocale(ctx context.Context, firmID string) (locale string, err error) {
	err = s.pool.QueryRow(ctx, `SELECT office_locale FROM firms WHERE firm_id = $1`, firmID).Scan(&locale)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("read the language of a firm's office: %w", err)
	}
	return locale, nil
}

// PersonNotes is what was told about a person on a client, and could not be taken as it was told.
type PersonNotes struct {
	LeftOut   []string // of the contact, as in [FirmNotes]
	LoginTold time.Time
}

// PersonNotes reads the notes about people. It leaves out those about whom there is nothing to note.
func (t *Tx) PersonNotes(
	ctx context.Context, firmID string, keys []rules.AccessKey,
) (map[rules.AccessKey]PersonNotes, error) {
	notes := map[rules.AccessKey]PersonNotes{}
	rows, err := t.tx.Query(ctx, `
		SELECT p.client_id, p.person, coalesce(k.left_out, ''), a.login_told
		FROM unnest($2::text[], $3::text[]) AS p (client_id, person)
		LEFT JOIN LATERAL (
			SELECT left_out FROM contacts
			WHERE firm_id = $1 AND contact_id = substr(p.person, 9) AND p.person LIKE 'contact:%' LIMIT 1) k ON true
		LEFT JOIN LATERAL (
			SELECT login_told FROM access WHERE firm_id = $1 AND client_id = p.client_id AND person = p.person LIMIT 1
		) a ON true
		WHERE k.left_out <> '' OR a.login_told IS NOT NULL`,
		firmID, column(keys, func(k rules.AccessKey) string { return k.ClientID }),
		column(keys, func(k rules.AccessKey) string { return string(k.Person) }))
	if err == nil {
		key := rules.AccessKey{FirmID: firmID}
		var leftOut string
		var reported *time.Time
		_, err = pgx.ForEachRow(rows, []any{&key.ClientID, &key.Person, &leftOut, &reported}, func() error {
			notes[key] = PersonNotes{splitLines(leftOut), orZero(reported)}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read the notes about people: %w", err)
	}
	return notes, nil
}

func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
