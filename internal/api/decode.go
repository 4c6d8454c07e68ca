package api

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"portal-invites/internal/mail"
)

// decode decodes a request. An unknown field is an error, because a misspelled field would change what is asked.
func decode[Request any](body []byte) (Request, error) {
	var request Request
	if len(strings.TrimSpace(string(body))) == 0 {
		return request, nil
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return request, unreadable(body, err)
	}
	if decoder.More() {
		return request, invalid("body: has more than one JSON object")
	}
	return request, nil
}

// longestField is how much of a name that nobody knows comes back in an error.
const longestField = 60

// unreadable names the field that could not be read.
func unreadable(body []byte, err error) error {
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && mistyped.Field != "" {
		field := strings.TrimPrefix(mistyped.Field, "Page.") // Page is embedded, so it is not in the JSON
		kind, _, _ := strings.Cut(mistyped.Value, " ")       // a number would follow
		return invalid("%s: must not be a JSON %s", field, kind)
	}
	if field, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return invalid("%s: there is no such field", mail.Shorten(strings.Trim(field, `"`), longestField))
	}
	if _, ok := errors.AsType[*time.ParseError](err); ok {
		return invalid("%s: must be a time as in RFC 3339 (example: 2026-11-22T10:30:00Z)", misreadTime(body))
	}
	return invalid("body: is not a JSON object")
}

// misreadTime finds the first field that is not a valid time, because the error of the time's parser does not name the
// field.
func misreadTime(body []byte) string {
	type times struct{ Since, Until json.RawMessage }
	var form struct {
		times
		Filter times
	}
	_ = json.Unmarshal(body, &form) // the JSON is valid, and a field of another type stays empty
	for _, field := range []struct {
		name string
		raw  json.RawMessage
	}{
		{"since", form.Since}, {"filter.since", form.Filter.Since}, {"filter.until", form.Filter.Until},
	} {
		if field.raw != nil && json.Unmarshal(field.raw, new(time.Time)) != nil {
			return field.name
		}
	}
	return "since"
}
