package api

import (
	"context"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// senderOf is the sender that a firm names, and whether its mails wait because of it.
func (s *server) senderOf(ctx context.Context, firm string) (sender string, postponed rules.Postponement, err error) {
	named, err := s.Reads.SendersOf(ctx, []string{firm})
	return named[firm], s.postponed(named[firm]), err
}

// postponed is why the mails of a sender wait; "" if they do not.
func (s *server) postponed(sender string) rules.Postponement {
	if s.Answers.Ledger.Knows(sender) {
		return ""
	}
	return rules.SenderUnknown
}

// postponedInvite is why an invite's mail waits.
func (s *server) postponedInvite(i store.Invite) rules.Postponement {
	if i.State != store.Queued {
		return ""
	}
	return s.postponed(i.Sender)
}
