package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// preload loads the modules that count statements and explain the slow ones. They are among PostgreSQL's contrib
// modules, which most packages include.
const preload = "shared_preload_libraries = 'pg_stat_statements', 'auto_explain'"

// configureModules sets what the loaded modules record.
func (r *Rig) configureModules(ctx context.Context) error {
	if err := r.set(ctx, append(explain, "pg_stat_statements.track_planning = on")...); err != nil {
		return err
	}
	_, err := r.admin.Exec(ctx, "SELECT pg_reload_conf()")
	return err
}

const statements = `
	SELECT format(E'%10s calls %8s rows %9s ms exec %9s ms plan %10s WAL bytes  %s',
		calls, rows, round(total_exec_time::numeric, 1), round(total_plan_time::numeric, 1), wal_bytes,
		left(regexp_replace(query, '\s+', ' ', 'g'), 160))
	FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1)
	ORDER BY total_exec_time + total_plan_time DESC LIMIT 40`

// WriteStatements writes the statement counts of this database since the last call, and the plans of slow statements.
// The files are named for the process that ran. Then it resets the counts. It does nothing unless profiling is on.
func (d *Database) WriteStatements(ctx context.Context, by *Process) error {
	if d.rig.Profile == "" {
		return nil
	}
	if _, err := d.rig.admin.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements"); err != nil {
		return fmt.Errorf("read the statements: %w", err)
	}
	rows, err := d.rig.admin.Query(ctx, statements, d.Name)
	if err != nil {
		return fmt.Errorf("read the statements: %w", err)
	}
	var text strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return fmt.Errorf("read the statements: %w", err)
		}
		text.WriteString(line + "\n")
	}
	_, resetErr := d.rig.admin.Exec(ctx, "SELECT pg_stat_statements_reset()")
	file := filepath.Join(d.rig.Profile, by.name)
	return errors.Join(rows.Err(), resetErr,
		os.WriteFile(file+".statements.txt", []byte(text.String()), 0o600),
		os.WriteFile(file+".plans.txt", []byte(d.rig.plans.take()), 0o600))
}
