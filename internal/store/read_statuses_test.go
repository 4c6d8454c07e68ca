package store_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// statusContacts is how many contacts the firm of [TestPeopleAreListedAndCounted] has, and STATUSES_INVITES how many
// invites each. docs/performance.md has the times at 100,000 with 20 invites each.
func statusContacts(t *testing.T, variable string, usual int) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(variable))
	if err != nil {
		return usual
	}
	return n
}

// Everybody is on exactly one page, the counts add up to everybody, and each filter finds whom it counts.
func TestPeopleAreListedAndCounted(t *testing.T) {
	t.Parallel()
	b := open(t)
	n, invites := statusContacts(t, "STATUSES_CONTACTS", 600), statusContacts(t, "STATUSES_INVITES", 2)
	b.manyPeople(n, invites)
	firm := store.PeopleFilter{FirmID: "acme"}
	counts := b.counted(firm)
	all, byState := 0, map[rules.StatusState]int{}
	for _, c := range counts {
		all += c.Count
		byState[c.State] += c.Count
	}
	if all != n {
		t.Fatalf("%d people are counted, want %d: %v", all, n, counts)
	}
	for _, f := range []store.PeopleFilter{
		firm,
		{FirmID: "acme", State: rules.StatusNotSent},
		{FirmID: "acme", State: rules.StatusExpired},
		{FirmID: "acme", State: rules.StatusNotSent, Reason: "email_missing"},
		{FirmID: "acme", Mail: rules.MailDelivered, Kind: "business"},
		{FirmID: "acme", NoPortal: true},
		{FirmID: "acme", Text: "person 1"},
		{FirmID: "acme", Text: "NOBODY is called so"},
		{FirmID: "acme", Text: "100%"}, // not a pattern
		{FirmID: "acme", LoginAfter: now.Add(-time.Hour)},
	} {
		want := 0
		for _, c := range b.counted(f) {
			ofState := (f.State == "" || f.State == c.State) && (f.Reason == "" || f.Reason == c.Reason)
			if ofState && (f.Mail == "" || f.Mail == c.Mail) {
				want += c.Count
			}
		}
		seen, after := map[store.PeopleKey]bool{}, store.PeopleKey{}
		for pages := 0; ; pages++ {
			list := b.people(f, after, 100)
			for _, p := range list {
				after = store.PeopleKey{ClientID: p.ClientID, Person: p.Person}
				if seen[after] {
					t.Fatalf("%+v: %v is listed twice", f, after)
				}
				seen[after] = true
			}
			if len(list) < 100 || n > 10_000 && pages == 3 {
				break
			}
		}
		if len(seen) != want && n <= 10_000 {
			t.Errorf("%+v: %d are listed, and %d are counted", f, len(seen), want)
		}
	}
	if n <= 10_000 && len(byState) != 6 {
		t.Errorf("the firm does not have people in all states: %v", byState)
	}
}

func (b base) people(f store.PeopleFilter, after store.PeopleKey, limit int) (list []store.PersonStatus) {
	b.Helper()
	begun := time.Now()
	b.must(b.Read(b.Context(), func(tx *store.Tx) (err error) {
		list, err = tx.People(b.Context(), f, after, limit)
		return err
	}))
	if os.Getenv("STATUSES_CONTACTS") != "" {
		b.Logf("%7.1f ms for a page of %d: %+v", float64(time.Since(begun).Microseconds())/1000, len(list), f)
	}
	return list
}

func (b base) counted(f store.PeopleFilter) (list []store.PeopleCount) {
	b.Helper()
	begun := time.Now()
	b.must(b.Read(b.Context(), func(tx *store.Tx) (err error) {
		list, err = tx.CountPeople(b.Context(), f)
		return err
	}))
	if os.Getenv("STATUSES_CONTACTS") != "" {
		b.Logf("%7.1f ms to count: %+v", float64(time.Since(begun).Microseconds())/1000, f)
	}
	return list
}

