// Package address brings email addresses into the one normal form in which the whole pipeline compares them.
package address

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"

	"portal-invites/internal/rules"
)

// The limits of RFC 5321 section 4.5.3.1, in octets. A path has 256 octets, and its angle brackets take two of them.
const (
	maxAddress = 254
	maxLocal   = 64
)

// Parse trims an address and derives its normal form: in lower case, with the domain in ASCII. If mail can't be sent to
// the address, Normal is empty, and Written still has the trimmed text.
func Parse(raw string) rules.Email {
	written := Trim(raw)
	normal, err := normalize(written)
	if err != nil {
		return rules.Email{Written: written}
	}
	return rules.Email{Written: written, Normal: normal}
}

// Check returns an error that says why an address is not valid, without repeating the address.
func Check(raw string) error {
	_, err := normalize(Trim(raw))
	return err
}

// Trim removes white space from both ends, also no-break and zero-width spaces: they come along when an address is
// copied from a web page or a spreadsheet.
func Trim(raw string) string {
	return strings.TrimFunc(raw, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("\u200b\u200c\u200d\u2060\ufeff", r)
	})
}

func normalize(written string) (string, error) {
	if written == "" {
		return "", errors.New("is empty")
	}
	local, domain, found := strings.Cut(written, "@")
	if !found || strings.Contains(domain, "@") {
		return "", errors.New("must have exactly one @")
	}
	if err := checkLocal(local); err != nil {
		return "", err
	}
	// The lookup profile maps case and width, checks every label and yields A-labels (RFC 5891).
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return "", errors.New("has a domain that is not a valid host name")
	}
	labels := strings.Split(ascii, ".")
	if slices.Contains(labels, "") {
		return "", errors.New("has a misplaced dot after the @")
	}
	if len(labels) < 2 {
		return "", errors.New("has a domain without a dot")
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return "", errors.New("has a domain that ends in a number, which no mail domain does")
	}
	normal := strings.ToLower(local) + "@" + ascii
	if len(normal) > maxAddress {
		return "", fmt.Errorf("is longer than %d octets", maxAddress)
	}
	return normal, nil
}

// checkLocal accepts the dot-atom of RFC 5322 section 3.2.3. Quoted local parts are legal, but in practice they are
// always a typing mistake. Local parts beyond ASCII need SMTPUTF8 (RFC 6531) on the whole way, and a sender can't know
// whether it is there (ADR 11).
func checkLocal(local string) error {
	if local == "" {
		return errors.New("has nothing before the @")
	}
	if len(local) > maxLocal {
		return fmt.Errorf("has more than %d octets before the @", maxLocal)
	}
	if strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return errors.New("has a misplaced dot before the @")
	}
	for _, r := range local {
		if !isAtext(r) && r != '.' {
			return errors.New("has a character before the @ that mail addresses do not use")
		}
	}
	return nil
}

func isAtext(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
		strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}
