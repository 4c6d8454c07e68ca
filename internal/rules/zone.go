package rules

import (
	"strings"
	"time"
	_ "time/tzdata" // the time zones, also where the system has none
)

// Location finds a time zone by its name in the IANA database. It returns nil if there is none of that name.
func Location(name string) *time.Location {
	if name == "" || name == "Local" { // this machine's zone has nothing to do with a firm
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return zone
}

// In returns a time in the firm's time zone, or in UTC if the firm has none or is not known.
func (f *Firm) In(t time.Time) time.Time {
	if f == nil || f.Zone == nil {
		return t.UTC()
	}
	return t.In(f.Zone)
}

// Soon is how near a time must be for its hour to matter.
const Soon = 48 * time.Hour

// Day writes the day of a time, in the time's own zone.
func Day(t time.Time) string { return t.Format("January 2, 2006") }

// DayOrMoment writes a time that something ends at: the day, and if it is near, also the hour and the zone.
func DayOrMoment(t, now time.Time) string {
	if left := t.Sub(now); left >= Soon || left <= -Soon {
		return Day(t)
	}
	return Day(t) + t.Format(", 3:04 PM ") + ZoneName(t)
}

// ZoneName is the zone of a time as readers know it: PST, or UTC-03:00 where the zone has no such name.
func ZoneName(t time.Time) string {
	name, _ := t.Zone()
	if name == "" || strings.ContainsAny(name, "+-") {
		return "UTC" + t.Format("-07:00")
	}
	return name
}
