package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// Place is where an answer of outcomes ends: behind a sequence of the stream that was made at that time. Two places can
// be compared if their streams are the same.
type Place struct {
	Made     time.Time
	Sequence uint64
}

// Place returns where the answer ends.
func (a OutcomesAnswer) Place() (Place, error) {
	var c cursor
	var at position
	raw, err := base64.RawURLEncoding.DecodeString(a.After)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err == nil {
		err = json.Unmarshal(c.Key, &at)
	}
	if err != nil {
		return Place{}, fmt.Errorf("read the after of an answer of outcomes: %w", err)
	}
	return Place{Made: at.Made, Sequence: at.Last}, nil
}

// From returns the request for the outcomes of a firm behind a place.
func (r OutcomesRequest) From(firm string, p Place) (OutcomesRequest, error) {
	question, err := questionOf(OutcomesEndpoint, firm, r)
	if err != nil {
		return r, err
	}
	r.After, err = pager{question: question}.next(position{Made: p.Made, Last: p.Sequence})
	return r, err
}
