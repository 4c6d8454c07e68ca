package api

import (
	"context"
	"maps"
	"slices"

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
	now := s.Answers.Ledger.Now()
	for _, w := range waiting {
		for i := range answer.Lanes {
			if answer.Lanes[i].Lane == string(w.Lane) {
				answer.Lanes[i] = queuedLane(w)
				late := outsideHours(w.Lane, hours, now)
				answer.Lanes[i].Postponed, answer.Lanes[i].PostponedUntil = late.why, utc(late.until)
			}
		}
	}
	return answer, nil
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
