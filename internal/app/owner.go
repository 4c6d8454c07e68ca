package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
)

// ownerEvery is how often a running worker looks whether the streams are still its own.
const ownerEvery = time.Minute

// ledgerOf returns the id of the database. It waits for a database that is away.
func ledgerOf(ctx context.Context, db *store.Store, log zerolog.Logger) (string, error) {
	for tries := 0; ; tries++ {
		id, err := db.LedgerID(ctx)
		switch {
		case err == nil:
			return id.String(), nil
		case ctx.Err() != nil || !store.Away(err):
			return "", err
		case tries == 0:
			log.Warn().Err(err).Msg("the database is away; waiting for it")
		}
		if err := pause(ctx, 2*time.Second); err != nil {
			return "", err
		}
	}
}

// watchOwner returns an error when the streams belong to another ledger. It looks at the start, after each connect and
// every minute (ADR 92). It calls first when it has looked for the first time, and the streams are not another's.
func watchOwner(ctx context.Context, cfg pipeline.Config, broker *connection, first func()) error {
	for looked := false; ; {
		err := cfg.Topology.Ours(ctx, cfg.JS)
		if other, isOther := errors.AsType[events.OtherLedgerError](err); isOther {
			return UsageError{notOurs(broker.address, other)}
		}
		wait := ownerEvery
		switch {
		case err != nil && !looked:
			wait = 500 * time.Millisecond // the broker is away
		case err == nil && !looked:
			looked = true
			first()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-broker.again:
		case <-time.After(wait):
		}
	}
}

// notOurs adds what an operator can do.
func notOurs(address string, other events.OtherLedgerError) error {
	return fmt.Errorf("the broker at %s is in use by workers with another database: %w. "+
		"Use that database (DATABASE_URL), or another broker (NATS_URL; without it, standalone starts its own). "+
		`If this database shall take over the streams for good: "invite-worker adopt"`, address, other)
}

// logDifferences logs once what differs in streams that belong to operators.
func logDifferences(ctx context.Context, cfg pipeline.Config) {
	if !cfg.Topology.CheckOnly {
		return
	}
	differences, err := cfg.Topology.Differences(ctx, cfg.JS)
	if err != nil {
		cfg.Log.Warn().Err(err).Msg("could not compare the streams with what they should be")
	}
	for _, difference := range differences {
		cfg.Log.Warn().Msg("NATS_TOPOLOGY=check: " + difference)
	}
}
