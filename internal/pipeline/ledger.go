package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// ledger collects what one transaction decides, and writes it together: invites, claims, sums, outcome events. It lives for
// one try of one transaction.
type ledger struct {
	w    *Worker
	now  time.Time
	book *rules.Book

	inserted    []store.Invite
	updated     []store.Invite
	updatedFrom []store.Invite // as they were read, beside updated
	released    []store.Invite // whose access ends unused
	resent      []store.Invite // whose link is the valid one from now on
	claims      map[rules.AccessKey]store.Claim
	moved       []store.HeldLogin // left behind by a person whose email has changed
	outbox      []store.Outbound
	appended    int // of outbox: how many have been written
	runs        map[uuid.UUID]*runChange
	progress    *progress       // of the run that is being walked
	begun       []store.Attempt // of the invites that are about to be sent
	room        int             // how many of the invites that are decided may begin to be sent at once
	atOnce      []job           // those that do
}

// progress is how far a page takes a run.
type progress struct {
	run    store.Run
	to     store.Cursor
	walked bool
}

// after is the run as it stands then.
func (p progress) after() store.Run {
	p.run.Cursor, p.run.Walked = p.to, p.walked
	return p.run
}

// runChange is what a transaction changes about a run's sums.
type runChange struct {
	store.Counts
	changed bool // an outcome changed, or came into being
}

func newLedger(w *Worker) *ledger {
	return &ledger{
		w: w, now: w.Now().UTC().Truncate(time.Microsecond), // as Postgres keeps it
		claims: map[rules.AccessKey]store.Claim{},
		runs:   map[uuid.UUID]*runChange{},
	}
}

// decide asks the rules about a candidate and enters the answer.
func (l *ledger) decide(c candidate) error {
	decision := l.book.Decide(c.ask, l.now, l.w.Policy)
	before, next := c.invite, c.invite
	next.ReplayID = c.replay
	if before.State == store.Skipped && sameReasons(before.Reasons, decision.Reasons) {
		l.count(before, next) // looked at again, and nothing is new
		return nil
	}
	next.Person, next.Name, next.Email = decision.Person, decision.Name, decision.Email
	next.DecidedAt = l.now
	if decision.Send() {
		next.State, next.Reason, next.Reasons, next.Settled = store.Queued, "", nil, false
		next.Nonce = rand.Int64() // it need not be secret, only new: the token's secret is the key
		next.NextAttempt = l.now
		next.ExpiresAt = l.claim(c, decision)
	} else {
		l.skip(&next, decision)
		if err := l.tellSkipped(c.request, next); err != nil {
			return err
		}
	}
	l.count(before, next)
	if before.State == "" && next.State == store.Queued && len(l.atOnce) < l.room {
		l.atOnce = append(l.atOnce, l.attempt(c, next))
		return nil
	}
	l.write(before, next)
	return nil
}

func (l *ledger) skip(next *store.Invite, decision rules.Decision) {
	next.State, next.Reason, next.Reasons, next.Settled = store.Skipped, decision.Reason(), decision.Reasons, decision.Settled()
	next.NextAttempt, next.HeldAt, next.ExpiresAt = time.Time{}, time.Time{}, time.Time{}
	next.DecidedAt = l.now
	next.Revision++
}

// claim takes hold of the access and the login that an invite is to open, and returns when the invite expires.
func (l *ledger) claim(c candidate, decision rules.Decision) time.Time {
	l.book.Claim(c.ask, decision, l.now, l.w.Policy)
	key := rules.AccessKey{FirmID: c.ask.FirmID, ClientID: c.ask.ClientID, Person: decision.Person}
	access := *l.book.Accesses[key]
	l.claims[key] = store.Claim{AccessKey: key, Access: access, At: c.request.At}
	return l.now.Add(l.w.Policy.InviteTTL) // also where the access is active and does not expire: a link always does
}

func (l *ledger) write(before, next store.Invite) {
	if before.State == "" {
		l.inserted = append(l.inserted, next)
		return
	}
	l.updated, l.updatedFrom = append(l.updated, next), append(l.updatedFrom, before)
}

// sameReasons compares what a person would do about a skip, not the words or the hour it says to try again.
func sameReasons(a, b []rules.Reason) bool {
	return slices.EqualFunc(a, b, func(a, b rules.Reason) bool {
		sameConflict := a.Conflict == nil && b.Conflict == nil ||
			a.Conflict != nil && b.Conflict != nil && *a.Conflict == *b.Conflict
		return a.Code == b.Code && sameConflict
	})
}

// count moves an invite from one state to another in the sums of its run, and of the replay that decided it.
func (l *ledger) count(before, next store.Invite) {
	changed := before.State != next.State || before.Revision != next.Revision
	if next.RunID.Valid && changed {
		run := l.run(next.RunID.UUID)
		run.changed = true
		if before.State == "" {
			run.Selected++
		} else {
			run.Add(before, -1)
		}
		run.Add(next, +1)
	}
	if next.ReplayID.Valid {
		replay := l.run(next.ReplayID.UUID)
		replay.changed = replay.changed || changed
		if before.ReplayID == next.ReplayID && (before.State == store.Queued || before.State == store.Sending) {
			replay.Add(before, -1) // counted when the replay queued it
		} else {
			replay.Selected++
		}
		replay.Add(next, +1)
	}
}

func (l *ledger) run(id uuid.UUID) *runChange {
	if l.runs[id] == nil {
		l.runs[id] = &runChange{}
	}
	return l.runs[id]
}

