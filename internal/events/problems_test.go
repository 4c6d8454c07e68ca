package events

import (
	"errors"
	"slices"
	"testing"
)

func TestProblems(t *testing.T) {
	t.Parallel()
	_, several := DecodeData(ContactUpserted, []byte(`{"name": "", "email": 5}`))
	_, two := DecodeData(ContactUpserted, []byte(`{"name": ""}`))
	_, unnamed := DecodeData(ContactUpserted, nil)
	for _, c := range []struct {
		err    error
		fields []string
	}{
		{several, []string{"email"}}, // the decoder stops at the mistyped field
		{two, []string{"contact_id", "name"}},
		{unnamed, []string{"data"}},
		{errors.New("it is raining"), []string{"event"}},
	} {
		var fields []string
		for _, problem := range Problems(c.err) {
			fields = append(fields, problem.Field)
			if problem.Problem == "" {
				t.Errorf("%v: the problem of %s has no text", c.err, problem.Field)
			}
		}
		if !slices.Equal(fields, c.fields) {
			t.Errorf("%v: the fields are %q, want %q", c.err, fields, c.fields)
		}
	}
}
