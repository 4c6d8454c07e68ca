package ledger

import (
	"bytes"
	"context"
	"fmt"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Decline enters that the mail of an invite was not meant for whoever reads an email, to which it went (ADR 154). A
// person who presses the page's button ends the pending access of that email; the one click of a mail program does
// not. Nobody who is active loses access. It says whether access has ended. access is locked, and nil if there is none.
func (t *Tx) Decline(
	ctx context.Context, invite store.Invite, email string, access *rules.Access, oneClick bool,
) (ended bool, err error) {
	news, err := t.Tx.Decline(ctx, []store.Decline{{
		EmailKey: rules.EmailKey{FirmID: invite.FirmID, Email: email}, InviteID: invite.ID,
		Declined: rules.Declined{At: t.Now, BulkOnly: oneClick},
	}})
	if err != nil {
		return false, err
	}
	var change *store.AccessChange
	if !oneClick && access != nil && access.Email == email {
		key := rules.AccessKey{FirmID: invite.FirmID, ClientID: invite.ClientID, Person: invite.Person}
		if change, err = t.EndDeclined(ctx, key, t.Now); err != nil {
			return false, err
		}
	}
	if change == nil && !news {
		return false, nil // it was said before
	}
	requests, err := t.LoadRequests(ctx, []uuid.UUID{invite.RequestID})
	if err != nil {
		return false, err
	}
	return change != nil, t.reportDeclined(requests[invite.RequestID], invite, email, change, oneClick)
}

func (t *Tx) reportDeclined(
	request store.Request, invite store.Invite, email string, change *store.AccessChange, oneClick bool,
) error {
	about := aboutInvite(request, invite)
	about.Recipient.EmailMasked = rules.Email{Normal: email}.Masked()
	about.DecidedAt = t.Now
	data := events.Declined{About: about, Ended: change != nil, OneClick: oneClick, DeclinedAt: t.Now}
	if change != nil {
		data.AccessVersion = change.Version
	}
	// A login takes a decline back, so the same link may decline again.
	id := fmt.Sprintf("%s.%s", accessOutcomeID(invite, "declined"), t.Now.UTC().Format(timeInID))
	return t.report(events.AccessOutcome(events.InviteDeclined, about, id, data, traceOf(request)))
}

// timeInID is a time in an outcome's id, to the microsecond.
const timeInID = "20060102T150405.000000"

// isDespiteDecline says whether a request invites also those who have declined.
func isDespiteDecline(r store.Request) (bool, error) {
	if !bytes.Contains(r.Data, []byte("despite_decline")) { // nearly no request: it is not worth reading
		return false, nil
	}
	wish, err := events.WishOf(r.Data)
	if err != nil {
		return false, fmt.Errorf("read request %s: %w", r.ID, err)
	}
	return wish.DespiteDecline, nil
}
