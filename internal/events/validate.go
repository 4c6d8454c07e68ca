package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// The greatest lengths of fields, in characters, and of lists, in entries.
const (
	maxID      = 128
	maxName    = 300
	maxEmail   = 320
	maxURL     = 2048
	maxMessage = 5000
	maxLocale  = 35

	maxLicenses       = 100
	maxMerged         = 100
	maxRecipients     = 100
	maxClientContacts = 2000
	maxSelection      = 20_000
)

// Data is the body of an event. [Decode] and [DecodeData] return only values that have been checked.
//
//sumtype:decl
type Data interface {
	check(*fields)
}

// FieldError says which field is wrong, and how. It never has the field's value.
type FieldError struct {
	Field   string
	Problem string
}

func (e FieldError) Error() string { return e.Field + ": " + e.Problem }

// DecodeData reads the body of an event. It ignores unknown fields, since the contract grows. A known field that is
// missing, mistyped or too long is an error that names it. The error joins all problems of the body; [Problems] splits
// them.
func DecodeData(t Type, raw []byte) (Data, error) {
	in, err := t.row()
	if err != nil {
		return nil, err
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
	data, leftOut, err := in.unmarshal(raw)
	if err != nil {
		return nil, jsonError(raw, err)
	}
	f := fieldsOf(string(raw), "")
	f.leftOut = leftOut
	if !f.ambiguous() {
		data.check(f)
	}
	if in.prefix != Facts && len(f.problems) == 0 {
		f.checkStorable()
	}
	return data, f.err()
}

// jsonError says where raw could not be decoded. It names only the first problem, since the decoder stops at a mistyped
// field.
func jsonError(raw []byte, err error) error {
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := first(pathAt(raw, mistyped.Offset), mistyped.Field, "data")
		want := kindName(mistyped.Type.Kind().String())
		return FieldError{field, fmt.Sprintf("must be %s, is a JSON %s", want, shortValue(mistyped.Value))}
	}
	if field := misreadTime(raw); field != "" {
		return FieldError{field, "must be a time as in RFC 3339 (example: 2026-11-22T10:30:00Z)"}
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("data: is not valid JSON (at byte %d)", syntax.Offset)
	}
	return errors.New("data: is not valid JSON")
}

// misreadTime finds the field whose time can't be read, since the errors of time.Time do not name the field.
func misreadTime(raw []byte) string {
	var data struct {
		GrantedAt json.RawMessage `json:"granted_at"`
		At        json.RawMessage `json:"at"`
		StartAt   json.RawMessage `json:"start_at"`
		Filter    struct {
			Since json.RawMessage `json:"since"`
			Until json.RawMessage `json:"until"`
		} `json:"filter"`
		Selection struct {
			Statuses struct {
				After  json.RawMessage `json:"login_after"`
				Before json.RawMessage `json:"login_before"`
			} `json:"statuses"`
		} `json:"selection"`
	}
	if json.Unmarshal(raw, &data) != nil {
		return ""
	}
	for _, f := range []struct {
		name string
		raw  json.RawMessage
	}{{"granted_at", data.GrantedAt}, {"at", data.At}, {"start_at", data.StartAt},
		{"filter.since", data.Filter.Since},
		{"filter.until", data.Filter.Until},
		{"selection.statuses.login_after", data.Selection.Statuses.After},
		{"selection.statuses.login_before", data.Selection.Statuses.Before}} {
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
	case "int", "int64", "uint64":
		return "an integer"
	case "slice":
		return "a list"
	case "struct", "map", "ptr":
		return "an object"
	default:
		return "a " + goKind
	}
}

// fields collects the problems of one event's fields. The decoder has already checked that they are valid JSON. But it
// does not distinguish a missing field from an empty one, so fields reads the names again.
type fields struct {
	object   []field // the object being checked
	path     string
	problems []error
	leftOut  []FieldError // see [LeftOut]
}

// field is a field with its value as JSON.
type field struct{ name, value, rawName string }

// fieldsOf splits an object into its fields, and does not look into nested objects.
func fieldsOf(object, path string) *fields {
	f := &fields{object: make([]field, 0, 8), path: path}
	gjson.Parse(object).ForEach(func(name, value gjson.Result) bool {
		f.object = append(f.object, field{name.Str, value.Raw, name.Raw})
		return true
	})
	return f
}

// value returns a field's value as JSON, or "" if the field is missing. If the field occurs more than once, the last
// one counts, as in the decoder.
func (f *fields) value(name string) string {
	for _, field := range slices.Backward(f.object) {
		if field.name == name {
			return field.value
		}
	}
	return ""
}

// mostProblems is how many problems of one event are reported. A list may have 20,000 entries, and the report must fit
// into a header.
const mostProblems = 20

