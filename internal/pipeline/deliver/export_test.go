package deliver

import (
	"context"
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline/ledger"
)

// What the tests of a delivery by hand do and look at. Its stage does not run then.

// Begin lets others hand jobs to the senders, and End no more.
func (d *Delivery) Begin() { d.begin() }

// End is the opposite of Begin.
func (d *Delivery) End() { d.end() }

// Unbegin has it as before Begin.
func (d *Delivery) Unbegin() {
	d.claiming <- struct{}{}
	defer d.release()
	d.open = false
}

// Take claims as many due invites as there is room for, and hands them to the senders.
func (d *Delivery) Take(ctx context.Context) (bool, error) { return d.take(ctx) }

// Leave sends what the senders have been handed, and records it. It is the last that a delivery does.
func (d *Delivery) Leave(ctx context.Context) error {
	d.Send(ctx)
	return d.Record(ctx)
}

// Send sends what the senders have been handed, and these jobs. There is no other Send behind it.
func (d *Delivery) Send(ctx context.Context, more ...ledger.Job) {
	for _, j := range more {
		d.jobs <- j
	}
	close(d.jobs)
	d.send(ctx)
}

// Record records what was sent. There is no other Record behind it.
func (d *Delivery) Record(ctx context.Context) error {
	close(d.results)
	return d.record(ctx)
}

// Ended is told what came of a job that something else has sent.
func (d *Delivery) Ended(j ledger.Job, r mail.Result) { d.results <- result{j, r} }

// Next takes a job from the senders.
func (d *Delivery) Next() ledger.Job { return <-d.jobs }

// Handed is how many jobs the senders have been handed.
func (d *Delivery) Handed() int { return len(d.jobs) }

// SendMessage sends a mail as a sender does, in place of a job's own.
func (d *Delivery) SendMessage(ctx context.Context, m mail.Message) mail.Result {
	return d.pool.Send(ctx, m)
}

// Close closes the connections.
func (d *Delivery) Close() { d.pool.Close() }

// Limit sets how many mails may be on their way.
func (d *Delivery) Limit(n int) { d.window.limit = n }

// Fill has as many mails on their way.
func (d *Delivery) Fill(n int) { d.window.takeNow(n) }

// FillAll has as many on their way as may be.
func (d *Delivery) FillAll() { d.window.takeNow(d.window.limit) }

// OnTheirWay is how many mails are.
func (d *Delivery) OnTheirWay() int { return d.window.taken }

// Hold has a claim under way.
func (d *Delivery) Hold() { d.claiming <- struct{}{} }

// Held says whether a claim is under way.
func (d *Delivery) Held() bool { return len(d.claiming) > 0 }

// Unclear says whether a claim may have been committed without the worker's hearing of it, and SetUnclear that one may.
func (d *Delivery) Unclear() bool { return d.unclear.Load() }

// SetUnclear is the opposite of what a clear does.
func (d *Delivery) SetUnclear() { d.unclear.Store(true) }

// ServerAway has the mail server be away since now, and ServerBack no more.
func (d *Delivery) ServerAway() {
	d.server.begin(mail.Result{Verdict: mail.Retry, Step: mail.StepConnect})
}

// ServerBack is the opposite of ServerAway.
func (d *Delivery) ServerBack() { d.server.over(mail.Result{}) }

// Stopped says since when the mail server takes no mail.
func (d *Delivery) Stopped() time.Time { return d.server.since }
