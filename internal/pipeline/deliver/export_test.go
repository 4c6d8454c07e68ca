package deliver

import (
	"context"
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline/ledger"
)

// These are for tests that run the parts of a delivery by hand. Its stage does not run then.

// Begin lets other goroutines give jobs to the mailers. End ends that.
func (d *Delivery) Begin() { d.begin() }

// End is the opposite of Begin.
func (d *Delivery) End() { d.end() }

// Unbegin restores the state before Begin.
func (d *Delivery) Unbegin() {
	d.claiming <- struct{}{}
	defer d.release()
	d.open = false
}

// Take claims as many due invites as there is room for, and gives them to the mailers.
func (d *Delivery) Take(ctx context.Context) (bool, error) { return d.take(ctx) }

// Leave sends the jobs that the mailers have, and records the results. Nothing may be called after it.
func (d *Delivery) Leave(ctx context.Context) error {
	d.Send(ctx)
	return d.Record(ctx)
}

// Send sends the jobs that the mailers have, and these. It may be called once.
func (d *Delivery) Send(ctx context.Context, more ...ledger.Job) {
	for _, j := range more {
		d.jobs <- claimed{j, d.Lease.Term()}
	}
	close(d.jobs)
	d.send(ctx)
}

// Record records the results. It may be called once.
func (d *Delivery) Record(ctx context.Context) error {
	close(d.results)
	return d.record(ctx)
}

// Ended adds the result of a job that the test itself has sent.
func (d *Delivery) Ended(j ledger.Job, r mail.Result) { d.results <- result{Job: j, Result: r} }

// Next takes a job from the mailers.
func (d *Delivery) Next() ledger.Job { return (<-d.jobs).Job }

// Handed returns how many jobs the mailers have.
func (d *Delivery) Handed() int { return len(d.jobs) }

// SendMessage sends a mail over the mailers' connections, in place of a job's own mail.
func (d *Delivery) SendMessage(ctx context.Context, m mail.Message) mail.Result {
	return d.pool.Send(ctx, m)
}

// Close closes the connections.
func (d *Delivery) Close() { d.pool.Close() }

// Limit sets how many mails may be on their way.
func (d *Delivery) Limit(n int) { d.window.limit = n }

// Fill takes room for n mails, as if they were on their way.
func (d *Delivery) Fill(n int) { d.window.takeNow(n) }

// FillAll takes all the room that there is.
func (d *Delivery) FillAll() { d.window.takeNow(d.window.limit) }

// OnTheirWay returns how many mails are on their way.
func (d *Delivery) OnTheirWay() int { return d.window.taken }

// Hold begins a claim that never ends.
func (d *Delivery) Hold() { d.claiming <- struct{}{} }

// Held says whether a claim is under way.
func (d *Delivery) Held() bool { return len(d.claiming) > 0 }

// Unclear says whether a claim may have committed although the worker got no answer.
func (d *Delivery) Unclear() bool { return d.unclear.Load() }

// SetUnclear pretends that a claim may have committed although the worker got no answer.
func (d *Delivery) SetUnclear() { d.unclear.Store(true) }

// ServerAway stops the lane as if the mail server were down. ServerBack ends that.
func (d *Delivery) ServerAway() {
	d.server.begin(mail.Result{Verdict: mail.Retry, Step: mail.StepConnect})
}

// ServerBack is the opposite of ServerAway.
func (d *Delivery) ServerBack() { d.server.over(mail.Result{}, takesMailAgain) }

// Stopped returns when the breaker stopped the lane; the zero time if it did not.
func (d *Delivery) Stopped() time.Time { return d.server.stopped() }

// Follows says whether the mail of another job may follow one over its connection. It takes that job.
func (d *Delivery) Follows(ctx context.Context) bool { return d.follower(ctx) != nil }

// ServerIsSlow pretends that the server takes so long for a mail.
func (d *Delivery) ServerIsSlow(mean time.Duration) { d.window.mean = mean }

// Unrecorded returns how many mails may have left without a recorded result, and how many more may leave.
func (d *Delivery) Unrecorded() (left, more int) {
	return len(d.unrecorded), cap(d.unrecorded) - len(d.unrecorded)
}

// LeaveUnrecorded pretends that so many mails have left, and are not recorded.
func (d *Delivery) LeaveUnrecorded(n int) {
	for range n {
		d.unrecorded <- struct{}{}
	}
}
