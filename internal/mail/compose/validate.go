package compose

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/mergefield"
)

// validate reports everything that keeps an invitation from becoming a mail, each under its field's name in the
// contract. It never repeats Link, which is a secret.
func validate(inv mail.Invitation) error {
	return errors.Join(
		validateFirm(inv.Firm),
		validateDesign(inv),
		required("client.name", inv.ClientName),
		validateDueOn(inv.DueOn),
		validateMessage(inv.Message),
		validateWebAddress("link", inv.Link, "http", "https"),
		validateExpiry(inv.ExpiresAt),
	)
}

func validateFirm(f mail.Firm) error {
	return errors.Join(
		required("firm.name", f.Name),
		validateWebAddress("portal_url", f.PortalURL, "http", "https"),
		validateLogo(f.LogoURL),
		validateColor(f.BrandColor),
	)
}

func required(field, value string) error {
	if mail.OneLine(value) == "" {
		return fmt.Errorf("%s: empty", field)
	}
	return nil
}

// validateMessage refuses an unknown merge field: it would be in the mail with its braces. Messages are checked when
// they arrive, so this is the last check.
func validateMessage(text string) error {
	if unknown := mergefield.Unknown(text); len(unknown) > 0 {
		return fmt.Errorf("message: unknown merge field {{%s}}; there are %s", strings.Join(unknown, "}}, {{"),
			mergefield.Known())
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

// dueOn is DueOn, which validate has parsed.
func dueOn(inv mail.Invitation) time.Time {
	day, _ := time.Parse(time.DateOnly, inv.DueOn)
	return day
}

func validateExpiry(at time.Time) error {
	if at.IsZero() {
		return errors.New("expires_at: missing")
	}
	return nil
}

// validateLogo requires https. Mail programs warn about images over http, or do not load them. And the URL goes into
// the HTML unsanitised: the theme trusts it because of this check.
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
