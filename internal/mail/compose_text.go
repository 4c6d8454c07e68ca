package mail

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/matcornic/hermes/v2"
)

// A field is anything in double braces without a brace in it, blanks around
// the name allowed. Anything else with braces is just text.
var fieldPattern = regexp.MustCompile(`\{\{([^{}]*)\}\}`)

// The names are the contract's.
const (
	fieldClientName  = "client.name"
	fieldContactName = "contact.name"
	fieldFirmName    = "firm.name"
	fieldRequestedBy = "requested_by"
)

// MergeFields returns the names in double braces that are not merge fields,
// each once, in the order they appear. Ask it when a template or a message
// arrives, so that a mistyped field is refused there and not seen by a client.
func MergeFields(text string) (unknown []string) {
	known := []string{fieldClientName, fieldContactName, fieldFirmName, fieldRequestedBy}
	for _, match := range fieldPattern.FindAllStringSubmatch(text, -1) {
		name := strings.TrimSpace(match[1])
		if !slices.Contains(known, name) && !slices.Contains(unknown, name) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// merge fills the fields in. It goes over the text once, so a value that
// looks like a field itself stays as it is: a client may be called anything.
func (inv Invitation) merge(text string, direction hermes.TextDirection) string {
	return fieldPattern.ReplaceAllStringFunc(text, func(field string) string {
		switch strings.TrimSpace(strings.Trim(field, "{}")) {
		case fieldClientName:
			return isolate(inv.ClientName, direction)
		case fieldContactName:
			// "Dear {{contact.name}}," must not become "Dear ,". The client is
			// who the portal is for, so its name is the one to fall back on.
			return isolate(firstOf(inv.RecipientName, inv.ClientName), direction)
		case fieldFirmName:
			return isolate(inv.Firm.Name, direction)
		case fieldRequestedBy:
			return isolate(firstOf(inv.RequestedBy, inv.Firm.Name), direction)
		default:
			return field
		}
	})
}

// paragraphs is the sender's message, one paragraph a line: people press
// Enter once or twice between thoughts, and mean the same. A merge field may
// be torn by a line end, so fields are mended before lines are told apart, and
// filled in after: isolates are among what oneLine takes away.
func (inv Invitation) paragraphs(direction hermes.TextDirection) []string {
	var list []string
	whole := fieldPattern.ReplaceAllStringFunc(inv.Message, oneLine)
	for line := range strings.FieldsFuncSeq(whole, isLineEnd) {
		if paragraph := inv.merge(oneLine(line), direction); paragraph != "" {
			list = append(list, paragraph)
		}
	}
	return list
}

func isLineEnd(r rune) bool {
	return r == '\n' || r == '\r' || r == '\v' || r == '\f' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

// clean puts every short value on one line without surprises. The message
// keeps its lines until paragraphs splits them.
func (inv Invitation) clean() Invitation {
	for _, value := range []*string{&inv.Firm.Name, &inv.ClientName, &inv.RecipientName, &inv.RequestedBy, &inv.ItemName} {
		*value = oneLine(*value)
	}
	return inv
}

// oneLine collapses blanks and line ends into single blanks, and drops what no
// reader sees: control characters (a header must not hold them) and the
// directional overrides with which one name can pose as another.
func oneLine(s string) string {
	visible := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r) && r != '\u200e' && r != '\u200f' && r != '\u061c':
			return -1
		default:
			return r
		}
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.Join(strings.Fields(visible), " ")
}

// shorten cuts s to at most limit characters, the last one an ellipsis.
func shorten(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return strings.TrimSpace(string([]rune(s)[:limit-1])) + "…"
}

func firstOf(value, fallback string) string {
	if value != "" {
		return value
	}
	return fallback
}
