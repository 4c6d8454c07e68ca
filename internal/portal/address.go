// Package portal knows the addresses of firms' portals: which are valid, which the operator allows, and how a mail
// writes them.
package portal

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// Check returns an error that says why a text is not the address of a portal. It never repeats the address.
func Check(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsAny(address, "?#") || !hasScheme(u) {
		return errors.New("must be an https address without query or fragment, or http on loopback " +
			"(example: https://portal.example.com)")
	}
	if strings.ContainsFunc(address, unseen) {
		return errors.New("has a character that nobody sees, or that turns the direction of the text")
	}
	if _, err := hostIn(u, address); err != nil {
		return err
	}
	if port, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || port > 65535) {
		return errors.New("has a port above 65535")
	}
	return nil
}

func hasScheme(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// unseen says whether a character has no width or is a separator of lines. Letters of both directions are seen.
func unseen(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) ||
		strings.ContainsRune("\u00ad\u200b\u200c\u200d\u2028\u2029\u2060\ufeff", r)
}

// hostIn returns the host of an address in lower case and ASCII, as programs ask for it (RFC 5891).
func hostIn(u *url.URL, address string) (string, error) {
	host := strings.ToLower(u.Hostname())
	authority, _, _ := strings.Cut(strings.TrimPrefix(address, u.Scheme+"://"), "/")
	switch {
	case strings.Contains(authority, "%"):
		return "", errors.New("has a zone or an escaped character in its host")
	case strings.Contains(host, ":"): // IPv6
		return host, nil
	case !isASCII(host):
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return "", errors.New("has a host that can't be written in ASCII")
		}
		return ascii, nil
	case strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-._") != "":
		return "", errors.New("has a character in its host that no host name has")
	default:
		return host, nil
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// InASCII returns an address with its host in ASCII. So a reader sees which host it is: a letter of another alphabet
// can look like one of ours. An address that can't be written so is returned unchanged.
func InASCII(address string) string {
	if isASCII(address) {
		return address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	host, err := hostIn(u, address)
	if err != nil {
		return address
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	u.Host = host
	return u.String()
}
