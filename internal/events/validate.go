package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The lengths beyond which a field is refused, in characters.
const (
	maxID      = 128
	maxName    = 300
	maxEmail   = 320
	maxURL     = 2048
	maxMessage = 5000
	maxLocale  = 35

	maxLicenses       = 100
	maxRecipients     = 100
	maxClientContacts = 2000
	maxSelection      = 20_000
)

// Data is the body of an event. Decoding gives only values that have been checked.
type Data interface {
	check(*fields)
}

// FieldError names the field that is wrong and says what is wrong with it, never what was in it.
type FieldError struct {
	Field   string
	Problem string
}

func (e FieldError) Error() string { return e.Field + ": " + e.Problem }

// DecodeData reads the body of an event: unknown fields are ignored, since the contract grows; a known one that is missing,
// mistyped or too long is an error that names it. All such errors come together.
func DecodeData(t Type, raw []byte) (Data, error) {
	in, known := incoming[t]
	if !known {
		return nil, fmt.Errorf("unknown event type %q", t)
	}
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil, errors.New("data: missing")
	}
	if !utf8.Valid(raw) {
		return nil, errors.New("data: is not valid UTF-8")
	}
	if raw[0] != '{' {
		return nil, errors.New("data: must be a JSON object")
	}
	data := in.newData()
	if err := json.Unmarshal(raw, data); err != nil {
		return nil, jsonError(raw, err)
	}
	f := &fields{}
	if err := json.Unmarshal(raw, &f.present); err != nil {
		return nil, jsonError(raw, err)
	}
	if !f.ambiguous() {
		data.check(f)
	}
	return data, f.err()
}

// jsonError says where raw could not be decoded. What comes first stands alone: behind a mistyped field, the rest has not
// been looked at.
func jsonError(raw []byte, err error) error {
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := first(pathAt(raw, mistyped.Offset), mistyped.Field, "data")
		return FieldError{field, fmt.Sprintf("must be %s, is a JSON %s", kindName(mistyped.Type.Kind().String()), mistyped.Value)}
	}
	if field := misreadTime(raw); field != "" {
		return FieldError{field, "must be a time as in RFC 3339 (example: 2026-11-22T10:30:00Z)"}
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("data: is not valid JSON (at byte %d)", syntax.Offset)
	}
	return errors.New("data: is not valid JSON")
}

// misreadTime finds the time that can't be read, since the errors of time.Time do not say in which field it stood.
func misreadTime(raw []byte) string {
	var data struct {
		GrantedAt json.RawMessage `json:"granted_at"`
		Filter    struct {
			Since json.RawMessage `json:"since"`
			Until json.RawMessage `json:"until"`
		} `json:"filter"`
	}
	if json.Unmarshal(raw, &data) != nil {
		return ""
	}
	for _, f := range []struct {
		name string
		raw  json.RawMessage
	}{{"granted_at", data.GrantedAt}, {"filter.since", data.Filter.Since}, {"filter.until", data.Filter.Until}} {
		if len(f.raw) > 0 && json.Unmarshal(f.raw, new(time.Time)) != nil {
			return f.name
		}
	}
	return ""
}

func kindName(goKind string) string {
	switch goKind {
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	case "slice":
		return "a list"
	case "struct", "map", "ptr":
		return "an object"
	default:
		return "a " + goKind
	}
}

// fields collects what is wrong with the fields of one event.
type fields struct {
	present  map[string]json.RawMessage // of the object being checked
	path     string
	problems []error
}

// mostProblems is how many are told of one event: a list may have 20,000 entries, and what tells of it has to fit a header.
const mostProblems = 20

func (f *fields) err() error {
	if more := len(f.problems) - mostProblems; more > 0 {
		return errors.Join(append(f.problems[:mostProblems:mostProblems], fmt.Errorf("and %d more", more))...)
	}
	return errors.Join(f.problems...)
}

// ambiguous notes a name that stands in the object twice, in different case. The decoder takes both for the same field, so
// what is checked would not be what is used.
func (f *fields) ambiguous() bool {
	seen := make(map[string]bool, len(f.present))
	found := false
	for name := range f.present {
		folded := strings.ToLower(strings.ToUpper(name)) // by way of capitals, as K and the Kelvin sign are one
		if seen[folded] {
			f.wrong(folded, "stands twice, in different case")
			found = true
		}
		seen[folded] = true
	}
	return found
}

func (f *fields) wrong(name, problem string, args ...any) {
	f.problems = append(f.problems, FieldError{f.path + name, fmt.Sprintf(problem, args...)})
}

// given says whether the field stands in the JSON with a value, and notes it as missing where it does not.
func (f *fields) given(name string) bool {
	if f.has(name) {
		return true
	}
	f.wrong(name, "missing")
	return false
}

func (f *fields) has(name string) bool {
	raw, ok := f.present[name]
	return ok && string(raw) != "null"
}

// inside checks the fields of an object within the object.
func (f *fields) inside(name string, raw json.RawMessage, check func(*fields)) {
	inner := &fields{path: f.path + name + "."}
	if raw == nil {
		f.wrong(name, "must be written in lower case")
		return
	}
	if err := json.Unmarshal(raw, &inner.present); err != nil {
		f.wrong(name, "must be an object")
		return
	}
	if !inner.ambiguous() {
		check(inner)
	}
	f.problems = append(f.problems, inner.problems...)
}

// each checks every object of a list; the index stands in the field's name, as in recipients[2].email.
func (f *fields) each(name string, check func(f *fields, i int)) {
	var raws []json.RawMessage
	if err := json.Unmarshal(f.present[name], &raws); err != nil {
		f.wrong(name, "must be a list")
		return
	}
	for i, raw := range raws {
		f.inside(fmt.Sprintf("%s[%d]", name, i), raw, func(inner *fields) { check(inner, i) })
	}
}

// id checks a required identifier.
func (f *fields) id(name, value string) {
	if !f.given(name) {
		return
	}
	f.checkID(name, value)
}

func (f *fields) checkID(name, value string) {
	switch {
	case value == "":
		f.wrong(name, "is empty")
	case utf8.RuneCountInString(value) > maxID:
		f.wrong(name, "is longer than %d characters", maxID)
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r == 0x7f || r == utf8.RuneError }):
		f.wrong(name, "has a space or a control character in it")
	}
}

// text checks a required single line that may not be blank.
func (f *fields) text(name, value string, longest int) {
	if !f.given(name) {
		return
	}
	if strings.TrimSpace(value) == "" {
		f.wrong(name, "is empty")
		return
	}
	f.optionalText(name, value, longest)
}

func (f *fields) optionalText(name, value string, longest int) {
	switch {
	case utf8.RuneCountInString(value) > longest:
		f.wrong(name, "is longer than %d characters", longest)
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		f.wrong(name, "has a line break or another control character in it")
	}
}

// paragraphs checks a text of several lines.
func (f *fields) paragraphs(name, value string, longest int) {
	switch {
	case utf8.RuneCountInString(value) > longest:
		f.wrong(name, "is longer than %d characters", longest)
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f }):
		f.wrong(name, "has a control character in it")
	}
}

func (f *fields) oneOf(name, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		f.wrong(name, "must be one of: %s", strings.Join(allowed, ", "))
	}
}
