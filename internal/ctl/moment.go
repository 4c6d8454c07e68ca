package ctl

import (
	"fmt"
	"time"
)

// moment is a point in time as a flag says it: a duration back from now, or a time as in RFC 3339.
type moment struct{ time.Time }

// UnmarshalText is called by kong.
func (m *moment) UnmarshalText(text []byte) error {
	if ago, err := time.ParseDuration(string(text)); err == nil && ago >= 0 {
		m.Time = time.Now().Add(-ago)
		return nil
	}
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return fmt.Errorf("%q is neither a duration back from now (example: 2h) nor a time (example: 2026-11-22T08:00:00Z)", text)
	}
	m.Time = at
	return nil
}

// pointer is nil where the flag was not given.
func (m moment) pointer() *time.Time {
	if m.IsZero() {
		return nil
	}
	return &m.Time
}

// shown is a time as people read it; in UTC, like everything the pipeline says.
func shown(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04 UTC")
}
