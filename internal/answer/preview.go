package answer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/mail/compose"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Recipient says which of a request's recipients a preview is for. What is empty does not narrow.
type Recipient struct{ ClientID, ContactID, Email string }

// Preview is a mail as it would be sent now, with a link that opens nothing.
type Preview struct {
	Explained
	mail.Content
	FromName, ReplyTo string
}

// PreviewError says what keeps a mail from being written: the request names nobody like that, or the firm, the client or the
// template is not known. It begins with the field or the reason.
type PreviewError struct{ Problem string }

func (e PreviewError) Error() string { return e.Problem }

func notPreviewable(format string, args ...any) error {
	return PreviewError{fmt.Sprintf(format, args...)}
}

// Preview writes the mail that a request which nobody has published would send, also to somebody to whom it would not be sent.
// A [PreviewError] is the caller's to put right.
func (a *Answers) Preview(ctx context.Context, e events.Event, to Recipient) (Preview, error) {
	var preview Preview
	err := a.store().Read(ctx, func(tx *store.Tx) error {
		c, err := pick(ctx, tx, e, to)
		if err != nil {
			return err
		}
		book, err := tx.LoadBook(ctx, []rules.Ask{c.Ask})
		if err != nil {
			return err
		}
		preview, err = a.write(book, c)
		return err
	})
	return preview, err
}

// pick finds the candidate a preview is for.
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
			if (to.ContactID == "" || r.ContactID == to.ContactID) && (to.Email == "" || r.Email == email || r.Email.Normal != "" && r.Email.Normal == email.Normal) {
				return c, nil
			}
		}
		return ledger.Candidate{}, notPreviewable("data.recipients: has nobody with this contact_id or email; ask for one of them, or for nobody to see the first one's mail")
	}
	return pickOf(ctx, tx, e, *bulk, to)
}

// pickOf picks from the one client that is asked for, whatever else a bulk request selects: the contact named, or else the
// first Primary one, or the first where none is Primary.
func pickOf(ctx context.Context, tx *store.Tx, e events.Event, bulk events.BulkRequest, to Recipient) (ledger.Candidate, error) {
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
		return ledger.Candidate{}, notPreviewable("client_id: client %s has no contacts, or is not known; nobody would be sent this mail", to.ClientID)
	case at < 0 && to.ContactID != "":
		return ledger.Candidate{}, notPreviewable("contact_id: is nobody on client %s; leave it out to see its Primary contact's mail", to.ClientID)
	case at < 0:
		at = 0
	}
	one := store.Candidate{ClientID: to.ClientID, ContactID: contacts[at].ContactID}
	return ledger.Selected(ledger.RequestOf(e), bulk, []store.Candidate{one})[0], nil
}

// noToken stands in a preview where a mail has its token. It is no token's form, so no key can make it.
const noToken = "preview-only"

func (a *Answers) write(book *rules.Book, c ledger.Candidate) (Preview, error) {
	now := a.Ledger.Now()
	decision := book.Decide(c.Ask, now, a.Ledger.Policy)
	for _, reason := range decision.Reasons {
		if reason.Code.Unwritable() {
			return Preview{}, notPreviewable("%s: %s %s", reason.Code, reason.Explanation, reason.Remedy)
		}
	}
	draft, err := ledger.NewDraft(book, c)
	if err != nil {
		return Preview{}, err
	}
	inv := draft.Invitation
	inv.RecipientName, inv.ExpiresAt = decision.Name, now.Add(a.Ledger.Policy.InviteTTL)
	inv.Link = strings.TrimRight(inv.Firm.PortalURL, "/") + "/invite/" + noToken
	content, err := compose.Mail(inv)
	if err != nil {
		return Preview{}, notPreviewable("%s", err)
	}
	return Preview{
		Explained: Explained{Ask: c.Ask, Decision: decision, ClientName: inv.ClientName},
		Content:   content, FromName: mail.SenderName(inv.Firm.Name, a.Ledger.From), ReplyTo: draft.ReplyTo,
	}, nil
}
