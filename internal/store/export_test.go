package store

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"portal-invites/internal/rules"
)

// What the tests of plans look at.
const (
	DueInTurns = dueInTurns
	AnyDue     = anyDue
	Lines      = linesInTurns
	HeldPage   = heldPage
	HeldNow    = heldNow
	OnTheirWay = onTheirWay
	KeepPlans  = keepPlans
	PlannedAt  = plannedAt
)

// Pool is the store's.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// RemindersDue is the statement of [Tx.RemindersDue].
func RemindersDue() string { return remindersDue }

// Impatient is a connection that fails after its patience.
func Impatient(c net.Conn, patience time.Duration) net.Conn {
	return &impatient{Conn: c, patience: patience}
}

// RoundsOf returns how many grants each round has. A grant is a letter for the person and a digit for the login. The
// digit 0 is no login.
func RoundsOf(grants string) (sizes []int) {
	var list []grantedLogin
	for word := range strings.SplitSeq(grants, ",") {
		g := grantedLogin{AccessKey: rules.AccessKey{FirmID: "f", ClientID: "c", Person: rules.Person(word[:1])}}
		if word[1:] != "0" {
			g.email = word[1:]
		}
		list = append(list, g)
	}
	for _, round := range rounds(list) {
		sizes = append(sizes, len(round))
	}
	return sizes
}

// WaitLong lets every transaction do nothing for as long as any may, because a test waits within it.
func (s *Store) WaitLong() { s.firstIdle = idleFor }

// WaitBriefly is how it is outside of tests.
func (s *Store) WaitBriefly() { s.firstIdle = firstIdleFor }

// Pgx is the transaction itself.
func (t *Tx) Pgx() pgx.Tx { return t.tx }

// AssumedRows returns the rows of facts that are assumed, as JSON, by their table.
func (t *Tx) AssumedRows(ctx context.Context, firmID string, facts *Facts) (map[string]json.RawMessage, error) {
	tables, err := t.assumedTables(ctx, firmID, facts)
	rows := map[string]json.RawMessage{}
	for _, a := range tables {
		rows[a.name] = a.rows
	}
	return rows, err
}

// AllColumns returns every column of our tables, as table.column.
func (t *Tx) AllColumns(ctx context.Context) ([]string, error) {
	return collect(ctx, t, "read columns", pgx.RowTo[string], `
		SELECT c.table_name || '.' || c.column_name FROM information_schema.columns c JOIN information_schema.tables t
			USING (table_schema, table_name)
		WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.table_name <> 'goose_db_version'`)
}

// Columns returns the names of a table's columns.
func (t *Tx) Columns(ctx context.Context, table string) ([]string, error) {
	return collect(ctx, t, "read columns", pgx.RowTo[string],
		`SELECT column_name::text FROM information_schema.columns WHERE table_name = $1`, table)
}