// manyPeople makes a firm with n contacts, one on each client, of which nine tenths have invites. Every seventh has no
// email, every eleventh has expired, and so on. Another firm has a hundred.
func (b base) manyPeople(n, invites int) {
	b.Helper()
	tables := []string{"clients", "invites", "access", "mail_reports"}
	for _, table := range tables { // each statement below changes far more rows than any of the pipeline
		_, err := b.db.Exec(b.Context(), `ALTER TABLE `+table+` DISABLE TRIGGER USER`)
		b.must(err)
	}
	for _, sql := range []string{
		`CREATE TABLE people AS SELECT n, 'acme' AS f FROM generate_series(1, $1) n
			UNION ALL SELECT n, 'other' FROM generate_series(1, 100) n`,
		`INSERT INTO contacts (firm_id, contact_id, name, email, email_normal, locale, removed, stream, sequence, left_out)
			SELECT f, 'k' || n, 'Person ' || n, 'k' || n || '@example.com', 'k' || n || '@example.com', '', false, $2, n, ''
			FROM people`,
		`INSERT INTO clients (firm_id, client_id, kind, name, active, contact_ids, primaries, removed, stream, sequence)
			SELECT f, 'c' || n, CASE WHEN n % 3 = 0 THEN 'business' ELSE 'individual' END, 'Client ' || n, true,
				ARRAY['k' || n], ARRAY[n % 2 = 0], false, $2, n
			FROM people`,
		`INSERT INTO access (firm_id, client_id, person, email, state, invite_id, invited_at, mailed_at, expires_at, version,
				stream, sequence)
			SELECT f, 'c' || n, 'contact:k' || n, 'k' || n || '@example.com', 'invited', md5(f || n || '.1')::uuid, $2, $2, $2,
				1, $2, n
			FROM people WHERE n % 10 <> 0 AND n % 7 <> 0`,
		`INSERT INTO invites (invite_id, request_id, firm_id, client_id, contact_id, added_email, added_name, kind, lane,
				state, revision, reason, reasons, settled, person, name, email, email_normal, nonce, attempt, decided_at)
			SELECT md5(f || n || '.' || m)::uuid, md5(f)::uuid, f, 'c' || n, 'k' || n, '', '', 'invite', 'bulk',
				CASE WHEN n % 7 = 0 THEN 'skipped' ELSE 'sent' END, 1, CASE WHEN n % 7 = 0 THEN 'email_missing' ELSE '' END,
				'[]', false, 'contact:k' || n, '', '', '', 1, 1, $2::timestamptz + m * interval '1 minute'
			FROM people, generate_series(1, ` + strconv.Itoa(invites) + `) m
			WHERE n % 10 <> 0`,
		`UPDATE access SET state = CASE WHEN sequence % 11 = 0 THEN 'expired' WHEN sequence % 13 = 0 THEN 'removed'
				ELSE 'active' END, last_login_at = $2::timestamptz WHERE sequence % 11 = 0 OR sequence % 2 = 0`,
		`INSERT INTO mail_reports (invite_id, nonce, email, kind, code, said, at, reporter)
			SELECT invite_id, nonce, '', 'delivered', '', '', $2, '' FROM invites WHERE state = 'sent' AND client_id LIKE '%3'`,
	} {
		sql = strings.NewReplacer("$1", strconv.Itoa(n), "$2", "'"+now.Format(time.RFC3339)+"'").Replace(sql)
		_, err := b.db.Exec(b.Context(), sql)
		b.must(err)
	}
	b.backfill()
	for _, table := range tables {
		_, err := b.db.Exec(b.Context(), `ALTER TABLE `+table+` ENABLE TRIGGER USER`)
		b.must(err)
	}
}

// backfill makes the statuses of everybody, as the migration does where people were before the table was.
func (b base) backfill() {
	b.Helper()
	file, err := store.Migrations.ReadFile("migrations/00077_statuses_of_before.sql")
	b.must(err)
	_, rest, _ := strings.Cut(string(file), "-- +goose StatementBegin\n")
	sql, _, found := strings.Cut(rest, "-- +goose StatementEnd")
	if !found {
		b.Fatal("the migration has no statement")
	}
	begun := time.Now()
	for _, sql := range []string{`ANALYZE`, sql, `VACUUM ANALYZE statuses`} {
		_, err := b.db.Exec(b.Context(), sql)
		b.must(err)
	}
	if os.Getenv("STATUSES_CONTACTS") != "" {
		b.Logf("%.1f s for the migration of everybody", time.Since(begun).Seconds())
	}
}
