package wording

import (
	"flag"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A date is that of the time's zone. If it is near, the hour and the zone are said as well.
func TestDates(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, time.November, 27, 3, 8, 25, 0, time.UTC)
	for _, c := range []struct{ language, zone, far, near string }{
		{"en", "UTC", "November 27, 2026", "November 27, 2026, 3:08 AM UTC"},
		{"en", "America/Los_Angeles", "November 26, 2026", "November 26, 2026, 7:08 PM PST"},
		{"en", "America/Sao_Paulo", "November 27, 2026", "November 27, 2026, 12:08 AM UTC-03:00"},
		{"en", "Asia/Kathmandu", "November 27, 2026", "November 27, 2026, 8:53 AM UTC+05:45"},
		{"es", "America/Los_Angeles", "26 de noviembre de 2026", "26 de noviembre de 2026, 19:08 PST"},
		{"fr", "America/Los_Angeles", "26 novembre 2026", "26 novembre 2026 à 19 h 08 (PST)"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		in, calendar := at.In(zone), In(c.language).Calendar
		far, near := calendar.DayOrMoment(in, at.Add(-Soon)), calendar.DayOrMoment(in, at.Add(-Soon+time.Second))
		if far != c.far || near != c.near {
			t.Errorf("%s, %s: %q and %q, want %q and %q", c.language, c.zone, far, near, c.far, c.near)
		}
	}
	if got := In("fr").Day(time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)); got != "1er mars 2026" {
		t.Errorf("the first of a month in French: %q", got)
	}
}
