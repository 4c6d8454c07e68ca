package rules

import (
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
