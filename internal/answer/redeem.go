package answer

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Redemption is what a link leads to.
type Redemption string

// The redemptions.
const (
	LinkOpened   Redemption = "opened"
	LinkExpired  Redemption = "expired"
	LinkReplaced Redemption = "replaced" // a newer mail has another link
	LinkRemoved  Redemption = "removed"  // the access was taken away
	LinkInvalid  Redemption = "invalid"  // not a link of ours, or not of this firm
)

// Redeemed is a link that was opened, or would be: whose it is, and what it leads to. Only with LinkOpened is there more than
// the Result.
type Redeemed struct {
	Result     Redemption
	First      bool // the access was invited until now
	Invite     store.Invite
	Login      string // normal form
	ClientName string
}

// Redeem opens a link. The first redeeming makes the access active and tells of it, in one transaction; any later one finds it
// so, and counts as the newest login. The token is checked before anything is looked up, in constant time.
func (a *Answers) Redeem(ctx context.Context, firm, token string) (Redeemed, error) {
	id, nonce, err := a.Keys.Open(token)
	if err != nil {
		return Redeemed{Result: LinkInvalid}, nil //nolint:nilerr // an answer, not a failure
	}
	var redeemed Redeemed
	err = a.Ledger.Commit(ctx, func(tx *ledger.Tx) (err error) {
		redeemed, err = opened(ctx, tx.Tx, tx.LockAccess, firm, id, nonce, tx.Now)
		if err != nil || redeemed.Result != LinkOpened {
			return err
		}
		if err := arriveByLink(ctx, tx, redeemed.Invite); err != nil {
			return err
		}
		key := rules.AccessKey{FirmID: firm, ClientID: redeemed.Invite.ClientID, Person: redeemed.Invite.Person}
		if !redeemed.First {
			return tx.NoteLogin(ctx, key, tx.Now)
		}
		change, err := tx.Activate(ctx, key, tx.Now)
		if err != nil {
			return err
		}
		return tx.ReportAccepted(ctx, []store.AccessChange{change})
	})
	if err != nil {
		return Redeemed{}, err
	}
	return redeemed, nil
}

// arriveByLink ends the hold of an invite whose link somebody has followed: the mail is there. It is written before whatever the
// link does, since only then is the link of a held resend the valid one.
func arriveByLink(ctx context.Context, tx *ledger.Tx, invite store.Invite) error {
	if !invite.Held() {
		return nil
	}
	held, err := tx.StillHeld(ctx, []store.HeldInvite{{Invite: invite}})
	if err != nil {
		return err
	}
	if err := tx.Arrived(ctx, held, byLink); err != nil {
		return err
	}
	return tx.Flush(ctx)
}

// Peek says what Redeem would answer now, and changes nothing: First is whether it would be the first time.
func (a *Answers) Peek(ctx context.Context, firm, token string) (Redeemed, error) {
	id, nonce, err := a.Keys.Open(token)
	if err != nil {
		return Redeemed{Result: LinkInvalid}, nil //nolint:nilerr // an answer, not a failure
	}
	var redeemed Redeemed
	err = a.store().Read(ctx, func(tx *store.Tx) (err error) {
		redeemed, err = opened(ctx, tx, tx.FindAccess, firm, id, nonce, a.Ledger.Now())
		return err
	})
	return redeemed, err
}

// opened is what the link of an invite leads to, by the access as find reads it.
func opened(ctx context.Context, tx *store.Tx, find func(context.Context, rules.AccessKey) (*rules.Access, error),
	firm string, id uuid.UUID, nonce int64, now time.Time,
) (Redeemed, error) {
	invite, err := tx.FindInvite(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && invite.FirmID != firm {
		return Redeemed{Result: LinkInvalid}, nil
	}
	if err != nil {
		return Redeemed{}, err
	}
	access, err := find(ctx, rules.AccessKey{FirmID: firm, ClientID: invite.ClientID, Person: invite.Person})
	if err != nil {
		return Redeemed{}, err
	}
	if result := whatLinkIs(invite, nonce, access, now); result != LinkOpened {
		return Redeemed{Result: result}, nil
	}
	name, err := tx.ClientName(ctx, firm, invite.ClientID)
	return Redeemed{
		Result: LinkOpened, First: access.State != rules.Active, Invite: invite, Login: access.Email, ClientName: name,
	}, err
}

// whatLinkIs tells the ends of a link apart, by the access it leads to. What was taken away comes first, and what is over
// next: a person is told to look for a newer mail only where that mail would help. Access without an invite id was granted after
// its link had been revoked. A resend that is held replaces the link before it as soon as somebody follows its own: then its
// mail has arrived.
func whatLinkIs(invite store.Invite, nonce int64, access *rules.Access, now time.Time) Redemption {
	switch {
	case access == nil || access.State == rules.Removed || access.InviteID == "":
		return LinkRemoved
	case access.StateAt(now) == rules.Expired:
		return LinkExpired
	case invite.Nonce != nonce, access.InviteID != invite.ID.String() && (invite.Kind != rules.Resend || !invite.Held()):
		return LinkReplaced
	case !now.Before(invite.ExpiresAt): // in use, and too old a mail to log in by
		return LinkExpired
	default:
		return LinkOpened
	}
}
