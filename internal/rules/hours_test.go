package rules_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"portal-invites/internal/rules"
)

func TestParseHours(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"08:00-20:00": true, "00:00-04:00": true, "20:00-24:00": true, "08:30-12:30": true,
		"8:00-20:00": false, "08:00-20:00 ": false, "08:00–20:00": false, "24:00-24:00": false, "08:00-25:00": false,
		"20:00-08:00": false, "08:00-11:59": false, "00:00-24:00": false, "08:60-20:00": false, "": false, "-": false,
	} {
		hours, err := rules.ParseHours(text)
		if (err == nil) != ok || ok && hours.String() != text {
			t.Errorf("%q: %v %v", text, hours, err)
		}
	}
}

// Both changes of the clocks, in both hemispheres, and a change by half an hour. On the day of a change, the hours are
// those that a clock on the wall shows.
func TestHoursOnDaysOfAChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, hours, at, opens, closes string }{
		{"America/New_York", "08:00-20:00", "2026-03-08T04:00:00Z", "2026-03-08T12:00:00Z", "2026-03-09T00:00:00Z"},
		{"America/New_York", "08:00-20:00", "2026-11-01T03:00:00Z", "2026-11-01T13:00:00Z", "2026-11-02T01:00:00Z"},
		{"America/New_York", "08:00-20:00", "2027-03-14T04:00:00Z", "2027-03-14T12:00:00Z", "2027-03-15T00:00:00Z"},
		{"America/New_York", "02:30-08:00", "2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z", "2026-03-08T12:00:00Z"},
		{"America/New_York", "01:30-08:00", "2026-11-01T05:00:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z"},
		{"Australia/Lord_Howe", "08:00-20:00", "2026-10-03T12:00:00Z", "2026-10-03T21:00:00Z", "2026-10-04T09:00:00Z"},
		{"Pacific/Kiritimati", "08:00-20:00", "2026-11-27T07:00:00Z", "2026-11-27T18:00:00Z", "2026-11-28T06:00:00Z"},
		{"Asia/Kolkata", "08:00-24:00", "2026-11-27T18:29:59Z", "2026-11-27T18:29:59Z", "2026-11-27T18:30:00Z"},
	} {
		hours, err := rules.ParseHours(c.hours)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		opens, closes := hours.Window(rules.Location(c.zone), at)
		if got := opens.UTC().Format(time.RFC3339); got != c.opens {
			t.Errorf("%s in %s opens at %s, want %s", c.hours, c.zone, got, c.opens)
		}
		if got := closes.UTC().Format(time.RFC3339); got != c.closes {
			t.Errorf("%s in %s closes at %s, want %s", c.hours, c.zone, got, c.closes)
		}
	}
}

var zones = []string{
	"America/New_York", "America/Los_Angeles", "Europe/London", "Europe/Dublin", "Australia/Lord_Howe",
	"Antarctica/Troll", "Pacific/Apia", "Pacific/Kiritimati", "Pacific/Chatham", "Asia/Kathmandu", "Africa/Casablanca",
	"America/St_Johns", "America/Sao_Paulo", "Asia/Tehran", "Etc/GMT+12", "UTC",
}

// Whatever the zone, the hours and the time: mails leave at all minutes of a window, and at no minute before it. Nobody
// waits for more than a day and the hours that a change of clocks adds.
func TestHoursAreThoseOfTheWallClock(t *testing.T) {
	t.Parallel()
	first := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(r *rapid.T) {
		from := rapid.IntRange(0, 20*60-1).Draw(r, "from")
		hours := rules.Hours{From: from, Until: rapid.IntRange(from+4*60, 24*60-1).Draw(r, "until")}
		zone := rules.Location(rapid.SampledFrom(zones).Draw(r, "zone"))
		at := first.Add(time.Duration(rapid.Int64Range(0, 5*365*24*3600).Draw(r, "second")) * time.Second)
		if rapid.Bool().Draw(r, "near a change") {
			if _, change := at.In(zone).ZoneBounds(); !change.IsZero() {
				at = change.Add(time.Duration(rapid.Int64Range(-26*3600, 3600).Draw(r, "seconds from it")) * time.Second)
			}
		}
		opens, closes := hours.Window(zone, at)
		inside := func(when time.Time) bool {
			local := when.In(zone)
			minute := local.Hour()*60 + local.Minute()
			return hours.From <= minute && minute < hours.Until
		}
		if opens.Before(at) || !closes.After(opens) || opens.Sub(at) > 26*time.Hour || closes.Sub(opens) > 26*time.Hour {
			r.Fatalf("%v in %v at %v: from %v until %v", hours, zone, at, opens, closes)
		}
		for when := at; when.Before(opens); when = when.Add(time.Minute) {
			if inside(when) {
				r.Fatalf("%v in %v: open at %v, before %v", hours, zone, when.In(zone), opens.In(zone))
			}
		}
		for when := opens; when.Before(closes); when = when.Add(time.Minute) {
			if !inside(when) {
				r.Fatalf("%v in %v: not open at %v, before %v", hours, zone, when.In(zone), closes.In(zone))
			}
		}
		if inside(closes) {
			r.Fatalf("%v in %v: still open at %v", hours, zone, closes.In(zone))
		}
	})
}
