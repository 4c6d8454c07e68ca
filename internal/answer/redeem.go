package answer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/address"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Redemption is what a link leads to.
type Redemption string

// The redemptions.
const (
	LinkOpened    Redemption = "opened"
	LinkExpired   Redemption = "expired"
	LinkReplaced  Redemption = "replaced"  // a newer mail has left, and has another link
	LinkSuspended Redemption = "suspended" // the client is archived, or no longer lists the contact
	LinkRemoved   Redemption = "removed"   // the access was taken away
	LinkInvalid   Redemption = "invalid"   // we did not make the link, or not for this firm

	// LinkOfOther is a link that opens, but not for the person who is logged in.
	LinkOfOther Redemption = "other_person"
)

// Redeemed is what a link leads to.
type Redeemed struct {
	Result Redemption
	Newest Newest // only if Result is LinkReplaced

	// Only if Result is LinkOpened or LinkOfOther.
	First      bool // the access was invited until now
	Invite     store.Invite
	Login      string // normal form
	ClientName string
	As         store.Identity // of LinkOfOther: who is logged in
}

// Newest is the newest mail that has left for the access of a replaced link. It is zero if the ledger no longer has it.
type Newest struct {
	SentAt time.Time // of a mail that may or may not have left: when that became unknown
	Email  rules.Email
}

// LoggedIn says who is logged in to the portal when a link is opened: a contact, or an email. The zero value means that
// nobody is, or that the portal does not say.
type LoggedIn struct{ ContactID, Email string }

// Redeem opens a link, while nobody is logged in.
func (a *Answers) Redeem(ctx context.Context, firm, token string) (Redeemed, error) {
	return a.RedeemAs(ctx, firm, token, LoggedIn{})
}

