package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"portal-invites/internal/store"
)

// Who migrates the schema: see MIGRATE.
const (
	migrateAtStart = "start"
	migrateNever   = "never"
)

// schemaEvery is how often a running worker looks whether it may still run on the schema.
const schemaEvery = 5 * time.Second

// prepareSchema returns once the database has the schema that this worker needs. It migrates the schema, or waits until
// somebody else has done so. It waits for a database that is away, too. A worker that is too old for the schema gets an
// error.
func (w Worker) prepareSchema(ctx context.Context, databaseURL string, db *store.Store, log zerolog.Logger) error {
	const shortest, longest = 200 * time.Millisecond, 5 * time.Second
	migrator := store.Migrator{URL: databaseURL, Waits: logWaits(log)}
	for tries := 0; ; tries++ {
		var err error
		if w.Migrate == migrateAtStart {
			_, err = migrator.Migrate(ctx, 0)
		}
		if err == nil {
			err = db.CheckSchema(ctx)
		}
		if err == nil {
			if tries > 0 {
				log.Info().Msg("the database is there")
			}
			return nil
		}
		if ctx.Err() != nil || !schemaMayCome(err) {
			return w.explainSchema(err)
		}
		if tries == 0 {
			log.Warn().Err(err).Msg(waitingFor(err))
		}
		if err := pause(ctx, min(shortest<<min(tries, 10), longest)); err != nil {
			return err
		}
	}
}

// schemaMayCome says whether waiting helps.
func schemaMayCome(err error) bool {
	_, behind := errors.AsType[store.SchemaBehindError](err)
	return behind || store.Away(err)
}

func waitingFor(err error) string {
	if _, behind := errors.AsType[store.SchemaBehindError](err); behind {
		return "this worker does not migrate (MIGRATE=never); waiting until the schema is migrated"
	}
	return "the database is away; waiting for it"
}

// explainSchema adds what an operator can do.
func (w Worker) explainSchema(err error) error {
	_, ahead := errors.AsType[store.SchemaAheadError](err)
	switch {
	case ahead:
		return UsageError{err}
	case store.MayNot(err) && w.Migrate == migrateAtStart:
		return Usagef(`the user of DATABASE_URL may not change the schema: run "invite-worker migrate" as its owner, `+
			`and set MIGRATE=never for the workers: %w`, err)
	case store.MayNot(err):
		return Usagef(`the user of DATABASE_URL may not use the tables; grant what deploy/postgres/roles.sql grants: %w`, err)
	default:
		return fmt.Errorf("prepare the database: %w", err)
	}
}

// watchSchema returns an error when a newer worker has migrated the schema, and this worker must not run on it. The
// worker then stops in order.
func watchSchema(ctx context.Context, db *store.Store) error {
	for pause(ctx, schemaEvery) == nil {
		if ahead, ok := errors.AsType[store.SchemaAheadError](db.CheckSchema(ctx)); ok {
			return UsageError{ahead}
		}
	}
	return nil // asked to stop
}

// logWaits logs what a migration waits for: at once, and then once a minute.
func logWaits(log zerolog.Logger) func(string, error) {
	var last string
	var at time.Time
	return func(reason string, err error) {
		if reason == last && time.Since(at) < time.Minute {
			return
		}
		last, at = reason, time.Now()
		log.Warn().Err(err).Msg(reason)
	}
}
