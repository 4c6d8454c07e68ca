package store_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/store"
)

// realTime has the files whose SQL goes by the real time, and why. All other SQL calls ledger_now() (ADR 176).
var realTime = map[string]string{
	"store/workers.go":         "leases: a worker lives in real time, and renewing the lease reads the clock",
	"store/event_streams.go":   "when an epoch of the broker's stream began: it stands beside the broker's times",
	"store/durable_floors.go":  "how far a durable was, and when: it stands beside the broker's times",
	"store/outcome_streams.go": "how far the stream of outcomes is known: it stands beside the broker's times",
}

// realDefaults has the columns that the database itself fills in with the real time, and why.
var realDefaults = map[string]string{
	"event_gaps.noticed_at": "when a gap of the stream was noticed: it stands beside the broker's times",
}

var readsClock = regexp.MustCompile(
	`(?i)\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\(\)` +
		`|\b(current_timestamp|current_date|localtimestamp|localtime)\b`)

// SQL that reads another clock than the ledger's would be years behind in a simulation of years.
func TestTheLedgerHasOneClock(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		isCode := strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go")
		if err != nil || entry.IsDir() || !isCode || strings.Contains(path, "test/") {
			return err
		}
		file := strings.TrimPrefix(filepath.ToSlash(path), "../")
		for at, text := range literals(t, path) {
			if !readsClock.MatchString(text) {
				continue
			}
			if used[file] = true; realTime[file] == "" {
				t.Errorf("internal/%s:%d: %s: call ledger_now(), or say in realTime why not", file, at,
					readsClock.FindString(text))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for file := range realTime {
		if !used[file] {
			t.Errorf("internal/%s reads no clock: take it out of realTime", file)
		}
	}
}

// literals returns the texts in a file of Go, by their lines.
func literals(t *testing.T, path string) map[int]string {
	t.Helper()
	files, found := token.NewFileSet(), map[int]string{}
	file, err := parser.ParseFile(files, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if text, isText := n.(*ast.BasicLit); isText && text.Kind == token.STRING {
			found[files.Position(text.Pos()).Line] += text.Value
		}
		return true
	})
	return found
}

// What the database does by itself goes by the same clock: defaults, functions and triggers.
func TestTheSchemaHasOneClock(t *testing.T) {
	t.Parallel()
	b := open(t)
	rows, err := b.db.Query(t.Context(), `
		SELECT table_name || '.' || column_name, column_default FROM information_schema.columns
		WHERE table_schema = 'public' AND column_default IS NOT NULL AND table_name <> 'goose_db_version'
		UNION ALL SELECT proname || '()', coalesce(nullif(prosrc, ''), pg_get_function_sqlbody(oid), '')
		FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname <> 'ledger_now'`)
	b.must(err)
	defer rows.Close()
	found := 0
	for rows.Next() {
		var what, text string
		b.must(rows.Scan(&what, &text))
		if strings.Contains(text, "ledger_now()") {
			found++
		}
		if reads := readsClock.FindString(text); reads != "" && realDefaults[what] == "" {
			t.Errorf("%s reads %s: call ledger_now(), or say in realDefaults why not", what, reads)
		}
	}
	b.must(rows.Err())
	if found == 0 {
		t.Error("this test does not find the defaults that call ledger_now()")
	}
}

// The ledger's clock costs nothing: Postgres replaces the call by now() before it plans, and uses indexes as before.
func TestTheLedgersClockIsInlined(t *testing.T) {
	t.Parallel()
	plan := planOf(t, withoutScans(t), `SELECT FROM merged_contacts WHERE merged_at > ledger_now() - interval '1 hour'`)
	if !strings.Contains(plan, "Index Cond: (merged_at > (now() - '01:00:00'::interval))") {
		t.Errorf("the plan calls the clock:\n%s", plan)
	}
}

// A test that stops the clock stops it for connections that have planned their statements before.
func TestTheLedgersClockCanBeStopped(t *testing.T) {
	t.Parallel()
	b := open(t)
	pausedAt := func(firm string) time.Time {
		b.pause(firm)
		return query[time.Time](b, `SELECT paused_at FROM firm_pauses WHERE firm_id = $1`, firm)
	}
	if off := time.Since(pausedAt("a")).Abs(); off > time.Hour {
		t.Errorf("the clock is %s off", off)
	}
	for n, firm := range []string{"b", "c"} {
		at := time.Date(2030+n, 2, 3, 4, 5, 6, 7000, time.UTC)
		b.do(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Pgx().Exec(ctx, `CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE
				PARALLEL SAFE RETURN timestamptz '`+at.Format(time.RFC3339Nano)+`'`)
			return err
		})
		if got := pausedAt(firm); !got.Equal(at) {
			t.Errorf("the firm was paused at %s, want %s", got, at)
		}
	}
}
