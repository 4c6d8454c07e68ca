package answer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/mail/compose"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Recipient says which of a request's recipients a preview is for. An empty field matches every recipient.
type Recipient struct{ ClientID, ContactID, Email string }

// Preview is a mail as it would be sent now. Its link opens nothing.
type Preview struct {
	Explained
	mail.Content
	FromName, ReplyTo string
	SentAt            time.Time // of an invite whose mail has left
}

// PreviewError says why a mail can't be composed: the request names no such recipient, or the firm, the client or the
// template is unknown. It begins with the field or the reason.
type PreviewError struct{ Problem string }

func (e PreviewError) Error() string { return e.Problem }

func notPreviewable(format string, args ...any) error {
	return PreviewError{fmt.Sprintf(format, args...)}
}

// Preview composes the mail that an unpublished request would send to a recipient. It does so also if the rules would
// skip the recipient. The caller can correct the cause of a [PreviewError].
func (a *Answers) Preview(ctx context.Context, e events.Event, to Recipient) (Preview, error) {
	var preview Preview
	err := a.store().Read(ctx, func(tx *store.Tx) error {
		c, err := pick(ctx, tx, e, to)
		if err != nil {
			return err
		}
		book, err := a.Ledger.LoadBook(ctx, tx, []rules.Ask{c.Ask})
		if err != nil {
			return err
		}
		now := a.Ledger.Now()
		preview, err = a.write(book, c, now, now.Add(a.Ledger.Policy.InviteTTL))
		return err
	})
	return preview, err
}

// PreviewInvite composes the mail of an invite on today's facts: they may have changed since it left. It says also what
// would be decided about it now.
func (a *Answers) PreviewInvite(ctx context.Context, firm string, id uuid.UUID) (Preview, error) {
	var preview Preview
	err := a.store().Read(ctx, func(tx *store.Tx) error {
		invite, err := tx.FindInvite(ctx, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && invite.FirmID != firm {
			return notPreviewable("invite_id: this firm has no such invite")
		}
		if err != nil {
			return err
		}
		candidates, err := ledger.CandidatesOf(ctx, tx, []store.Invite{invite})
		if err != nil {
			return err
		}
		c := candidates[0]
		if invite.State == store.Queued || invite.State == store.Sending {
			c.Ask.Queued, c.Ask.Person = true, invite.Person
		}
		book, err := tx.LoadBook(ctx, []rules.Ask{c.Ask})
		if err != nil {
			return err
		}
		written, expires := a.Ledger.Now(), invite.ExpiresAt
		if invite.State == store.Sent {
			written = invite.SentAt
		}
		if expires.IsZero() {
			expires = written.Add(a.Ledger.Policy.InviteTTL)
		}
		preview, err = a.write(book, c, written, expires)
		preview.SentAt = invite.SentAt
		return err
	})
	return preview, err
}

// pick finds the candidate that a preview is for.
func pick(ctx context.Context, tx *store.Tx, e events.Event, to Recipient) (ledger.Candidate, error) {
	bulk, isBulk := e.Data.(*events.BulkRequest)
	if !isBulk {
		candidates, err := ledger.Recipients(ledger.RequestOf(e), e)
		if err != nil {
			return ledger.Candidate{}, err
		}
		email := address.Parse(to.Email)
		for _, c := range candidates {
			r := c.Ask.Recipient
			isEmail := to.Email == "" || r.Email == email || r.Email.Normal != "" && r.Email.Normal == email.Normal
			if isEmail && (to.ContactID == "" || r.ContactID == to.ContactID) {
				return c, nil
			}
		}
		return ledger.Candidate{}, notPreviewable("data.recipients: has nobody with this contact_id or email; " +
			"name one of the recipients, or leave both out to see the first one's mail")
	}
	return pickOf(ctx, tx, e, *bulk, to)
}

// pickOf picks a contact of the given client, whatever a bulk request selects: the given contact, or else the first
// Primary contact, or else the first contact.
func pickOf(
	ctx context.Context, tx *store.Tx, e events.Event, bulk events.BulkRequest, to Recipient,
) (ledger.Candidate, error) {
	book, err := tx.LoadBook(ctx, []rules.Ask{{FirmID: e.Firm, ClientID: to.ClientID}})
	if err != nil {
		return ledger.Candidate{}, err
	}
	var contacts []rules.ClientContact
	if client := book.Clients[rules.ClientKey{FirmID: e.Firm, ClientID: to.ClientID}]; client != nil {
		contacts = client.Contacts
	}
	at := slices.IndexFunc(contacts, func(c rules.ClientContact) bool {
		return c.ContactID == to.ContactID || to.ContactID == "" && c.Primary
	})
	switch {
	case len(contacts) == 0:
		return ledger.Candidate{}, notPreviewable(
			"client_id: client %s has no contacts, or is unknown; this mail would be sent to nobody", to.ClientID)
	case at < 0 && to.ContactID != "":
		return ledger.Candidate{}, notPreviewable(
			"contact_id: is not a contact of client %s; leave it out to see its Primary contact's mail", to.ClientID)
	case at < 0:
		at = 0
	}
	one := store.Candidate{ClientID: to.ClientID, ContactID: contacts[at].ContactID}
	return ledger.Selected(ledger.RequestOf(e), bulk, []store.Candidate{one})[0], nil
}

// noToken is in a preview in place of a mail's token. It does not have the form of a token, so no key can make it.
const noToken = "preview-only"

// write composes the mail of a candidate as it is written at a time, with a link that is valid until another time.
func (a *Answers) write(book *rules.Book, c ledger.Candidate, written, expires time.Time) (Preview, error) {
	decision := book.Decide(c.Ask, a.Ledger.Now(), a.Ledger.Policy)
	for _, reason := range decision.Reasons {
		if reason.Code.Unwritable() {
			return Preview{}, notPreviewable("%s: %s %s", reason.Code, reason.Explanation, reason.Remedy)
		}
	}
	c.Ask.Person = decision.Person
	draft, err := ledger.NewDraft(book, c)
	if err != nil {
		return Preview{}, err
	}
	inv := draft.Invitation
	if err := a.Ledger.Portals.Check(inv.Firm.PortalURL); err != nil {
		return Preview{}, notPreviewable("%s", err)
	}
	inv.RecipientName, inv.ExpiresAt, inv.WrittenAt = decision.Name, expires, written
	inv.Link = strings.TrimRight(inv.Firm.PortalURL, "/") + "/invite/" + noToken
	content, err := compose.Mail(inv)
	if err != nil {
		return Preview{}, notPreviewable("%s", err)
	}
	return Preview{
		Explained: Explained{Ask: c.Ask, Decision: decision, ClientName: inv.ClientName},
		Content:   content, FromName: a.fromName(inv.Firm.Name, book.Firms[c.Ask.FirmID].Sender), ReplyTo: draft.ReplyTo,
	}, nil
}
