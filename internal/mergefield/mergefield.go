// Package mergefield knows the merge fields: what a sender's message may leave for us to fill in, as in "Dear {{contact.name}}".
package mergefield

import (
	"regexp"
	"slices"
	"strings"
)

// Field is a merge field's name, as the contract has it.
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

// Written is the field as it stands in a message: {{client.name}}.
func (f Field) Written() string { return "{{" + string(f) + "}}" }

// Known names all merge fields, for an error that refuses another: "{{client.name}}, {{contact.name}}, …".
func Known() string {
	var written []string
	for _, f := range all {
		written = append(written, f.Written())
	}
	return strings.Join(written, ", ")
}

// pattern finds what is meant as a field: anything between double braces without a brace in it. Anything else with braces is
// just text.
var pattern = regexp.MustCompile(`\{\{([^{}]*)\}\}`)

// nameIn is the name between the braces. Blanks and line ends around it are allowed.
func nameIn(written string) Field { return Field(strings.Trim(written[2:len(written)-2], " \t\n\f\r")) }

// asWritten takes fields out of a text that are written without blanks, as nearly all are: it is many times as fast as pattern.
var asWritten = func() *strings.Replacer {
	var pairs []string
	for _, f := range all {
		pairs = append(pairs, f.Written(), "")
	}
	return strings.NewReplacer(pairs...)
}()

// Unknown returns the names in double braces that are no merge fields, each once, in the order they appear. A message with one
// is refused when it arrives, so that a mistyped field is told to its sender and not seen by a client.
func Unknown(text string) (names []string) {
	if !strings.Contains(text, "{{") || !strings.Contains(asWritten.Replace(text), "{{") {
		return nil
	}
	for _, written := range pattern.FindAllString(text, -1) {
		if name := nameIn(written); !slices.Contains(all, name) && !slices.Contains(names, string(name)) {
			names = append(names, string(name))
		}
	}
	return names
}

// Fill puts values in place of the merge fields. It goes over the text once, so a value that looks like a field itself stays as
// it is: a client may be called anything. What is not a merge field stays, too.
func Fill(text string, value func(Field) string) string {
	return pattern.ReplaceAllStringFunc(text, func(written string) string {
		field := nameIn(written)
		if !slices.Contains(all, field) {
			return written
		}
		return value(field)
	})
}
