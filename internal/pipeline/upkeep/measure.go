package upkeep

import (
	"context"
	"time"

	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// measureEvery is how old the reported backlog may be.
const measureEvery = 15 * time.Second

// backlogWatch reports the lane's backlog to the observer. Its loop owns it.
type backlogWatch struct {
	Config
	unknown map[string]bool // senders that the log has called unknown
}

// measure reports the backlog of each sender that is configured. Others are unknown, and nobody sends their mails.
func (w *backlogWatch) measure(ctx context.Context) (bool, error) {
	backlogs, err := w.Ledger.Store.Backlogs(ctx, w.Lane, w.Ledger.Now())
	if err != nil {
		return false, err
	}
	waiting := map[string]store.Backlog{}
	var known, unknown []store.Backlog
	for _, b := range backlogs {
		waiting[b.Sender] = b
		if !w.Ledger.Knows(b.Sender) {
			unknown = append(unknown, b)
		}
	}
	for sender := range w.Ledger.Senders {
		b := waiting[sender]
		b.Sender = sender
		known = append(known, b)
	}
	w.Observer.Queued(w.Lane, known, unknown)
	w.logUnknown(unknown)
	paused, err := w.Ledger.Store.CountPaused(ctx)
	if err != nil {
		return false, err
	}
	w.Observer.Paused(paused)
	loop.Wait(ctx, nil, measureEvery)
	return true, nil
}

// logUnknown says once which unknown senders mails wait for.
func (w *backlogWatch) logUnknown(unknown []store.Backlog) {
	before := w.unknown
	w.unknown = map[string]bool{}
	for _, b := range unknown {
		w.unknown[b.Sender] = true
		if !before[b.Sender] {
			w.Log.Error().Str("reason", "sender_unknown").Str("sender", b.Sender).Int("mails", b.Length).
				Msg("mails wait for a sender that SMTP_SENDERS does not name; add it there and restart the workers, " +
					"or let the firm name another one; no other sender sends them")
		}
	}
}
