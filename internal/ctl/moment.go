package ctl

import (
	"fmt"
	"strings"
	"time"
)

// moment is the time that a flag gives: a duration back from now, or a time in RFC 3339.
type moment struct{ time.Time }

// UnmarshalText is called by kong.
func (m *moment) UnmarshalText(text []byte) error {
	if ago, err := time.ParseDuration(string(text)); err == nil && ago >= 0 {
		m.Time = time.Now().Add(-ago)
		return nil
	}
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return fmt.Errorf("%q is neither a duration back from now (example: 2h) nor a time (example: 2026-11-22T08:00:00Z)",
			text)
	}
	m.Time = at
	return nil
}

// pointer is nil if the flag was not given.
func (m moment) pointer() *time.Time {
	if m.IsZero() {
		return nil
	}
	return &m.Time
}

// shown writes a time for people, in UTC like everything the pipeline says.
func shown(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04 UTC")
}

// inWords writes a duration as people say it: "90 days", "36 hours", "1 hour 30 minutes". It cuts off fractions of a
// second, unless the duration is shorter than one second.
func inWords(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= time.Second {
		d = d.Truncate(time.Second)
	}
	if d >= 2*day && d%day == 0 {
		return count(int(d/day), "day")
	}
	var parts []string
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := d / unit.of; n > 0 {
			parts = append(parts, count(int(n), unit.name))
			d %= unit.of
		}
	}
	if len(parts) == 0 {
		return d.String()
	}
	return strings.Join(parts, " ")
}
