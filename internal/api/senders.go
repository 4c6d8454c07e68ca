package api

import (
	"context"

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

// postponedInvite is why an invite's mail waits.
func (s *server) postponedInvite(i store.Invite, pause store.Pause) rules.Postponement {
	if i.State != store.Queued {
		return ""
	}
	return s.postponed(i.Sender, pause)
}
