// Package deliver hands due invites to the mail server, and records what became of them.
package deliver

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"portal-invites/internal/link"
	"portal-invites/internal/mail"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// Observer is told of mails. Its method must not block.
type Observer interface {
	// Attempted: a mail was handed to the server, or was not.
	Attempted(lane store.Lane, verdict mail.Verdict, took time.Duration)
}

// Config is what a delivery is made of.
type Config struct {
	loop.Runner
	Observer Observer
	Ledger   *ledger.Ledger
	Lane     store.Lane
	Due      loop.Bell // rung when an invite may leave

	SMTP        smtp.Config
	Keys        link.Keyring
	Connections int           // to the mail server, and so mails on their way at once
	Rate        float64       // mails a second that leave by this lane, over all its workers; 0: no limit
	DomainRate  float64       // mails a second to one recipient domain, over all workers of both lanes; 0: no limit
	HoldUnknown bool          // a mail that may or may not have arrived waits for a person; else it is sent again
	RetryFor    time.Duration // how long a mail that the server puts off is tried
	StopWithin  time.Duration // how long mails on their way may take to arrive when the worker stops
}

// Delivery is the stage that sends: one goroutine takes due invites, one for each connection sends, one records.
//
//	take ──jobs──► send (× connections) ──results──► record
//
// It runs once. [Delivery.SendNow] may be called at any time, from any goroutine.
type Delivery struct {
	Config
	jobs    chan ledger.Job
	results chan result
	window  *window // of the invites that may be on their way
	// unrecorded has one element for each mail that may have left and is not on record.
	unrecorded chan struct{}
	pool       *smtp.Pool
	server     *breaker

	claiming chan struct{} // full while invites are being claimed, until they are with the senders
	open     bool          // there are senders; guarded by claiming
	unclear  atomic.Bool   // a claim may have been committed without this worker's hearing of it
}

// result is a job and what came of it.
type result struct {
	ledger.Job
	mail.Result
}

// New is a delivery that does not run yet.
func New(cfg Config) *Delivery {
	most := cfg.Connections * mostPerConnection
	d := &Delivery{
		Config: cfg, jobs: make(chan ledger.Job, most), results: make(chan result, most),
		window: newWindow(cfg.Connections), unrecorded: make(chan struct{}, cfg.Connections*unrecordedPerConnection),
		claiming: make(chan struct{}, 1), pool: smtp.NewPool(cfg.SMTP),
	}
	stage := "send " + string(cfg.Lane)
	d.server = &breaker{
		log: cfg.Log, window: d.window, pool: d.pool,
		waiting: func(away bool) { cfg.Waiting(stage, away) },
	}
	return d
}

// Stage sends until its context ends. Mails on their way may arrive then, and are recorded.
func (d *Delivery) Stage() loop.Stage { return loop.Stage{Name: "deliver", Run: d.run} }

func (d *Delivery) run(ctx context.Context) error {
	defer d.pool.Close()
	sendCtx, cutOff := d.sendContext(ctx)
	defer cutOff()

	var senders, recorder errgroup.Group
	for range d.Connections {
		senders.Go(func() error { d.send(sendCtx); return nil })
	}
	recorder.Go(func() error { return d.record(sendCtx) })
	d.begin()
	err := d.Runner.Stage("deliver", d.Due, d.take).Run(ctx)
	d.end()
	_ = senders.Wait()
	close(d.results)
	if recordErr := recorder.Wait(); recordErr != nil {
		return recordErr
	}
	d.clearAtEnd(ctx)
	return err
}

// sendContext is a context that ends StopWithin after ctx: then mails on their way are cut off.
func (d *Delivery) sendContext(ctx context.Context) (sendCtx context.Context, cutOff context.CancelFunc) {
	sendCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(d.StopWithin, cancel)
		context.AfterFunc(sendCtx, func() { timer.Stop() })
	})
	return sendCtx, func() { stop(); cancel() }
}

// begin lets others hand jobs to the senders.
func (d *Delivery) begin() {
	d.claiming <- struct{}{}
	defer d.release()
	d.open = true
}

// end lets the senders finish, once nobody can have a job for them.
func (d *Delivery) end() {
	d.claiming <- struct{}{}
	defer d.release()
	d.open = false
	close(d.jobs)
}

func (d *Delivery) release() { <-d.claiming }
