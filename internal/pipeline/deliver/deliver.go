// Package deliver sends due invites to the mail server, and records the results.
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

// Observer counts attempts. Its method must not block.
type Observer interface {
	// Attempted is called after each attempt of a lane by a sender, with its verdict and the time it took.
	Attempted(lane store.Lane, sender string, verdict mail.Verdict, took time.Duration)
}

// Lease says whether the worker still has what it has claimed. Its methods must not block.
type Lease interface {
	// Term is the number of the present term. A lease that was lost and taken again has a new term.
	Term() int64
	// Holds says whether the lease lasts, and its term is still this one.
	Holds(term int64) bool
}

// Config has the parts and settings of the delivery of one sender.
type Config struct {
	loop.Runner
	Observer Observer
	Lease    Lease
	Ledger   *ledger.Ledger
	Lane     store.Lane
	Sender   string    // its name; "" is the default sender
	Due      loop.Bell // rung when an invite may leave by the sender
	Stops    *Stops    // nil: no run is stopped

	SMTP        smtp.Config
	Keys        link.Keyring
	Connections int           // to the mail server; each carries one mail at a time
	Rate        float64       // mails a second that leave by this lane and sender, over all workers; 0: no limit
	DomainRate  float64       // mails a second of the sender to one recipient domain, over all workers; 0: no limit
	HoldUnknown bool          // a mail that may or may not have arrived is held for a ruling; otherwise it is sent again
	RetryFor    time.Duration // how long a mail that the server defers is tried
	StopWithin  time.Duration // how long mails on their way may take when the worker stops
}

// Delivery is the stage that sends the mails of one sender. One goroutine takes due invites, and one records results.
// Between them, one goroutine for each connection sends: a mailer.
//
//	take ──jobs──► send (× connections) ──results──► record
//
// It runs once. [Senders] has one for each sender, and they share nothing but the database (ADR 113).
type Delivery struct {
	Config
	jobs    chan claimed
	results chan result
	window  *window // limits the mails on their way; has its own lock
	// unrecorded has one element for each mail that may have left and whose result is not recorded yet (ADR 20). The
	// mailers add elements, the recorder takes them.
	unrecorded chan struct{}
	pool       *smtp.Pool // has its own lock
	server     *breaker   // has its own lock

	claiming chan struct{} // a lock: full while invites are claimed, until the mailers have them
	open     bool          // the mailers run; guarded by claiming
	turn     store.Turn    // of the next claim among firms; guarded by claiming
	unclear  atomic.Bool   // a claim may have committed although this worker got no answer
}

// claimed is a job with the term of the worker's lease in which it was claimed. After that term, the worker must not
// send its mail, because another worker may have taken it over (ADR 80).
type claimed struct {
	ledger.Job
	term int64
}

// result is a job with the result of its attempt.
type result struct {
	ledger.Job
	mail.Result
	ended time.Time // by the ledger's clock
	final bool      // refused for an unclear reason, although the server has taken another mail meanwhile
}

// New makes a delivery that does not run yet.
func New(cfg Config) *Delivery {
	if cfg.Sender != "" {
		cfg.Log = cfg.Log.With().Str("sender", cfg.Sender).Logger()
	}
	most := cfg.Connections * mostPerConnection
	d := &Delivery{
		Config: cfg, jobs: make(chan claimed, most), results: make(chan result, most),
		window: newWindow(cfg.Connections), unrecorded: make(chan struct{}, cfg.Connections*unrecordedPerConnection),
		claiming: make(chan struct{}, 1), pool: smtp.NewPool(cfg.SMTP),
	}
	stage := d.named("send " + string(cfg.Lane))
	d.server = &breaker{
		log: cfg.Log, sender: cfg.Sender, window: d.window, pool: d.pool,
		waiting: func(away bool) { cfg.Waiting(stage, away) },
	}
	return d
}

// named is the name of a stage of this sender, for logs and metrics.
func (d *Delivery) named(stage string) string {
	if d.Sender == "" {
		return stage
	}
	return stage + " by " + d.Sender
}

// queue is what the delivery takes invites from.
func (d *Delivery) queue() store.Queue { return store.Queue{Lane: d.Lane, Sender: d.Sender} }

// Stage sends until its context ends. Then mails on their way may still arrive, and their results are recorded.
func (d *Delivery) Stage() loop.Stage { return loop.Stage{Name: d.named("deliver"), Run: d.run} }

func (d *Delivery) run(ctx context.Context) error {
	defer d.pool.Close()
	sendCtx, cutOff := d.sendContext(ctx)
	defer cutOff()

	var mailers, recorder errgroup.Group
	for range d.Connections {
		mailers.Go(func() error { d.send(sendCtx); return nil })
	}
	recorder.Go(func() error { return d.record(sendCtx) })
	d.begin()
	err := d.Runner.Stage(d.named("deliver"), d.Due, d.take).Run(ctx)
	d.end()
	_ = mailers.Wait()
	close(d.results)
	if recordErr := recorder.Wait(); recordErr != nil {
		return recordErr
	}
	d.clearAtEnd(ctx)
	return err
}

// sendContext makes a context that ends StopWithin after ctx. Then mails on their way are cut off.
func (d *Delivery) sendContext(ctx context.Context) (sendCtx context.Context, cutOff context.CancelFunc) {
	sendCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(d.StopWithin, cancel)
		context.AfterFunc(sendCtx, func() { timer.Stop() })
	})
	return sendCtx, func() { stop(); cancel() }
}

// begin lets other goroutines give jobs to the mailers.
func (d *Delivery) begin() {
	d.claiming <- struct{}{}
	defer d.release()
	d.open = true
}

// end lets the mailers finish, once no goroutine can have a job for them.
func (d *Delivery) end() {
	d.claiming <- struct{}{}
	defer d.release()
	d.open = false
	close(d.jobs)
}

func (d *Delivery) release() { <-d.claiming }
