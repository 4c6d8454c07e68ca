package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// LeftOut returns the fields of a fact that can't be used and were left out, with what is wrong with each (ADR 128).
// The fact is valid without them. They only decorate mails, or have a safe default. If the fact was refused, mails
// would go by an older one. A tool that can still tell the sender should take them for errors.
func LeftOut(data Data) []FieldError {
	switch d := data.(type) {
	case *Firm:
		return d.leftOut
	case *Contact:
		return d.leftOut
	case *Client, *RemovedClient, *RemovedContact, *Merge, *Grant, *Suppression, *MailReport, *Template,
		*RemovedTemplate, *Request, *BulkRequest, *ReplayRequest, *Instruction, *Schedule, *Erasure:
	}
	return nil
}

// Strict returns the error of [Decode], or else an error with the fields that were left out.
func Strict(event Event, err error) error {
	if err != nil {
		return err
	}
	var problems []error
	for _, field := range LeftOut(event.Data) {
		problems = append(problems, field)
	}
	return errors.Join(problems...)
}

// orLeftOut checks an optional field if it has a value. If it can't be used, it is emptied, and what is wrong with it
// is noted. The fact stays valid.
func (f *fields) orLeftOut(value *string, check func(f *fields, value string)) {
	if *value == "" {
		return
	}
	others := f.problems
	f.problems = nil
	check(f, *value)
	for _, problem := range f.problems {
		f.leftOut = append(f.leftOut, problemOf(problem))
		*value = ""
	}
	f.problems = others
}

// unmarshal decodes the body of an event. An optional field with a value of another JSON type is left out.
func (r row) unmarshal(raw []byte) (Data, []FieldError, error) {
	data := r.newData()
	err := json.Unmarshal(raw, data)
	if _, mistyped := errors.AsType[*json.UnmarshalTypeError](err); !mistyped || len(r.optional) == 0 {
		return data, nil, err
	}
	kept, leftOut := r.withoutMistyped(raw)
	data = r.newData()
	if json.Unmarshal(kept, data) != nil {
		return nil, nil, err
	}
	return data, leftOut, nil
}

// withoutMistyped returns an object without the optional fields that are not strings.
func (r row) withoutMistyped(raw []byte) (kept []byte, leftOut []FieldError) {
	var fields [][]byte
	gjson.ParseBytes(raw).ForEach(func(name, value gjson.Result) bool {
		optional := slices.ContainsFunc(r.optional, func(o string) bool { return strings.EqualFold(o, name.Str) })
		if !optional || value.Type == gjson.String || value.Type == gjson.Null {
			fields = append(fields, []byte(name.Raw+":"+value.Raw))
			return true
		}
		leftOut = append(leftOut, FieldError{
			strings.ToLower(name.Str), fmt.Sprintf("must be a string, is a JSON %s", jsonKind(value)),
		})
		return true
	})
	return slices.Concat([]byte("{"), bytes.Join(fields, []byte(",")), []byte("}")), leftOut
}

// jsonKind is the kind of a value in the words of encoding/json.
func jsonKind(value gjson.Result) string {
	switch {
	case value.IsBool():
		return "bool"
	case value.IsArray():
		return "array"
	case value.IsObject():
		return "object"
	default:
		return strings.ToLower(value.Type.String())
	}
}
