package api

import (
	"context"
	"time"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// senderOf is the sender that a firm names, and why the firm's mails wait, if they do.
func (s *server) senderOf(ctx context.Context, firm string) (sender string, postponed rules.Postponement, err error) {
	named, err := s.Reads.SendersOf(ctx, []string{firm})
	if err != nil {
		return "", "", err
	}
	pause, err := s.Reads.PauseOf(ctx, firm)
	switch {
	case err != nil:
	case pause.Paused:
		postponed = rules.FirmPaused
	case !s.Answers.Ledger.Knows(named[firm]):
		postponed = rules.SenderUnknown
	}
	return named[firm], postponed, err
}

// mayWait is what a firm's mails may wait for.
type mayWait struct {
	pauses []store.Pause // that last
	hours  store.SendHours
}

func (s *server) waitsOf(ctx context.Context, firm string) (w mayWait, err error) {
	if w.pauses, err = s.Reads.PausesOf(ctx, firm); err != nil {
		return w, err
	}
	w.hours, err = s.Reads.HoursOf(ctx, firm)
	return w, err
}

// pauseOf is the pause that holds a lane; nil if none does. The firm's own comes before that of the lane.
func (w mayWait) pauseOf(lane store.Lane) *store.Pause {
	for i, p := range w.pauses {
		if p.Holds(lane) {
			return &w.pauses[i]
		}
	}
	return nil
}

// postponement is why an invite's mail waits, and until when, if that is known.
type postponement struct {
	why   rules.Postponement
	until time.Time
}

// postponedInvite is why the mail of a status' invite waits.
func (s *server) postponedInvite(found store.Status, w mayWait, now time.Time) postponement {
	i := found.Invite
	switch {
	case i == nil || i.State != store.Queued:
		return postponement{}
	case w.pauseOf(i.Lane) != nil:
		return postponement{why: rules.FirmPaused}
	case found.RunPause != nil:
		return postponement{why: rules.RunPaused}
	case !s.Answers.Ledger.Knows(i.Sender):
		return postponement{why: rules.SenderUnknown}
	default:
		return outsideHours(i.Lane, w.hours, now)
	}
}

// outsideHours says whether the mails of a lane wait for the firm's hours.
func outsideHours(lane store.Lane, hours store.SendHours, now time.Time) postponement {
	if until := hours.WaitsUntil(now); lane == store.BulkLane && !until.IsZero() {
		return postponement{rules.OutsideHours, until}
	}
	return postponement{}
}
