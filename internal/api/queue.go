package api

import (
	"context"
	"maps"
	"slices"
	"time"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

func (s *server) queue(ctx context.Context, firm string, _ QueueRequest) (QueueAnswer, error) {
	var waiting []store.Waiting
	known := slices.Collect(maps.Keys(s.Answers.Ledger.Senders))
	err := s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
		waiting, err = tx.Waiting(ctx, firm, known)
		return err
	})
	if err != nil {
		return QueueAnswer{}, err
	}
	answer := QueueAnswer{Lanes: []QueuedLane{{Lane: string(store.IndividualLane)}, {Lane: string(store.BulkLane)}}}
	if answer.Sender, answer.Postponed, err = s.senderOf(ctx, firm); err != nil {
		return QueueAnswer{}, err
	}
	pause, err := s.Reads.PauseOf(ctx, firm)
	if err != nil {
		return QueueAnswer{}, err
	}
	if pause.Paused {
		shown := pauseOf(pause)
		answer.Pause = &shown
	}
	hours, err := s.Reads.HoursOf(ctx, firm)
	if err != nil {
		return QueueAnswer{}, err
	}
	most, rate, err := s.Answers.RateOf(ctx, firm)
	if err != nil {
		return QueueAnswer{}, err
	}
	now := s.Answers.Ledger.Now()
	for _, w := range waiting {
		for i := range answer.Lanes {
			if answer.Lanes[i].Lane != string(w.Lane) {
				continue
			}
			lane := queuedLane(w)
			late := outsideHours(w.Lane, hours, now)
			lane.Postponed, lane.PostponedUntil = late.why, utc(late.until)
			if late.why == "" {
				lane.sayRate(w, rate, most, now)
			}
			answer.Lanes[i] = lane
		}
	}
	return answer, nil
}

// sayRate says until when a lane's mails wait because the firm has sent as many in an hour as it may.
func (l *QueuedLane) sayRate(w store.Waiting, rate rules.FirmRate, most int, now time.Time) {
	isBulk, n := w.Lane == store.BulkLane, w.Queued-w.Held-w.Unknown
	last := rate.LastAt(isBulk, n, most, now)
	if !last.After(now) {
		return
	}
	l.Postponed, l.LastLeavesAt, l.PostponedUntil = rules.OverFirmRate, utc(last), utc(now)
	if next := rate.FreeAt(isBulk, most, now); !next.IsZero() {
		l.PostponedUntil = utc(next)
	}
}

func queuedLane(w store.Waiting) QueuedLane {
	lane := QueuedLane{
		Lane: string(w.Lane), Queued: w.Queued, Sending: w.Sending, Retrying: w.Retrying, Held: w.Held,
		SenderUnknown: w.Unknown,
		OldestAt:      utc(w.Oldest), NextAttempt: utc(w.Next),
	}
	if w.Retrying > 0 {
		lane.LastAttempt = &attemptLog([]store.AttemptTimes{w.Last})[0]
	}
	return lane
}
