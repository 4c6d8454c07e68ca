package pipeline

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// delivery is the stage that sends: one goroutine takes due invites, one for each connection sends, one records.
//
//	take ──jobs──► send (× connections) ──results──► record
type delivery struct {
	*Worker
	jobs    chan job
	results chan result
	window  *window // of the invites that may be on their way
	// unrecorded has one element for each mail that may have left and is not on record.
	unrecorded chan struct{}
	pool       *smtp.Pool
	server     *breaker

	claiming chan struct{} // full while invites are being taken, until they are with the senders
	ended    bool          // nothing is taken any more; to be looked at while claiming
	unclear  atomic.Bool   // a claim may have been committed without this worker's hearing of it
}

// job is an invite that is about to leave.
type job struct {
	request store.Request
	invite  store.Invite // as it stands while it is being sent
	attempt store.Attempt
	letter  letter
}

// result is a job and what came of it.
type result struct {
	job
	mail.Result
}

func (w *Worker) newDelivery() *delivery {
	most := w.Connections * mostPerConnection
	d := &delivery{
		Worker: w, jobs: make(chan job, most), results: make(chan result, most),
		window: newWindow(w.Connections), unrecorded: make(chan struct{}, w.Connections*unrecordedPerConnection),
		claiming: make(chan struct{}, 1), pool: smtp.NewPool(w.SMTP),
	}
	stage := "send " + string(w.lane)
	d.server = &breaker{
		log: w.Log, window: d.window, pool: d.pool,
		waiting: func(away bool) { w.Observer.Waiting(stage, away) },
	}
	return d
}

func (w *Worker) deliver(ctx context.Context) error {
	d := w.newDelivery()
	defer d.pool.Close()
	// Mails on their way when the worker stops may arrive, and are recorded; after StopWithin they are cut off.
	sendCtx, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(w.StopWithin, cutOff)
		context.AfterFunc(sendCtx, func() { timer.Stop() })
	})
	defer stop()

	var senders, recorder errgroup.Group
	for range w.Connections {
		senders.Go(func() error { d.send(sendCtx); return nil })
	}
	recorder.Go(func() error { return d.record(sendCtx) })
	w.delivery.Store(d)
	err := w.loop("deliver", w.deliverBell, d.take).run(ctx)
	d.end()
	_ = senders.Wait()
	close(d.results)
	if recordErr := recorder.Wait(); recordErr != nil {
		return recordErr
	}
	d.clearAtEnd(ctx)
	return err
}

// take claims as many due invites as there is room for, decides each of them again on today's facts, and puts the attempts
// on record before anything is sent.
func (d *delivery) take(ctx context.Context) (bool, error) {
	if err := d.clear(ctx); err != nil {
		return false, err
	}
	n, err := d.tokens(ctx, d.room(ctx))
	if err != nil || n == 0 {
		return err == nil, errors.Join(err, ctx.Err())
	}
	d.claiming <- struct{}{}
	defer d.release()
	var ready []job
	var due []store.Invite
	err = d.commit(ctx, func(tx *store.Tx, l *ledger) (err error) {
		if due, err = tx.LockDue(ctx, d.lane, n, l.now); err != nil {
			return err
		}
		free, err := d.postpone(ctx, tx, l, due)
		if err != nil {
			return err
		}
		ready, err = d.recheck(ctx, tx, l, free)
		l.begun = attemptsOf(ready)
		return err
	})
	if err != nil {
		d.unclear.Store(true)
		d.window.giveBack(n)
		return false, err
	}
	d.window.giveBack(n - len(ready))
	d.returnTokens(ctx, n-len(ready))
	for _, j := range ready {
		d.jobs <- j // never blocks: no window is larger than the channel
	}
	// A claim of individual invites has left none if it could have taken more; one of runs may have, since each gets its share.
	return len(due) == n || d.lane == store.BulkLane && len(due) > 0, nil
}

// end lets the senders come to their end, once nobody can have a job for them.
func (d *delivery) end() {
	d.claiming <- struct{}{}
	defer d.release()
	d.ended = true
	close(d.jobs)
}

