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
	var paused []store.Run
	known := slices.Collect(maps.Keys(s.Answers.Ledger.Senders))
	err := s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
		if waiting, err = tx.Waiting(ctx, firm, known); err != nil {
			return err
		}
		paused, err = tx.PausedRuns(ctx, firm, MaxLimit)
		return err
	})
	if err != nil {
		return QueueAnswer{}, err
	}
	answer := QueueAnswer{Lanes: []QueuedLane{{Lane: string(store.IndividualLane)}, {Lane: string(store.BulkLane)}}}
	if answer.Sender, answer.Postponed, err = s.senderOf(ctx, firm); err != nil {
		return QueueAnswer{}, err
	}
	waits, err := s.waitsOf(ctx, firm)
	if err != nil {
		return QueueAnswer{}, err
	}
	answer.sayPaused(waits, paused)
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
			lane.Pause, lane.Postponed = answer.Lanes[i].Pause, answer.Lanes[i].Postponed
			if lane.Pause == nil {
				late := outsideHours(w.Lane, waits.hours, now)
				lane.Postponed, lane.PostponedUntil = late.why, utc(late.until)
			}
			if lane.Postponed == "" {
				lane.sayRate(w, rate, most, now)
			}
			answer.Lanes[i] = lane
		}
	}
	return answer, nil
}

// sayPaused says which pauses of the firm, of its lanes and of its runs last.
func (a *QueueAnswer) sayPaused(w mayWait, runs []store.Run) {
	for _, p := range w.pauses {
		if p.Lane == "" {
			shown := pauseOf(p)
			a.Pause = &shown
			continue
		}
		for i := range a.Lanes {
			if a.Lanes[i].Lane == string(p.Lane) {
				a.Lanes[i].Pause = &LanePause{Since: utc(p.At), By: p.By, Reason: p.Reason}
				a.Lanes[i].Postponed = rules.FirmPaused
			}
		}
	}
	for _, r := range runs {
		a.PausedRuns = append(a.PausedRuns, PausedRun{
			RunID: r.ID, At: utc(r.PausedAt), By: r.PausedBy, Reason: r.PausedBecause, Pending: r.Pending,
		})
	}
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
		Lane: string(w.Lane), Queued: w.Queued, Sending: w.Sending, Retrying: w.Retrying, Held: w.Held, RunPaused: w.Paused,
		SenderUnknown: w.Unknown,
		OldestAt:      utc(w.Oldest), NextAttempt: utc(w.Next),
	}
	if w.Retrying > 0 {
		lane.LastAttempt = &attemptLog([]store.AttemptTimes{w.Last})[0]
	}
	return lane
}
