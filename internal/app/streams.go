package app

import (
	"context"
	"fmt"
)

// streams is the command that creates the streams and durables. It is for a user with the right to do so, when the
// workers' user has none (NATS_TOPOLOGY=check).
type streams struct{}

// Run is what kong calls. It needs only the settings of the database, the broker and the streams.
func (streams) Run(ctx context.Context, s Streams, c *WorkerCommand) error {
	id, err := c.ledger(ctx)
	if err != nil {
		return err
	}
	if err := c.Kept.check(); err != nil {
		return UsageError{err}
	}
	nc, js, err := c.Connect("invite-worker streams")
	if err != nil {
		return err
	}
	defer nc.Close()
	topology := c.topology(c.Topology())
	topology.Ledger = id
	if err := topology.Ensure(ctx, js); err != nil {
		if denied := Denied(nc); denied != nil {
			return denied
		}
		return err
	}
	differences, err := topology.Differences(ctx, js) // none, unless NATS_TOPOLOGY=check
	if err != nil {
		return err
	}
	for _, difference := range differences {
		fmt.Fprintln(s.Out, difference)
	}
	if len(differences) > 0 {
		return ErrReported
	}
	fmt.Fprintln(s.Out, "The streams and durables are as they should be.")
	return nil
}