// clear queues again what a claim of unclear result may have left with this worker: with nothing on its way, whatever is
// marked as being sent by it has never left. Nobody else would free it as long as this worker lives.
func (d *delivery) clear(ctx context.Context) error {
	if !d.unclear.Load() {
		return nil
	}
	if err := d.window.drained(ctx); err != nil {
		return err
	}
	if err := d.Store.ReturnUnsent(ctx, d.id); err != nil {
		return err
	}
	d.unclear.Store(false)
	return nil
}

// clearAtEnd clears what a claim in the middle of which the worker was told to stop may have left: whoever took it over would
// have to take its mails for unknown.
func (d *delivery) clearAtEnd(ctx context.Context) {
	endCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := d.clear(endCtx); err != nil {
		d.Log.Warn().Err(err).Msg("a claim of unclear result is left to whoever takes over")
	}
}

func invitesOf(jobs []job) []store.Invite {
	invites := make([]store.Invite, len(jobs))
	for i, j := range jobs {
		invites[i] = j.invite
	}
	return invites
}

func attemptsOf(jobs []job) []store.Attempt {
	attempts := make([]store.Attempt, len(jobs))
	for i, j := range jobs {
		attempts[i] = j.attempt
	}
	return attempts
}

// room waits until the mail server takes mail and the window has room, and takes all of it; 0 if ctx ends.
func (d *delivery) room(ctx context.Context) int {
	if !d.server.wait(ctx) {
		return 0
	}
	return d.window.take(ctx)
}

// recheck decides due invites again. Their own claims do not stand in their way; whatever has come up since they were queued
// does: a removal, a suppression, an archived client, another email.
func (d *delivery) recheck(ctx context.Context, tx *store.Tx, l *ledger, due []store.Invite) ([]job, error) {
	if len(due) == 0 {
		return nil, nil
	}
	candidates, err := l.askAgain(ctx, tx, due)
	if err != nil {
		return nil, err
	}
	var ready []job
	for _, c := range candidates {
		invite, ok, err := l.recheck(c)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		ready = append(ready, l.attempt(c, invite))
	}
	return ready, nil
}

// attempt is the next attempt at an invite.
func (l *ledger) attempt(c candidate, invite store.Invite) job {
	letter, err := newLetter(l.book, c)
	letter.unwritable = err
	invite.State, invite.NextAttempt = store.Sending, time.Time{}
	invite.Attempt++
	return job{
		request: c.request, invite: invite, letter: letter,
		attempt: store.Attempt{InviteID: invite.ID, Number: invite.Attempt, MessageID: mail.MessageID(invite.ID, invite.Nonce, l.w.SMTP.From)},
	}
}

// askAgain puts the questions about queued invites once more, and loads today's facts for them.
func (l *ledger) askAgain(ctx context.Context, tx *store.Tx, queued []store.Invite) ([]candidate, error) {
	candidates, err := l.w.asked(ctx, tx, queued)
	if err != nil {
		return nil, err
	}
	for i := range candidates {
		candidates[i].ask.Queued, candidates[i].ask.Person = true, queued[i].Person
	}
	l.book, err = tx.LoadBook(ctx, asksOf(candidates))
	return candidates, err
}

// recheck says whether a queued invite may still leave, and enters the skip if it may not. An invite whose recipient has a
// new email moves to it, login and all.
func (l *ledger) recheck(c candidate) (store.Invite, bool, error) {
	decision := l.book.Decide(c.ask, l.now, l.w.Policy)
	if !decision.Send() {
		return c.invite, false, l.withdraw(c, decision)
	}
	next := c.invite
	if decision.Email == c.invite.Email && decision.Name == c.invite.Name && l.now.Before(c.invite.ExpiresAt) {
		return next, true, nil
	}
	if decision.Email.Normal != c.invite.Email.Normal {
		l.moved = append(l.moved, store.HeldLogin{
			EmailKey: rules.EmailKey{FirmID: next.FirmID, Email: c.invite.Email.Normal}, Person: c.invite.Person,
		})
	}
	next.Person, next.Name, next.Email = decision.Person, decision.Name, decision.Email
	next.ExpiresAt = l.claim(c, decision)
	l.write(c.invite, next)
	return next, true, nil
}

// withdraw enters the skip of a queued invite that may not leave any more.
func (l *ledger) withdraw(c candidate, decision rules.Decision) error {
	next := c.invite
	l.skip(&next, decision)
	l.count(c.invite, next)
	l.write(c.invite, next)
	l.released = append(l.released, c.invite)
	return l.tellSkipped(c.request, next)
}
