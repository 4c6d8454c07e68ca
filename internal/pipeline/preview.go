package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/mail/compose"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Whom says which of a request's recipients a preview is for. What is empty does not narrow.
type Whom struct{ ClientID, ContactID, Email string }

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
func (w *Worker) Preview(ctx context.Context, e events.Event, whom Whom) (Preview, error) {
	var preview Preview
	err := w.reads().Read(ctx, func(tx *store.Tx) error {
		c, err := w.pick(ctx, tx, e, whom)
		if err != nil {
			return err
		}
		book, err := tx.LoadBook(ctx, []rules.Ask{c.ask})
		if err != nil {
			return err
		}
		preview, err = w.write(book, c)
		return err
	})
	return preview, err
}

// pick finds the candidate a preview is for.
func (w *Worker) pick(ctx context.Context, tx *store.Tx, e events.Event, whom Whom) (candidate, error) {
	bulk, isBulk := e.Data.(*events.BulkRequest)
	if !isBulk {
		candidates, err := namedCandidates(requestOf(e), e)
		if err != nil {
			return candidate{}, err
		}
		email := address.Parse(whom.Email)
		for _, c := range candidates {
			r := c.ask.Recipient
			if (whom.ContactID == "" || r.ContactID == whom.ContactID) && (whom.Email == "" || r.Email == email || r.Email.Normal != "" && r.Email.Normal == email.Normal) {
				return c, nil
			}
		}
		return candidate{}, notPreviewable("data.recipients: has nobody with this contact_id or email; ask for one of them, or for nobody to see the first one's mail")
	}
	return pickOf(ctx, tx, e, *bulk, whom)
}

// pickOf picks from the one client that is asked for, whatever else a bulk request selects: the contact named, or else the
// first Primary one, or the first where none is Primary.
func pickOf(ctx context.Context, tx *store.Tx, e events.Event, bulk events.BulkRequest, whom Whom) (candidate, error) {
	book, err := tx.LoadBook(ctx, []rules.Ask{{FirmID: e.Firm, ClientID: whom.ClientID}})
	if err != nil {
		return candidate{}, err
	}
	var contacts []rules.ClientContact
	if client := book.Clients[rules.ClientKey{FirmID: e.Firm, ClientID: whom.ClientID}]; client != nil {
		contacts = client.Contacts
	}
	at := slices.IndexFunc(contacts, func(c rules.ClientContact) bool {
		return c.ContactID == whom.ContactID || whom.ContactID == "" && c.Primary
	})
	switch {
	case len(contacts) == 0:
		return candidate{}, notPreviewable("client_id: client %s has no contacts, or is not known; nobody would be sent this mail", whom.ClientID)
	case at < 0 && whom.ContactID != "":
		return candidate{}, notPreviewable("contact_id: is nobody on client %s; leave it out to see its Primary contact's mail", whom.ClientID)
	case at < 0:
		at = 0
	}
	request := requestOf(e)
	one := store.Candidate{ClientID: whom.ClientID, ContactID: contacts[at].ContactID}
	return bulkCandidate(request, store.Run{ID: runID(request.ID), FirmID: e.Firm}, bulk, one), nil
}

// noToken stands in a preview where a mail has its token. It is no token's form, so no key can make it.
const noToken = "preview-only"

func (w *Worker) write(book *rules.Book, c candidate) (Preview, error) {
	now := w.Now()
	decision := book.Decide(c.ask, now, w.Policy)
	for _, reason := range decision.Reasons {
		switch reason.Code {
		case rules.FirmNotFound, rules.ClientNotFound, rules.TemplateNotFound:
			return Preview{}, notPreviewable("%s: %s %s", reason.Code, reason.Explanation, reason.Remedy)
		default: // a mail can be written all the same
		}
	}
	letter, err := newLetter(book, c)
	if err != nil {
		return Preview{}, err
	}
	inv := letter.invitation
	inv.RecipientName, inv.ExpiresAt = decision.Name, now.Add(w.Policy.InviteTTL)
	inv.Link = strings.TrimRight(inv.Firm.PortalURL, "/") + "/invite/" + noToken
	content, err := compose.Mail(inv)
	if err != nil {
		return Preview{}, notPreviewable("%s", err)
	}
	return Preview{
		Explained: Explained{Ask: c.ask, Decision: decision, ClientName: inv.ClientName},
		Content:   content, FromName: mail.SenderName(inv.Firm.Name, w.SMTP.From), ReplyTo: letter.replyTo,
	}, nil
}