// RedeemAs opens a link. The first redemption makes the access active and reports that, in one transaction. A later one
// counts as the newest login (ADR 23). The link of another person than the one who is logged in writes nothing (ADR
// 160). The token is checked in constant time, before anything is looked up.
func (a *Answers) RedeemAs(ctx context.Context, firm, token string, as LoggedIn) (Redeemed, error) {
	id, nonce, err := a.Keys.Open(token)
	if err != nil {
		return Redeemed{Result: LinkInvalid}, nil //nolint:nilerr // an answer, not a failure
	}
	var redeemed Redeemed
	err = a.Ledger.Commit(ctx, func(tx *ledger.Tx) (err error) {
		redeemed, err = openedAs(ctx, tx.Tx, tx.LockAccess, firm, id, nonce, tx.Now, as)
		if err != nil || redeemed.Result != LinkOpened {
			return err
		}
		if err := arriveByLink(ctx, tx, redeemed.Invite); err != nil {
			return err
		}
		login := rules.EmailKey{FirmID: firm, Email: redeemed.Login}
		if err := tx.TakeBackDecline(ctx, login, tx.Now); err != nil {
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

// LinkID returns the id of the invite whose link has the token, or "" for a token that we did not make. It reads
// nothing.
func (a *Answers) LinkID(token string) string {
	id, _, err := a.Keys.Open(token)
	if err != nil {
		return ""
	}
	return id.String()
}

// arriveByLink ends the hold of an invite whose link was opened, because then its mail has arrived (ADR 35). It is
// written before the effects of the link, because only then is the link of a held resend the valid one.
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

// Peek is [Answers.PeekAs] while nobody is logged in.
func (a *Answers) Peek(ctx context.Context, firm, token string) (Redeemed, error) {
	return a.PeekAs(ctx, firm, token, LoggedIn{})
}

// PeekAs returns what RedeemAs would return now, and changes nothing. First says whether it would be the first
// redemption.
func (a *Answers) PeekAs(ctx context.Context, firm, token string, as LoggedIn) (Redeemed, error) {
	id, nonce, err := a.Keys.Open(token)
	if err != nil {
		return Redeemed{Result: LinkInvalid}, nil //nolint:nilerr // an answer, not a failure
	}
	var redeemed Redeemed
	err = a.store().Read(ctx, func(tx *store.Tx) (err error) {
		redeemed, err = openedAs(ctx, tx, tx.FindAccess, firm, id, nonce, a.Ledger.Now(), as)
		return err
	})
	return redeemed, err
}

// findAccess reads an access, with or without a lock.
type findAccess func(context.Context, rules.AccessKey) (*rules.Access, error)

// openedAs is [opened] for somebody who is logged in already. The link of another person does not open.
func openedAs(
	ctx context.Context, tx *store.Tx, find findAccess, firm string, id uuid.UUID, nonce int64, now time.Time, as LoggedIn,
) (Redeemed, error) {
	redeemed, err := opened(ctx, tx, find, firm, id, nonce, now)
	if err != nil || redeemed.Result != LinkOpened || as == (LoggedIn{}) {
		return redeemed, err
	}
	email := address.Parse(as.Email)
	if as.ContactID == "" && email.Normal == redeemed.Login {
		return redeemed, nil
	}
	who, err := tx.Identify(ctx, firm, as.ContactID, email)
	if err == nil && who.Person != redeemed.Invite.Person {
		redeemed.Result, redeemed.First, redeemed.As = LinkOfOther, false, who
	}
	return redeemed, err
}

// opened returns what the link of an invite leads to.
func opened(ctx context.Context, tx *store.Tx, find findAccess, firm string, id uuid.UUID, nonce int64, now time.Time,
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
	switch result := whatLinkIs(invite, nonce, access, now); result {
	case LinkReplaced:
		return replaced(ctx, tx, invite, access.InviteID, now)
	case LinkOpened:
	case LinkExpired, LinkSuspended, LinkRemoved, LinkInvalid, LinkOfOther:
		return Redeemed{Result: result}, nil
	}
	portal, err := tx.FindPortal(ctx, firm, invite.ClientID, invite.Person)
	switch {
	case err != nil:
		return Redeemed{}, err
	case access.State == rules.Invited && portal.Moved:
		// The fact and the invite came at the same moment, and neither saw the other (ADR 120).
		return Redeemed{Result: LinkRemoved}, nil
	case portal.Suspended != "":
		return Redeemed{Result: LinkSuspended}, nil
	}
	return Redeemed{
		Result: LinkOpened, First: access.State != rules.Active, Invite: invite, Login: access.Email,
		ClientName: portal.ClientName,
	}, nil
}

// replaced says what a link is whose access has a newer mail. Until that mail has left, nobody can find it. So the link
// is what it was before: its access was taken away, or its time is over.
func replaced(ctx context.Context, tx *store.Tx, old store.Invite, newest string, now time.Time) (Redeemed, error) {
	id, err := uuid.Parse(newest)
	if err != nil {
		return Redeemed{}, fmt.Errorf("the invite of an access: %w", err)
	}
	invite, err := tx.FindInvite(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Redeemed{Result: LinkReplaced}, nil
	case err != nil:
		return Redeemed{}, err
	case invite.State == store.Sent:
		return Redeemed{Result: LinkReplaced, Newest: Newest{invite.SentAt, invite.Email}}, nil
	case invite.Held():
		return Redeemed{Result: LinkReplaced, Newest: Newest{invite.HeldAt, invite.Email}}, nil
	case !now.Before(old.ExpiresAt):
		return Redeemed{Result: LinkExpired}, nil
	}
	return Redeemed{Result: LinkRemoved}, nil
}

// whatLinkIs says what a link leads to, given the access that it should open. A link that it calls opened may still be
// suspended, which changes nothing about the access (ADR 120). It checks for removed access first, and
// for expired access next. So a person is asked to look for a newer mail (LinkReplaced) only if a newer link would
// open.
//
// An access has the id of the invite whose link is the valid one. [store.Tx.Grant] clears the id if it revives an
// access that was removed. So the links from before the removal stay revoked (LinkRemoved).
//
// A resend is held if nobody knows whether its mail has arrived. Until that is known, the link before it is the valid
// one. The resend's link opens as well (ADR 34): if somebody opens it, its mail has arrived. [Answers.Redeem] then
// makes the resend's link the valid one.
func whatLinkIs(invite store.Invite, nonce int64, access *rules.Access, now time.Time) Redemption {
	switch {
	case access == nil || access.State == rules.Removed || access.InviteID == "":
		return LinkRemoved
	case access.StateAt(now) == rules.Expired:
		return LinkExpired
	case invite.Nonce != nonce, access.InviteID != invite.ID.String() && (invite.Kind != rules.Resend || !invite.Held()):
		return LinkReplaced
	case !now.Before(invite.ExpiresAt): // the access is active, but the mail is too old to log in with
		return LinkExpired
	default:
		return LinkOpened
	}
}
