package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// preload has the server count its statements. It needs PostgreSQL's contrib modules, which most packages bring along.
const preload = "shared_preload_libraries = 'pg_stat_statements'"

// countPlanning has the loaded module count the time of planning as well.
func (r *Rig) countPlanning(ctx context.Context) error {
	if err := r.set(ctx, "pg_stat_statements.track_planning = on"); err != nil {
		return err
	}
	_, err := r.admin.Exec(ctx, "SELECT pg_reload_conf()")
	return err
}

const statements = `
	SELECT format(E'%10s calls %8s rows %9s ms exec %9s ms plan %10s WAL bytes  %s', calls, rows, round(total_exec_time::numeric, 1),
		round(total_plan_time::numeric, 1), wal_bytes, left(regexp_replace(query, '\s+', ' ', 'g'), 160))
	FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1)
	ORDER BY total_exec_time + total_plan_time DESC LIMIT 40`

// WriteStatements writes what the server has counted of this database while
// that process ran, if it was asked to, and begins anew.
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
	return errors.Join(rows.Err(), resetErr, os.WriteFile(filepath.Join(d.rig.Profile, by.name+".statements.txt"), []byte(text.String()), 0o600))
}
