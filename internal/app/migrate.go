package app

import (
	"context"
	"fmt"

	"portal-invites/internal/store"
)

// migrate is the command that changes the schema. It is for a user that owns the schema, when the workers' user does
// not (MIGRATE=never).
type migrate struct {
	To     int64 `placeholder:"NUMBER" help:"Stop at the migration with this number. Left out: the newest."`
	DryRun bool  `help:"Change nothing. Print the migrations that the database lacks."`
	SQL    bool  `name:"sql" help:"Print the SQL of these migrations, too."`
}

// Validate is what kong calls after it has parsed the flags.
func (m migrate) Validate() error {
	if m.To < 0 {
		return fmt.Errorf("--to: must be the number of a migration (example: 25)")
	}
	return nil
}

// Run is what kong calls. It needs only the settings of the database and the log.
func (m migrate) Run(ctx context.Context, s Streams, c *WorkerCommand) error {
	databaseURL, err := c.databaseURL()
	if err != nil {
		return UsageError{err}
	}
	if err := c.Log.check(); err != nil {
		return UsageError{err}
	}
	migrator := store.Migrator{URL: databaseURL, Waits: logWaits(c.Logger(s.Err))}
	does := migrator.Migrate
	if m.DryRun {
		does = migrator.Pending
	}
	migrations, err := does(ctx, m.To)
	if store.MayNot(err) {
		return fmt.Errorf("the user of DATABASE_URL may not change the schema; use the owner of the schema: %w", err)
	}
	if err != nil {
		return err
	}
	m.print(s, migrations)
	return nil
}

func (m migrate) print(s Streams, migrations []store.Migration) {
	done := "applied"
	if m.DryRun {
		done = "would apply"
	}
	for _, one := range migrations {
		fmt.Fprintf(s.Out, "%s %s: %s\n", done, one.Name, one.Why)
		if m.SQL {
			fmt.Fprintf(s.Out, "\n%s\n\n", one.SQL)
		}
	}
	if len(migrations) == 0 {
		fmt.Fprintln(s.Out, "the schema is up to date")
	}
}
