package pages

import (
	"net/http"
	"time"

	"portal-invites/internal/api"
)

// fieldTime is how a browser's field for a day and an hour writes it.
const fieldTime = "2006-01-02T15:04"

// startOf reads when a run shall begin; nil if the field is empty. The field has the hour of the firm, and an event
// needs the offset (ADR 159).
func (f *frame) startOf(field string) (*time.Time, error) {
	text := f.text(field)
	if text == "" {
		return nil, nil //nolint:nilnil // no start is no error
	}
	at, err := time.ParseInLocation(fieldTime, text, f.Zone)
	if err != nil {
		return nil, badRequest(f.T("start.wrong"))
	}
	if at.Format(fieldTime) != text { // the clock is put forward that night
		return nil, badRequest(f.T("start.skipped", "city", f.ZoneCity()))
	}
	if at.Before(f.Now) {
		return nil, badRequest(f.T("start.past", "when", f.At(at)))
	}
	return &at, nil
}

// badRequest is an input that the form's page refuses, in the reader's language.
func badRequest(text string) error { return &api.Error{Code: http.StatusBadRequest, Message: text} }
