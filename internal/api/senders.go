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
	return named[firm], s.postponed(named[firm], pause), err
}

// postponed is why the mails wait that a firm's sender has to send; "" if they do not.
func (s *server) postponed(sender string, pause store.Pause) rules.Postponement {
	switch {
	case pause.Paused:
		return rules.FirmPaused
	case !s.Answers.Ledger.Knows(sender):
		return rules.SenderUnknown
	default:
		return ""
	}
}

// waitsOf reads what a firm's mails may wait for.
func (s *server) waitsOf(ctx context.Context, firm string) (pause store.Pause, hours store.SendHours, err error) {
	if pause, err = s.Reads.PauseOf(ctx, firm); err != nil {
		return pause, hours, err
	}
	hours, err = s.Reads.HoursOf(ctx, firm)
	return pause, hours, err
}

// postponement is why an invite's mail waits, and until when, if that is known.
type postponement struct {
	why   rules.Postponement
	until time.Time
}

// postponedInvite is why an invite's mail waits.
func (s *server) postponedInvite(i store.Invite, pause store.Pause, hours store.SendHours, now time.Time) postponement {
	if i.State != store.Queued {
		return postponement{}
	}
	if why := s.postponed(i.Sender, pause); why != "" {
		return postponement{why: why}
	}
	return outsideHours(i.Lane, hours, now)
}

// outsideHours says whether the mails of a lane wait for the firm's hours.
func outsideHours(lane store.Lane, hours store.SendHours, now time.Time) postponement {
	if until := hours.WaitsUntil(now); lane == store.BulkLane && !until.IsZero() {
		return postponement{rules.OutsideHours, until}
	}
	return postponement{}
}
