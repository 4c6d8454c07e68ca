package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// ledgerID is the command that prints the id of the database.
type ledgerID struct{}

// Run is what kong calls. It needs only the settings of the database.
func (ledgerID) Run(ctx context.Context, s Streams, c *WorkerCommand) error {
	id, err := c.ledger(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Out, id)
	return nil
}

// adopt is the command that gives the streams to the database.
type adopt struct{}

// Run is what kong calls. It needs only the settings of the database and the broker.
func (adopt) Run(ctx context.Context, s Streams, c *WorkerCommand) error {
	id, err := c.ledger(ctx)
	if err != nil {
		return err
	}
	if c.TopologyMode == topologyCheck {
		return Usagef("NATS_TOPOLOGY: with check, nothing is written to the streams; write it yourself, for each stream: "+
			"nats stream edit %s --metadata %s=%s", events.EventsStream, events.LedgerKey, id)
	}
	nc, js, err := c.Connect("invite-worker adopt")
	if err != nil {
		return err
	}
	defer nc.Close()
	topology := c.Topology()
	topology.Ledger = id
	if err := c.forgetOutcomes(ctx); err != nil {
		return err
	}
	before, err := topology.Adopt(ctx, js)
	if denied := Denied(nc); err != nil && denied != nil {
		return denied
	}
	if err != nil {
		return err
	}
	if len(before) == 0 {
		return errors.New("the broker has no stream of the pipeline yet; the first worker creates them")
	}
	for _, stream := range slices.Sorted(maps.Keys(before)) {
		fmt.Fprintf(s.Out, "%s: belonged to %s, belongs to %s\n", stream, cmp.Or(before[stream], "no ledger"), id)
	}
	fmt.Fprintln(s.Out, "Workers with another database end within a minute.")
	return nil
}

// openDatabase opens the database for one statement.
func (w Worker) openDatabase(ctx context.Context) (*store.Store, error) {
	databaseURL, err := w.databaseURL()
	if err != nil {
		return nil, UsageError{err}
	}
	db, err := store.Open(ctx, databaseURL, 1)
	if err != nil {
		return nil, UsageError{err}
	}
	return db, nil
}

// forgetOutcomes lets the workers begin with the stream of outcomes as it is (ADR 87).
func (w Worker) forgetOutcomes(ctx context.Context) error {
	db, err := w.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.ForgetOutcomeMarks(ctx)
}

// ledger returns the id of the database.
func (w Worker) ledger(ctx context.Context) (string, error) {
	db, err := w.openDatabase(ctx)
	if err != nil {
		return "", err
	}
	defer db.Close()
	id, err := db.LedgerID(ctx)
	if err != nil {
		return "", fmt.Errorf("%w (has the schema been migrated? A worker does so when it starts, "+
			`and so does "invite-worker migrate")`, err)
	}
	return id.String(), nil
}
