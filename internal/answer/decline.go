package answer

import (
	"context"
	"errors"

	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Declining is what a link says that its mail was not meant for its reader.
type Declining struct {
	Known bool // we made the link, for this firm
	Ended bool // a pending invite has ended
}

// Decline enters that the mail with a link was not meant for its reader (ADR 154). A link that was replaced, or has
// expired, declines as well. oneClick is a mail program's, which stops bulk mails and reminders only.
func (a *Answers) Decline(ctx context.Context, firm, token string, oneClick bool) (Declining, error) {
	id, nonce, err := a.Keys.Open(token)
	if err != nil {
		return Declining{}, nil //nolint:nilerr // an answer, not a failure
	}
	var declining Declining
	err = a.Ledger.Commit(ctx, func(tx *ledger.Tx) error {
		declining = Declining{}
		invite, err := tx.FindInvite(ctx, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && invite.FirmID != firm {
			return nil
		}
		if err != nil {
			return err
		}
		email, err := tx.MailedTo(ctx, id, mail.LocalOf(id, nonce))
		if err != nil || email == "" {
			return err
		}
		access, err := tx.LockAccess(ctx, rules.AccessKey{
			FirmID: firm, ClientID: invite.ClientID, Person: invite.Person,
		})
		if err != nil {
			return err
		}
		if invite.Nonce == nonce {
			if err := arriveByLink(ctx, tx, invite); err != nil {
				return err
			}
		}
		declining.Known = true
		declining.Ended, err = tx.Decline(ctx, invite, email, access, oneClick)
		return err
	})
	return declining, err
}
