package upkeep

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/identity"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

const (
	remindBatch = 200
	remindEvery = 5 * time.Second
)

// remind resends invites that have not been used, if the firm asks for reminders. A reminder is a resend like any
// other, under the same rules; its cause is a request of our own. Thousands of reminders may be due at once, so they
// leave by the bulk lane, and only its worker makes them (ADR 136).
func (c Config) remind(ctx context.Context) (bool, error) {
	reminded, err := c.Remind(ctx)
	if err == nil && reminded < remindBatch {
		loop.Wait(ctx, nil, remindEvery)
	}
	return true, err
}

// Remind makes the reminders that are due, up to a batch, and returns their number.
func (c Config) Remind(ctx context.Context) (reminded int, err error) {
	err = c.Ledger.Commit(ctx, func(tx *ledger.Tx) error {
		due, err := tx.RemindersDue(ctx, tx.Now, remindBatch)
		if err != nil || len(due) == 0 {
			return err
		}
		reminded = len(due)
		return remindAll(ctx, tx, due)
	})
	return reminded, err
}

// remindAll records and decides the requests for due reminders.
func remindAll(ctx context.Context, tx *ledger.Tx, due []store.Reminder) error {
	invites := make([]store.Invite, len(due))
	for i, r := range due {
		invites[i] = r.Invite
	}
	originals, err := ledger.CandidatesOf(ctx, tx.Tx, invites)
	if err != nil {
		return err
	}
	times, err := remindedAt(ctx, tx, due)
	if err != nil {
		return err
	}
	says := make([]events.Reminder, len(due))
	for i, r := range due {
		says[i].Expiring = r.ExpiresAt.Sub(tx.Now) <= expiresSoon
	}
	reminders, err := requestsFor(originals, due, says, times)
	if err != nil {
		return err
	}
	together, others, err := tx.Together(ctx, reminders)
	if err != nil {
		return err
	}
	for i := range says {
		says[i].Together = others[i]
	}
	if reminders, err = requestsFor(originals, due, says, times); err != nil { // now they say whom they name
		return err
	}
	candidates, _, err := tx.Record(ctx, reminders)
	if err != nil {
		return err
	}
	for i := range candidates {
		if invite := &candidates[i].Invite; invite.State == "" {
			invite.Lane = store.BulkLane
		}
		candidates[i].Ask.Together = together[i] // each reminder has one recipient
	}
	return tx.DecideAll(ctx, candidates)
}

// expiresSoon is how long before the end of a link its reminder says so.
const expiresSoon = 3 * 24 * time.Hour

// requestsFor makes the requests for reminders of invites.
func requestsFor(
	originals []ledger.Candidate, due []store.Reminder, says []events.Reminder, times []time.Time,
) ([]ledger.Request, error) {
	reminders := make([]ledger.Request, len(originals))
	for i, original := range originals {
		reminder, err := reminderOf(original, due[i].Number, says[i], times[i])
		if err != nil {
			return nil, err
		}
		if reminders[i], err = ledger.NewRequestAt(original.Request.At, reminder); err != nil {
			return nil, err
		}
	}
	return reminders, nil
}

func remindedAt(ctx context.Context, tx *ledger.Tx, due []store.Reminder) ([]time.Time, error) {
	ids := make([]string, len(due))
	for i, r := range due {
		ids[i] = ledger.ReminderID(r.Invite, r.Number)
	}
	return requestedAt(ctx, tx, ids)
}

// requestedAt returns when requests of our own are made: now. After a restored past, a mail may have been sent already,
// and its outcome was recovered. Then its request comes again with the time that it had, so that it finds the outcome.
func requestedAt(ctx context.Context, tx *ledger.Tx, ids []string) ([]time.Time, error) {
	sent, err := tx.RecoveredOf(ctx, ids)
	times := make([]time.Time, len(ids))
	for i, id := range ids {
		times[i] = tx.Now
		if invite, wasSent := sent[id]; wasSent {
			times[i] = identity.TimeOf(invite)
		}
	}
	return times, err
}

// reminderOf makes the request for a reminder of an invite, in the name of the person who asked for the invite.
func reminderOf(
	original ledger.Candidate, number int, says events.Reminder, now time.Time,
) (events.Event, error) {
	data, err := requestAbout(original)
	if err != nil {
		return events.Event{}, err
	}
	raw, err := events.WithReminder(*data, says)
	if err != nil {
		return events.Event{}, err
	}
	e := ownEvent(original, events.InviteResendRequested, ledger.ReminderID(original.Invite, number), now)
	e.Data, e.Raw = data, raw
	return e, nil
}

// requestAbout names the recipient of an invite, in a request by the person who asked for the invite.
func requestAbout(original ledger.Candidate) (*events.Request, error) {
	var by struct {
		RequestedBy string `json:"requested_by"`
	}
	if err := json.Unmarshal(original.Request.Data, &by); err != nil {
		return nil, fmt.Errorf("read request %s: %w", original.Request.ID, err)
	}
	recipient := events.Recipient{ContactID: ledger.ContactOf(original.Invite)}
	if recipient.ContactID == "" {
		recipient.Email, recipient.Name = original.Invite.AddedEmail, original.Invite.AddedName
	}
	return &events.Request{
		ClientID: original.Invite.ClientID, Recipients: []events.Recipient{recipient}, RequestedBy: by.RequestedBy,
	}, nil
}

// ownEvent is an event of the pipeline itself that follows from an invite. It has no data yet.
func ownEvent(original ledger.Candidate, typ events.Type, id string, now time.Time) events.Event {
	return events.Event{
		Firm: original.Request.FirmID, Type: typ, Source: events.OutcomeSource, ID: id, Time: now,
		Trace: events.Trace{Parent: original.Request.TraceParent, State: original.Request.TraceState},
	}
}
