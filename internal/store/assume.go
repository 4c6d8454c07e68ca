package store

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// Assume lets all queries of this transaction read facts of a firm as if they were applied (ADR 163). Nobody has
// published these facts, and nothing is written: they stand in the SQL beside the tables. The access and the logins
// that the facts would end count as ended.
func (t *Tx) Assume(ctx context.Context, firmID string, facts *Facts) error {
	if err := t.meanMerged(ctx, firmID, facts); err != nil {
		return err
	}
	gone, err := t.peopleOf(ctx, firmID, facts.removed.contacts)
	if err != nil {
		return err
	}
	tables, err := t.assumedTables(ctx, firmID, facts)
	if err != nil {
		return err
	}
	beside := &assuming{Tx: t.tx, tables: tables}
	t.tx = beside
	access, lost, err := t.assumedAccess(ctx, firmID, facts, gone)
	if err != nil || len(lost) == 0 {
		return err
	}
	beside.tables = append(beside.tables, access)
	logins, err := t.assumedLogins(ctx, firmID, lost)
	beside.tables = append(beside.tables, logins)
	return err
}

// assuming is a transaction in which some tables have other rows. Each statement that names such a table gets a WITH
// query of the same name before it, and Postgres takes a name for the WITH query first.
type assuming struct {
	pgx.Tx
	tables []assumedTable
}

// assumedTable says which rows of a table are hidden, and what stands in their place.
type assumedTable struct {
	name   string
	hidden []string // ctids, which stay the same as long as the transaction reads one snapshot
	rows   json.RawMessage
}

// Query is that of [pgx.Tx].
func (a *assuming) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	sql, args = a.beside(sql, args)
	return a.Tx.Query(ctx, sql, args...)
}

// QueryRow is that of [pgx.Tx].
func (a *assuming) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	sql, args = a.beside(sql, args)
	return a.Tx.QueryRow(ctx, sql, args...)
}

// SendBatch is that of [pgx.Tx].
func (a *assuming) SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults {
	for _, q := range batch.QueuedQueries {
		q.SQL, q.Arguments = a.beside(q.SQL, q.Arguments)
	}
	return a.Tx.SendBatch(ctx, batch)
}

var beginsWithWith = regexp.MustCompile(`^\s*WITH\s`)

// beside returns a statement that reads the assumed rows. UNION ALL over a plain table keeps the table's indexes and
// their order, so a page in the middle of a large selection costs what it cost without.
func (a *assuming) beside(sql string, args []any) (string, []any) {
	var named []string
	args = slices.Clone(args)
	for _, t := range a.tables {
		if !regexp.MustCompile(`\b` + t.name + `\b`).MatchString(sql) {
			continue
		}
		args = append(args, append([]string{}, t.hidden...), t.rows)
		named = append(named, fmt.Sprintf(`%[1]s AS NOT MATERIALIZED (
			SELECT * FROM (
				SELECT t.*, t.ctid AS at FROM %[1]s t
				UNION ALL SELECT r.*, NULL::tid FROM jsonb_populate_recordset(NULL::%[1]s, $%[3]d::jsonb) r) u
			WHERE u.at IS NULL OR u.at <> ALL ($%[2]d::text[]::tid[]))`,
			t.name, len(args)-1, len(args)))
	}
	if len(named) == 0 {
		return sql, args
	}
	with := `WITH ` + strings.Join(named, `, `)
	if at := beginsWithWith.FindStringIndex(sql); at != nil {
		return with + `, ` + sql[at[1]:], args // Postgres refuses WITH RECURSIVE here
	}
	return with + ` ` + sql, args
}

// meanMerged makes facts about merged contacts facts about the contacts that they were merged into, as [Tx.MoveMerged]
// does with what is applied.
func (t *Tx) meanMerged(ctx context.Context, firmID string, facts *Facts) error {
	var named pairs
	for about := range facts.contacts {
		named.add(firmID, about.id)
	}
	for _, fact := range facts.clients {
		for _, c := range fact.fact.Contacts {
			named.add(firmID, c.ContactID)
		}
	}
	list, err := collect(ctx, t, "find merged contacts", scanMerged,
		`SELECT `+mergedColumns+` FROM merged_contacts m WHERE firm_id = $1 AND contact_id = ANY ($2)`, firmID, named.ids)
	if err != nil {
		return err
	}
	into := map[string]string{}
	for _, m := range list {
		into[m.ContactID] = m.Into
	}
	for about, fact := range facts.contacts {
		if other := into[about.id]; other != "" && !fact.fact.removed {
			delete(facts.contacts, about)
			fact.fact.ID = other
			facts.contacts.add(firmID, other, fact.at, fact.fact)
		}
	}
	for about, fact := range facts.clients {
		fact.fact.Contacts = mergedList(fact.fact.Contacts, into)
		facts.clients[about] = fact
	}
	return nil
}

