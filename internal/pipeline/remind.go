package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

const (
	remindBatch = 200
	remindEvery = 5 * time.Second
)

// remind resends invites that nobody has used, where the firm asks for it: a resend like any other, with a cause of our own
// and the same rules.
func (w *Worker) remind(ctx context.Context) (bool, error) {
	reminded := 0
	err := w.commit(ctx, func(tx *store.Tx, l *ledger) error {
		due, err := tx.RemindersDue(ctx, l.now, remindBatch)
		if err != nil || len(due) == 0 {
			return err
		}
		reminded = len(due)
		return w.remindAll(ctx, tx, l, due)
	})
	if err == nil && reminded < remindBatch {
		wait(ctx, nil, remindEvery)
	}
	return true, err
}

func (w *Worker) remindAll(ctx context.Context, tx *store.Tx, l *ledger, due []store.Reminder) error {
	invites := make([]store.Invite, len(due))
	for i, r := range due {
		invites[i] = r.Invite
	}
	originals, err := w.asked(ctx, tx, invites)
	if err != nil {
		return err
	}
	reminders := make([]naming, len(originals))
	for i, original := range originals {
		reminder, err := reminderOf(original, due[i].Number, l.now)
		if err != nil {
			return err
		}
		request := requestOf(reminder)
		request.At = original.request.At
		if reminders[i], err = nameIn(request, reminder); err != nil {
			return err
		}
	}
	candidates, _, err := putOnRecord(ctx, tx, reminders)
	if err != nil {
		return err
	}
	return l.decideAll(ctx, tx, candidates)
}

// reminderOf is the request that reminds of an invite, in the name of whoever invited.
func reminderOf(original candidate, number int, now time.Time) (events.Event, error) {
	var by struct {
		RequestedBy string `json:"requested_by"`
	}
	if err := json.Unmarshal(original.request.Data, &by); err != nil {
		return events.Event{}, fmt.Errorf("read request %s: %w", original.request.ID, err)
	}
	recipient := events.Recipient{ContactID: contactOf(original.invite)}
	if recipient.ContactID == "" {
		recipient.Email, recipient.Name = original.invite.AddedEmail, original.invite.AddedName
	}
	data := &events.Request{
		ClientID: original.invite.ClientID, Recipients: []events.Recipient{recipient}, RequestedBy: by.RequestedBy,
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return events.Event{}, fmt.Errorf("encode a reminder: %w", err)
	}
	return events.Event{
		Firm: original.request.FirmID, Type: events.InviteResendRequested, Source: events.OutcomeSource,
		ID: fmt.Sprintf("reminder/%s/%d", original.invite.ID, number), Time: now, Trace: traceOf(original.request), Data: data, Raw: raw,
	}, nil
}