func (f *fields) err() error {
	if more := len(f.problems) - mostProblems; more > 0 {
		return errors.Join(append(f.problems[:mostProblems:mostProblems], fmt.Errorf("and %d more", more))...)
	}
	return errors.Join(f.problems...)
}

// ambiguous reports names that occur twice in the object, in different case. The decoder takes both for the same field,
// so the checked value could differ from the used one.
func (f *fields) ambiguous() bool {
	if !slices.ContainsFunc(f.object, func(field field) bool { return hasCase(field.name) }) {
		return false
	}
	written, reported := map[string]string{}, map[string]bool{}
	for _, field := range f.object {
		// To capitals and back, so that the long s becomes s, and the Kelvin sign k.
		folded := strings.ToLower(strings.ToUpper(field.name))
		if other, again := written[folded]; again && other != field.name && !reported[folded] {
			f.wrong(shortName(folded), "occurs twice, in different case")
			reported[folded] = true
		}
		written[folded] = field.name
	}
	return len(reported) > 0
}

// hasCase says whether a name has a capital or a letter outside ASCII. Two names without either can't differ in case
// only.
func hasCase(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf || r >= 'A' && r <= 'Z' })
}

func (f *fields) wrong(name, problem string, args ...any) {
	f.problems = append(f.problems, FieldError{f.path + name, fmt.Sprintf(problem, args...)})
}

// given says whether the JSON has the field with a value. If not, it reports the field as missing.
func (f *fields) given(name string) bool {
	if f.has(name) {
		return true
	}
	f.wrong(name, "missing")
	return false
}

func (f *fields) has(name string) bool {
	value := f.value(name)
	return value != "" && value != "null"
}

// inside checks the fields of a nested object.
func (f *fields) inside(name, object string, check func(*fields)) {
	switch {
	case object == "":
		f.wrong(name, "must be written in lower case")
		return
	case object[0] != '{' && object != "null":
		f.wrong(name, "must be an object")
		return
	}
	inner := fieldsOf(object, f.path+name+".")
	if !inner.ambiguous() {
		check(inner)
	}
	f.problems = append(f.problems, inner.problems...)
}

// each checks every object of a list. Its problems name the index, as in recipients[2].email.
func (f *fields) each(name string, check func(f *fields, i int)) {
	list := f.value(name)
	if list == "" || list[0] != '[' {
		f.wrong(name, "must be a list")
		return
	}
	i := 0
	gjson.Parse(list).ForEach(func(_, object gjson.Result) bool {
		f.inside(name+"["+strconv.Itoa(i)+"]", object.Raw, func(inner *fields) { check(inner, i) })
		i++
		return true
	})
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
	case strings.ContainsFunc(value, outsideID):
		f.wrong(name, "has a space or a control character in it")
	}
}

// outsideID says whether a character may not be in an id: people compare ids on screens and in logs, so they must not
// look like others.
func outsideID(r rune) bool {
	return r <= ' ' || r >= 0x7f && r <= 0x9f || r == utf8.RuneError || r == '\u2028' || r == '\u2029' ||
		r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
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

// nameOfFact folds the white space in the name that a fact has, and checks it like [fields.text]. A tab or a line break
// must not cost the whole fact: without it, mails go by an older one, to an address that may be wrong (ADR 91).
func (f *fields) nameOfFact(value *string) {
	*value = folded(*value)
	f.text("name", *value, maxName)
}

// folded returns a text without white space at its ends, and with one space for any other.
func folded(text string) string {
	gap := true // nothing or white space is before the character
	for _, r := range text {
		space := unicode.IsSpace(r)
		if space && (gap || r != ' ') {
			return strings.Join(strings.Fields(text), " ")
		}
		gap = space
	}
	return strings.TrimSuffix(text, " ")
}

func (f *fields) optionalText(name, value string, longest int) {
	switch {
	case utf8.RuneCountInString(value) > longest:
		f.wrong(name, "is longer than %d characters", longest)
	case strings.ContainsFunc(value, isControl):
		f.wrong(name, "has a line break or another control character in it")
	}
}

// paragraphs checks a text of several lines.
func (f *fields) paragraphs(name, value string, longest int) {
	switch {
	case utf8.RuneCountInString(value) > longest:
		f.wrong(name, "is longer than %d characters", longest)
	case strings.ContainsFunc(value, func(r rune) bool { return isControl(r) && r != '\n' && r != '\r' && r != '\t' }):
		f.wrong(name, "has a control character in it")
	}
}

func (f *fields) oneOf(name, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		f.wrong(name, "must be one of: %s", strings.Join(allowed, ", "))
	}
}