// mergedList is a client's list of contacts in which others stand for those who were merged into them.
func mergedList(list []rules.ClientContact, into map[string]string) (merged []rules.ClientContact) {
	for _, c := range list {
		if other := into[c.ContactID]; other != "" {
			c.ContactID = other
		}
		at, found := slices.BinarySearchFunc(merged, c.ContactID, func(has rules.ClientContact, id string) int {
			return strings.Compare(has.ContactID, id)
		})
		if found {
			merged[at].Primary = merged[at].Primary || c.Primary
			continue
		}
		merged = slices.Insert(merged, at, c)
	}
	return merged
}

// peopleOf returns the people that contacts are who are assumed to be removed: themselves, and the guests with their
// emails.
func (t *Tx) peopleOf(ctx context.Context, firmID string, contacts []string) ([]string, error) {
	if len(contacts) == 0 {
		return nil, nil
	}
	return collect(ctx, t, "read emails of contacts", pgx.RowTo[string], `
		SELECT 'contact:' || id FROM unnest($2::text[]) AS id
		UNION SELECT 'email:' || email_normal FROM contacts
		WHERE firm_id = $1 AND contact_id = ANY ($2) AND email_normal <> ''`, firmID, contacts)
}

// assumedAccess is the access that the facts would end, with the emails that its people logged in with: pending access
// that no longer agrees with them, by the same SQL as [Tx.ApplyFacts], and all access of what they remove.
func (t *Tx) assumedAccess(
	ctx context.Context, firmID string, facts *Facts, gone []string,
) (ended assumedTable, lost []ReservedLogin, err error) {
	var pending []rules.AccessKey
	var batch pgx.Batch
	queuePending(&batch, facts, &pending)
	if err := t.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return ended, nil, fmt.Errorf("find access that facts would end: %w", err)
	}
	type row struct {
		CTID, Person, Email string
		Row                 json.RawMessage
	}
	noLogins := []any{[]string{}, []string{}, []string{}, []string{}, []string{}, []int64{}}
	list, err := collect(ctx, t, "find access that facts would end", pgx.RowToStructByPos[row],
		wrongByFacts("")+`, over AS (
			SELECT firm_id, client_id, person, why FROM wrong WHERE NOT unsent
			UNION SELECT firm_id, client_id, person, '' FROM access
			WHERE firm_id = $10 AND (person = ANY ($11) OR client_id = ANY ($12)) AND state `+isInForce+`
		)
		SELECT a.ctid::text, a.person, a.email, to_jsonb(a) || jsonb_build_object('state', `+sqlRemoved+`,
			'removed_why', over.why, 'removed_at', ledger_now(), 'version', a.version + 1)
		FROM over JOIN access a USING (firm_id, client_id, person)`,
		append(append([]any{
			column(pending, func(k rules.AccessKey) string { return k.FirmID }),
			column(pending, func(k rules.AccessKey) string { return k.ClientID }),
			column(pending, func(k rules.AccessKey) string { return string(k.Person) }),
		}, noLogins...), firmID, gone, facts.removed.clients)...)
	if err != nil {
		return ended, nil, err
	}
	rows := make([]json.RawMessage, len(list))
	for i, r := range list {
		ended.hidden, rows[i] = append(ended.hidden, r.CTID), r.Row
		lost = append(lost, ReservedLogin{EmailKey: rules.EmailKey{FirmID: firmID, Email: r.Email},
			Person: rules.Person(r.Person)})
	}
	ended.name = "access"
	ended.rows, err = json.Marshal(rows)
	return ended, lost, err
}

// assumedLogins hides the logins that open no portal any more.
func (t *Tx) assumedLogins(ctx context.Context, firmID string, lost []ReservedLogin) (assumedTable, error) {
	free, err := collect(ctx, t, "find logins that facts would free", pgx.RowTo[string], `
		SELECT l.ctid::text FROM logins l JOIN unnest($2::text[], $3::text[]) AS h (email, person) USING (email, person)
		WHERE l.firm_id = $1 AND NOT EXISTS (
			SELECT FROM access a
			WHERE a.firm_id = l.firm_id AND a.person = l.person AND a.email = l.email AND a.state `+isInForce+`)`,
		firmID, column(lost, func(l ReservedLogin) string { return l.Email }),
		column(lost, func(l ReservedLogin) string { return string(l.Person) }))
	return assumedTable{name: "logins", hidden: free, rows: json.RawMessage(`[]`)}, err
}
