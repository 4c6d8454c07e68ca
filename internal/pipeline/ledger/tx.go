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

// Tx collects what one transaction decides, and writes it together. It is used for one try of one transaction, and the
// goroutine that fills it owns it.
type Tx struct {
	*store.Tx
	Now  time.Time // the time of everything that the transaction decides, in microseconds as in Postgres
	Book *rules.Book

	ledger *Ledger
	entries
	counts Counts         // what mails count against
	room   Room           // how many of the new invites the transaction may begin to send
	shares map[string]int // how many of room each firm has left

	// What [Ledger.Commit] reports.
	decided       []decided
	reports       []countedReport
	due           []string // the senders of invites that are due and were written
	wroteOutcomes bool
}

// entries is what the next flush writes.
type entries struct {
	inserted     []store.Invite
	updated      []store.Invite
	updatedFrom  []store.Invite // the invites in updated, as they were read
	released     []store.Invite // invites whose access ends unused
	overtaken    []uuid.UUID    // invites in runs that an individual invite overtakes
	resent       []store.Invite // resends whose link is the valid one from now on
	reservations map[rules.AccessKey]store.Reservation
	moved        []store.ReservedLogin // old logins of people whose email has changed
	outbox       []store.Outbound
	appended     int // how many events of outbox have been written
	runs         map[uuid.UUID]*runChange
	progress     *Progress       // of the run that is walked
	begun        []store.Attempt // attempts at queued invites
	sendNow      []Job           // new invites that this transaction begins to send (ADR 53)
	// What follows from outcomes that were recovered (ADR 107).
	recoveredAttempts []store.RecoveredAttempt
	recoveredReports  []store.MailReport
	recoveredDeclines []store.Decline
	leftOut           []Candidate // recipients who were erased before (ADR 171)
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

// Flush writes the entries. [Ledger.Commit] calls it at the end. Call it before that if a later step must find the
// rows. A [store.ErrConflict] means that another worker was first. Then the whole transaction is decided again (ADR 5).
func (t *Tx) Flush(ctx context.Context) error {
	worker := t.ledger.Worker
	for _, step := range []func() error{
		func() error { return t.LockWaiting(ctx, t.overtaken) }, // before accesses, as a claim does
		func() error { return t.Reserve(ctx, slices.Collect(maps.Values(t.reservations)), t.Now) },
		// This changes the versions of accesses, so it comes after the reservations, which have read them.
		func() error { return t.Release(ctx, t.released, t.Now) },
		func() error { return t.FreeLogins(ctx, t.moved) },
		func() error { return t.SwitchLinks(ctx, t.resent) },
		func() error { return t.InsertInvites(ctx, t.inserted) },
		func() error { return t.InsertSending(ctx, worker, invitesOf(t.sendNow), attemptsOf(t.sendNow), t.Now) },
		func() error { return t.UpdateInvites(ctx, t.updated, t.updatedFrom) },
		func() error { return t.BeginAttempts(ctx, worker, t.begun, t.Now) },
		func() error { return t.saveCounts(ctx) }, // behind invites: a claim locks those first
		func() error { return t.RecordRecovered(ctx, worker, t.recoveredAttempts) },
		func() error { return t.RecoverReports(ctx, t.recoveredReports) },
		func() error {
			_, err := t.Tx.Decline(ctx, t.recoveredDeclines)
			return err
		},
		func() error { return t.appendOutcomes(ctx) },
		// Runs come last (ADR 55): every worker of the lane adds to their rows, which are locked from here on.
		func() error { return t.advanceRun(ctx) },
		func() error { return t.saveRuns(ctx) },
		func() error { return t.appendOutcomes(ctx) }, // the outcomes of runs
		func() error { return t.redactNew(ctx) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	t.note()
	t.entries = noEntries()
	return nil
}

// appendOutcomes writes to the outbox the outcomes that were reported since the last call.
func (t *Tx) appendOutcomes(ctx context.Context) error {
	outcomes := t.outbox[t.appended:]
	t.appended = len(t.outbox)
	return t.AppendOutbox(ctx, t.ledger.Worker, outcomes)
}

// note keeps what [Ledger.Commit] reports once the transaction has committed.
func (t *Tx) note() {
	for _, list := range [][]store.Invite{t.inserted, t.updated} {
		for i := range list {
			invite := &list[i]
			if invite.State == store.Queued || invite.State == store.Skipped {
				t.decided = append(t.decided, decided{invite.Lane, invite.Reason})
			}
			if invite.State == store.Queued && !invite.NextAttempt.After(t.Now) && !slices.Contains(t.due, invite.Sender) {
				t.due = append(t.due, invite.Sender)
			}
		}
	}
	for _, j := range t.sendNow {
		t.decided = append(t.decided, decided{j.Invite.Lane, ""})
	}
	t.wroteOutcomes = t.wroteOutcomes || len(t.outbox) > 0
}

// write enters the next state of an invite. UpdateInvites refuses it if the stored invite differs from before by then.
func (t *Tx) write(before, next store.Invite) {
	if before.State == "" {
		t.inserted = append(t.inserted, next)
		return
	}
	t.updated, t.updatedFrom = append(t.updated, next), append(t.updatedFrom, before)
}
