package deliver

import (
	"context"
	"fmt"
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline/ledger"
)

const (
	// unrecordedPerConnection is how many mails per connection may have left before their results are recorded. If the
	// worker dies, these mails may be sent twice.
	unrecordedPerConnection = 8
	// recordWithin is the longest time for which results are gathered into a batch. A batch is written sooner in two
	// cases. If no mail waits for a connection to the mail server, few results can still come. If a batch has 3/4 of the
	// results that may be unrecorded (see unrecordedPerConnection), the mailers need the last quarter to go on during the
	// write.
	recordWithin = 20 * time.Millisecond
)

// record writes results in batches: each batch has the results that came in while the batch before it was written (ADR
// 54).
func (d *Delivery) record(ctx context.Context) error {
	for first := range d.results {
		batch := d.gather(first)
		if err := d.recordAll(ctx, batch); err != nil {
			return err // cut off: the attempts stay open, and the worker that takes over treats their mails as unknown
		}
		d.recorded(len(batch))
		for _, r := range batch {
			if r.Verdict == mail.Unclear && !r.final {
				d.server.refused(r.Result, r.ended)
			}
		}
		d.window.giveBack(len(batch))
	}
	return nil
}

// recorded lets n more mails leave.
func (d *Delivery) recorded(n int) {
	for range n {
		select {
		case <-d.unrecorded:
		default: // a mail that was cut off has not left
		}
	}
}

func (d *Delivery) gather(first result) []result {
	batch := []result{first}
	late := time.NewTimer(recordWithin)
	defer late.Stop()
	for open := true; open; {
		var r result
		select {
		case r, open = <-d.results:
		default:
			if len(batch) >= cap(d.unrecorded)*3/4 || len(d.jobs) == 0 {
				return batch
			}
			select {
			case r, open = <-d.results:
			case <-late.C:
				return batch
			}
		}
		if open {
			batch = append(batch, r)
		}
	}
	return batch
}

// recordAll retries until ctx ends, because nothing else knows the results of mails that have left.
func (d *Delivery) recordAll(ctx context.Context, batch []result) error {
	out := d.Outage(d.named("record"))
	defer out.Over()
	for {
		err := d.Ledger.Commit(ctx, func(tx *ledger.Tx) error { return d.settle(ctx, tx, batch) })
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("record the results of %d mails, which the worker that takes over treats as unknown: %w",
				len(batch), err)
		}
		out.Wait(ctx, err)
	}
}
