package bounce

import (
	"regexp"
	"strconv"
	"strings"

	"portal-invites/internal/address"
	"portal-invites/internal/rules"
)

// typedAddress returns the address in a value such as "rfc822; dana@example.com" (RFC 3464, section 2.1.2). It returns
// "" for types other than mail, such as x400.
func typedAddress(value string) string {
	kind, rest, typed := strings.Cut(value, ";")
	if !typed {
		kind, rest = "", value
	}
	rest = strings.TrimSpace(comment.ReplaceAllString(rest, ""))
	if start, end := strings.LastIndexByte(rest, '<'), strings.LastIndexByte(rest, '>'); start >= 0 && start < end {
		rest = rest[start+1 : end]
	}
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "", "rfc822":
		return rest
	case "utf-8":
		return fromUnitext(rest)
	default:
		return ""
	}
}

var (
	unitextChar = regexp.MustCompile(`\\x\{([0-9A-Fa-f]{2,6})\}`)
	xtextChar   = regexp.MustCompile(`\+([0-9A-F]{2})`)
)

// fromUnitext decodes utf-8-addr-xtext (RFC 6533, section 3).
func fromUnitext(s string) string {
	return unitextChar.ReplaceAllStringFunc(s, func(char string) string {
		code, err := strconv.ParseInt(char[3:len(char)-1], 16, 32)
		if err != nil {
			return char
		}
		return string(rune(code))
	})
}

// fromXtext decodes xtext (RFC 3461, section 4). The sender's ORCPT is in xtext, and some servers copy it into the
// report without decoding it. A value can't always be decoded: dana+AB@example.com is an address.
func fromXtext(s string) string {
	return xtextChar.ReplaceAllStringFunc(s, func(char string) string {
		code, err := strconv.ParseUint(char[1:], 16, 7)
		if err != nil {
			return char
		}
		return string(rune(code))
	})
}

// resolve finds the address that was mailed. forwarded means that the report is about another address, to which the
// mailed one forwards.
func (r Recipient) resolve(mailed string) (email rules.Email, forwarded bool) {
	candidates := []string{r.Original, fromXtext(r.Original), r.Final, fromXtext(r.Final)}
	if to := address.Parse(mailed); to.Normal != "" {
		for _, c := range candidates {
			if address.Parse(c).Normal == to.Normal {
				return to, false
			}
		}
		return to, r.Original != "" || r.Final != ""
	}
	if r.Original == "" || r.Final != "" && fromXtext(r.Original) == r.Final {
		return address.Parse(r.Final), false
	}
	return address.Parse(r.Original), false
}
