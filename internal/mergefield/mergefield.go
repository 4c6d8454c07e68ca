// Package mergefield knows the merge fields: the parts of a sender's message that the pipeline fills in, as in "Dear
// {{contact.name}}".
package mergefield

import (
	"regexp"
	"slices"
	"strings"
)

// Field is a merge field's name in the contract.
type Field string

// The merge fields.
const (
	ClientName  Field = "client.name"
	ContactName Field = "contact.name" // the recipient's
	FirmName    Field = "firm.name"
	RequestedBy Field = "requested_by"
)

// All lists the merge fields, in the contract's order.
func All() []Field { return slices.Clone(all) }

var all = []Field{ClientName, ContactName, FirmName, RequestedBy}

// Written is the field as a message writes it: {{client.name}}.
func (f Field) Written() string { return "{{" + string(f) + "}}" }

// Known lists all merge fields, for an error that refuses another one: "{{client.name}}, {{contact.name}}, …".
func Known() string {
	var written []string
	for _, f := range all {
		written = append(written, f.Written())
	}
	return strings.Join(written, ", ")
}

// pattern finds what is meant as a field: anything between double braces that has no brace in it. Other braces are just
// text.
var pattern = regexp.MustCompile(`\{\{([^{}]*)\}\}`)

// fieldOf is the name between the braces. Blanks and line ends around it are allowed.
func fieldOf(written string) Field {
	return Field(strings.Trim(written[2:len(written)-2], " \t\n\f\r"))
}

// asWritten removes fields that are written without blanks, as nearly all are. It is many times as fast as pattern.
var asWritten = func() *strings.Replacer {
	var pairs []string
	for _, f := range all {
		pairs = append(pairs, f.Written(), "")
	}
	return strings.NewReplacer(pairs...)
}()

// Unknown returns the names in double braces that are not merge fields, each once, in the order in which they appear. A
// message with such a name is refused when it arrives (ADR 10). So the sender learns of a mistyped field, and no client
// sees it.
func Unknown(text string) (names []string) {
	if !strings.Contains(text, "{{") || !strings.Contains(asWritten.Replace(text), "{{") {
		return nil
	}
	for _, written := range pattern.FindAllString(text, -1) {
		if name := fieldOf(written); !slices.Contains(all, name) && !slices.Contains(names, string(name)) {
			names = append(names, string(name))
		}
	}
	return names
}

// Fill replaces the merge fields by values. It goes over the text once, so a value that looks like a field stays as it
// is: a client may have any name. Names in braces that are not merge fields stay, too.
func Fill(text string, value func(Field) string) string {
	return pattern.ReplaceAllStringFunc(text, func(written string) string {
		field := fieldOf(written)
		if !slices.Contains(all, field) {
			return written
		}
		return value(field)
	})
}
