package wording

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Calendar is how a language writes days and times. Months are words, so that nobody takes one for the day.
type Calendar struct {
	Date         string   `yaml:"date"`           // {day}, {month} and {year}
	FirstOfMonth string   `yaml:"first_of_month"` // stands for {day} on the first
	Months       []string `yaml:"months"`
	Moment       string   `yaml:"moment"` // {date}, {time} and {zone}
	Clock        string   `yaml:"clock"`  // {time}, as Go writes four minutes past three in the afternoon
}

// Validate says what a calendar lacks.
func (c Calendar) Validate() error {
	if len(c.Months) != 12 {
		return fmt.Errorf("months: has %d, want 12", len(c.Months))
	}
	return nil
}

// Day writes the day of a time, in the time's own zone.
func (c Calendar) Day(t time.Time) string {
	day := strconv.Itoa(t.Day())
	if t.Day() == 1 {
		day = c.FirstOfMonth
	}
	return strings.NewReplacer("{day}", day, "{month}", c.Months[t.Month()-1], "{year}", strconv.Itoa(t.Year())).
		Replace(c.Date)
}

// At writes the day, the hour and the zone of a time.
func (c Calendar) At(t time.Time) string {
	return strings.NewReplacer("{date}", c.Day(t), "{time}", t.Format(c.Clock), "{zone}", ZoneName(t)).Replace(c.Moment)
}

// Soon is how near a time must be for its hour to matter.
const Soon = 48 * time.Hour

// DayOrMoment writes a time that something ends at: the day, and if it is near, also the hour and the zone.
func (c Calendar) DayOrMoment(t, now time.Time) string {
	if left := t.Sub(now); left >= Soon || left <= -Soon {
		return c.Day(t)
	}
	return c.At(t)
}

// ZoneName is the zone of a time as readers know it: PST, or UTC-03:00 where the zone has no such name.
func ZoneName(t time.Time) string {
	name, _ := t.Zone()
	if name == "" || strings.ContainsAny(name, "+-") {
		return "UTC" + t.Format("-07:00")
	}
	return name
}