// save writes everything. An ErrConflict from it means that another worker was first, and the whole transaction is decided
// again.
func (l *ledger) save(ctx context.Context, tx *store.Tx) error {
	for _, step := range []func() error{
		func() error { return tx.Release(ctx, l.released, l.now) },
		func() error { return tx.Claim(ctx, slices.Collect(maps.Values(l.claims)), l.now) },
		func() error { return tx.FreeLogins(ctx, l.moved) },
		func() error { return tx.SwitchLinks(ctx, l.resent) },
		func() error { return tx.InsertInvites(ctx, l.inserted) },
		func() error { return tx.InsertSending(ctx, l.w.id, invitesOf(l.atOnce), attemptsOf(l.atOnce), l.now) },
		func() error { return tx.UpdateInvites(ctx, l.updated, l.updatedFrom) },
		func() error { return tx.BeginAttempts(ctx, l.w.id, l.begun, l.now) },
		func() error { return l.appendTold(ctx, tx) },
		// Last, since the rows of runs, which every worker of the lane counts into, are locked from here on.
		func() error { return l.advance(ctx, tx) },
		func() error { return l.saveRuns(ctx, tx) },
		func() error { return l.appendTold(ctx, tx) }, // what has been told of runs, now and then
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// appendTold writes to the outbox what has been told since it last did.
func (l *ledger) appendTold(ctx context.Context, tx *store.Tx) error {
	events := l.outbox[l.appended:]
	l.appended = len(l.outbox)
	return tx.AppendOutbox(ctx, l.w.id, events)
}

// hasDue says whether an invite was written that can leave at once.
func (l *ledger) hasDue() bool {
	due := func(i store.Invite) bool { return i.State == store.Queued && !i.NextAttempt.After(l.now) }
	return slices.ContainsFunc(l.inserted, due) || slices.ContainsFunc(l.updated, due)
}

// observe reports what has been committed.
func (l *ledger) observe() {
	for _, list := range [][]store.Invite{l.inserted, l.updated} {
		for _, i := range list {
			if i.State == store.Queued || i.State == store.Skipped {
				l.w.Observer.Decided(i.Lane, i.Reason)
			}
		}
	}
	for _, j := range l.atOnce {
		l.w.Observer.Decided(j.invite.Lane, "")
	}
}

func (l *ledger) advance(ctx context.Context, tx *store.Tx) error {
	if l.progress == nil {
		return nil
	}
	l.run(l.progress.run.ID) // a run that selects nobody completes as well
	return tx.Advance(ctx, l.progress.run, l.w.id, l.progress.to, l.progress.walked)
}

func (l *ledger) saveRuns(ctx context.Context, tx *store.Tx) error {
	if len(l.runs) == 0 {
		return nil
	}
	runs, err := tx.LockRuns(ctx, slices.Collect(maps.Keys(l.runs)))
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := l.saveRun(ctx, tx, run); err != nil {
			return err
		}
	}
	return nil
}

// saveRun adds to a run's sums, and tells of them: now and then while it goes on, and once when it is complete. A quiet run
// begins to tell when it first changes something.
func (l *ledger) saveRun(ctx context.Context, tx *store.Tx, run store.Run) error {
	change := l.runs[run.ID]
	run.Selected += change.Selected
	run.Sent += change.Sent
	run.Skipped += change.Skipped
	run.Failed += change.Failed
	run.Pending += change.Pending
	run.Quiet = run.Quiet && !change.changed

	var tell events.Type
	switch {
	case !run.CompletedAt.IsZero(): // a replay has changed an outcome of it; that it completed has been told
	case run.Walked && run.Pending == 0:
		run.CompletedAt, tell = l.now, events.RunCompleted
	case l.now.Sub(run.Progressed) >= l.w.ProgressEvery:
		tell = events.RunProgressed
	}
	if run.Quiet {
		tell = ""
	}
	if tell != "" {
		run.Progressed = l.now
		run.Published++
	}
	if err := tx.SaveCounts(ctx, run, change.Counts); err != nil || tell == "" {
		return err
	}
	return l.tellRun(ctx, tx, tell, run)
}

func (l *ledger) tellRun(ctx context.Context, tx *store.Tx, t events.Type, run store.Run) error {
	byReason, err := tx.RunReasons(ctx, run.ID)
	if err != nil {
		return err
	}
	requests, err := tx.LoadRequests(ctx, []uuid.UUID{run.RequestID})
	if err != nil {
		return err
	}
	request := requests[run.RequestID]
	return l.tell(events.RunOutcome(t, events.RunCounts{
		FirmID: run.FirmID, RunID: run.ID, Kind: string(run.Kind), Cause: causeOf(request),
		Selected: run.Selected, Sent: run.Sent, Skipped: run.Skipped, Failed: run.Failed, Pending: run.Pending, TooOld: run.TooOld,
		ByReason: byReason,
	}, run.Published, l.now, traceOf(request)))
}

// tell puts an outcome event into the outbox.
func (l *ledger) tell(e events.Outgoing) error {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return fmt.Errorf("encode %s: %w", e.Type, err)
	}
	l.outbox = append(l.outbox, store.Outbound{
		Subject: e.Subject, Type: string(e.Type), EventID: e.ID, Time: e.Time, About: e.About,
		TraceParent: e.Trace.Parent, TraceState: e.Trace.State, Data: data,
	})
	return nil
}
