// Package mail turns an invitation into a mail and hands it to an SMTP server.
//
// Compose makes the subject, the HTML and the text of one invitation; Conn
// sends it over one kept connection and says what became of it. The two know
// nothing of each other, and neither knows of the database.
package mail

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Design names what a mail says. There is one for each process that invites.
type Design string

// The six processes of the contract.
const (
	DesignClientRecord Design = "client_record" // InviteRequested, from a client's record
	DesignFile         Design = "file"          // FileShared
	DesignEsign        Design = "esign"         // EsignRequested
	DesignRequest      Design = "request"       // ClientRequestSent
	DesignSurvey       Design = "survey"        // ClientSurveySent
	DesignBulk         Design = "bulk"          // BulkInviteRequested
)

// Firm is what a mail shows of the firm that sends it.
type Firm struct {
	Name       string
	PortalURL  string // http or https; the logo and the firm's name link to it
	ReplyTo    string // may be empty; only decides whether the mail says that a reply reaches the firm
	LogoURL    string // https, or empty: the firm's name stands in its place
	BrandColor string // #rrggbb, or empty for a neutral blue
}

// Invitation is everything one mail says, as plain values. Text comes as
// people typed it: Compose cleans and escapes it.
type Invitation struct {
	Firm          Firm
	Design        Design
	Languages     []string // wished for, the best first: language tags (BCP 47); English where none is spoken here
	Reminder      bool     // a resend: the same mail, which says that it is a reminder
	ClientName    string
	RecipientName string    // may be empty: the mail then greets nobody by name
	RequestedBy   string    // who at the firm sent it; may be empty: the firm did
	ItemName      string    // the file's name, or the title of what is to be signed or answered
	DueOn         string    // YYYY-MM-DD, or empty
	Message       string    // the sender's own words, merge fields still in; may be empty
	Link          string    // http or https
	ExpiresAt     time.Time // when Link stops working; shown as a date in UTC
}

// Validate says everything that keeps an invitation from becoming a mail, each
// under its field's name in the contract. Link is never repeated: it is a secret.
func (inv Invitation) Validate() error {
	return errors.Join(
		inv.Firm.validate(),
		inv.validateDesign(),
		required("client.name", inv.ClientName),
		validateDueOn(inv.DueOn),
		validateMessage(inv.Message),
		validateWebAddress("link", inv.Link, "http", "https"),
		validateExpiry(inv.ExpiresAt),
	)
}

func (f Firm) validate() error {
	return errors.Join(
		required("firm.name", f.Name),
		validateWebAddress("portal_url", f.PortalURL, "http", "https"),
		validateLogo(f.LogoURL),
		validateColor(f.BrandColor),
	)
}

func (inv Invitation) validateDesign() error {
	switch inv.Design {
	case DesignClientRecord, DesignBulk:
		return nil
	case DesignFile, DesignEsign, DesignRequest, DesignSurvey:
		return required(string(inv.Design)+": its name or title", inv.ItemName)
	default:
		return fmt.Errorf("design: %q is not one of client_record, file, esign, request, survey, bulk", inv.Design)
	}
}

func required(field, value string) error {
	if oneLine(value) == "" {
		return fmt.Errorf("%s: empty", field)
	}
	return nil
}

// validateMessage refuses a merge field that would stand in the mail with its
// braces on. What a sender may write is checked when the message arrives, so
// this is the last net.
func validateMessage(text string) error {
	if unknown := MergeFields(text); len(unknown) > 0 {
		return fmt.Errorf("message: unknown merge field {{%s}}; there are {{client.name}}, {{contact.name}}, {{firm.name}} and {{requested_by}}",
			strings.Join(unknown, "}}, {{"))
	}
	return nil
}

func validateDueOn(day string) error {
	if day == "" {
		return nil
	}
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return fmt.Errorf("due_on: %q is not a date like 2025-04-15", day)
	}
	return nil
}

// dueOn is DueOn as Validate has parsed it.
func (inv Invitation) dueOn() time.Time {
	day, _ := time.Parse(time.DateOnly, inv.DueOn)
	return day
}

func validateExpiry(at time.Time) error {
	if at.IsZero() {
		return errors.New("expires_at: missing")
	}
	return nil
}

// validateLogo asks for https: mail programs warn of, or do not load, an image
// that comes in the clear, and the URL goes into the HTML unsanitised (the
// theme trusts it because of this check).
func validateLogo(address string) error {
	if address == "" {
		return nil
	}
	return validateWebAddress("logo_url", address, "https")
}

func validateWebAddress(field, address string, schemes ...string) error {
	u, err := url.Parse(address)
	if err == nil && u.Hostname() != "" && slices.Contains(schemes, u.Scheme) {
		return nil
	}
	return fmt.Errorf("%s: not an address that begins with %s://", field, strings.Join(schemes, ":// or "))
}
