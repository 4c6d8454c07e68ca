package ledger

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Tx collects what one transaction decides, and writes it together. It lives for one try of one transaction, and belongs to the
// goroutine that fills it.
type Tx struct {
	*store.Tx
	Now  time.Time // one for all that the transaction decides, as Postgres keeps it
	Book *rules.Book

	ledger *Ledger
	entries
	room int // how many of the invites that are decided may begin to be sent at once

	// What [Ledger.Commit] reports.
	decided       []decided
	due           bool // an invite was written that can leave at once
	wroteOutcomes bool
}

// entries are what is to be written by the next flush.
type entries struct {
	inserted     []store.Invite
	updated      []store.Invite
	updatedFrom  []store.Invite // as they were read, beside updated
	released     []store.Invite // whose access ends unused
	resent       []store.Invite // whose link is the valid one from now on
	reservations map[rules.AccessKey]store.Reservation
	moved        []store.ReservedLogin // left behind by a person whose email has changed
	outbox       []store.Outbound
	appended     int // of outbox: how many have been written
	runs         map[uuid.UUID]*runChange
	progress     *Progress       // of the run that is being walked
	begun        []store.Attempt // of the invites that are about to be sent
	sendNow      []Job           // those that begin to be sent by the transaction that decides them
}

type decided struct {
	lane   store.Lane
	reason rules.Code
}

func (l *Ledger) newTx(tx *store.Tx) *Tx {
	return &Tx{Tx: tx, Now: l.Now().UTC().Truncate(time.Microsecond), ledger: l, entries: noEntries()}
}

func noEntries() entries {
	return entries{reservations: map[rules.AccessKey]store.Reservation{}, runs: map[uuid.UUID]*runChange{}}
}

// Flush writes what has been entered. [Ledger.Commit] does it at the end; call it before, where what follows must find the
// rows. A [store.ErrConflict] means that another worker was first: the whole transaction is decided again.
func (t *Tx) Flush(ctx context.Context) error {
	worker := t.ledger.Worker
	for _, step := range []func() error{
		func() error { return t.Release(ctx, t.released, t.Now) },
		func() error { return t.Reserve(ctx, slices.Collect(maps.Values(t.reservations)), t.Now) },
		func() error { return t.FreeLogins(ctx, t.moved) },
		func() error { return t.SwitchLinks(ctx, t.resent) },
		func() error { return t.InsertInvites(ctx, t.inserted) },
		func() error { return t.InsertSending(ctx, worker, invitesOf(t.sendNow), attemptsOf(t.sendNow), t.Now) },
		func() error { return t.UpdateInvites(ctx, t.updated, t.updatedFrom) },
		func() error { return t.BeginAttempts(ctx, worker, t.begun, t.Now) },
		func() error { return t.appendOutcomes(ctx) },
		// Last, since the rows of runs, which every worker of the lane counts into, are locked from here on.
		func() error { return t.advanceRun(ctx) },
		func() error { return t.saveRuns(ctx) },
		func() error { return t.appendOutcomes(ctx) }, // what has been told of runs, now and then
	} {
		if err := step(); err != nil {
			return err
		}
	}
	t.note()
	t.entries = noEntries()
	return nil
}

// appendOutcomes writes to the outbox what has been told since it last did.
func (t *Tx) appendOutcomes(ctx context.Context) error {
	outcomes := t.outbox[t.appended:]
	t.appended = len(t.outbox)
	return t.AppendOutbox(ctx, t.ledger.Worker, outcomes)
}

// note remembers what is to be reported once the transaction has committed.
func (t *Tx) note() {
	for _, list := range [][]store.Invite{t.inserted, t.updated} {
		for i := range list {
			invite := &list[i]
			if invite.State == store.Queued || invite.State == store.Skipped {
				t.decided = append(t.decided, decided{invite.Lane, invite.Reason})
			}
			t.due = t.due || invite.State == store.Queued && !invite.NextAttempt.After(t.Now)
		}
	}
	for _, j := range t.sendNow {
		t.decided = append(t.decided, decided{j.Invite.Lane, ""})
	}
	t.wroteOutcomes = t.wroteOutcomes || len(t.outbox) > 0
}

// write enters an invite as it is to be. UpdateInvites refuses it if it is not on record any more as before says.
func (t *Tx) write(before, next store.Invite) {
	if before.State == "" {
		t.inserted = append(t.inserted, next)
		return
	}
	t.updated, t.updatedFrom = append(t.updated, next), append(t.updatedFrom, before)
}
