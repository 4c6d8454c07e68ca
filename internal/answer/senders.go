package answer

import "portal-invites/internal/mail"

// fromName is the name that readers see in From of a firm's mails. If the firm's sender is unknown, nobody knows yet
// what is behind the firm's name.
func (a *Answers) fromName(firm, sender string) string {
	return mail.SenderName(firm, a.Ledger.Senders[sender])
}
