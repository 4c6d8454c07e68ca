package words

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

var (
	tags    = []language.Tag{language.AmericanEnglish, language.Spanish, language.French}
	matcher = language.NewMatcher(tags)
)

// Choose returns the language that a reader has chosen, or else the first of the browser's Accept-Language that the
// console speaks.
func Choose(chosen, accepted string) Language {
	for _, l := range Languages() {
		if string(l) == chosen {
			return l
		}
	}
	wanted, _, err := language.ParseAcceptLanguage(accepted)
	if err != nil || len(wanted) == 0 {
		return English
	}
	_, at, _ := matcher.Match(wanted...)
	return Languages()[at]
}

// Printer writes for one reader: in a language, and by the clock of a firm.
type Printer struct {
	Lang    Language
	Zone    *time.Location
	Now     time.Time
	numbers *message.Printer
}

// NewPrinter returns a printer. A firm without a time zone goes by UTC.
func NewPrinter(l Language, zone *time.Location, now time.Time) Printer {
	tag := tags[0]
	for i, known := range Languages() {
		if known == l {
			tag = tags[i]
		}
	}
	return Printer{Lang: l, Zone: zone, Now: now.In(zone), numbers: message.NewPrinter(tag)}
}

// T returns a text. pairs are names and values for its gaps.
func (p Printer) T(key string, pairs ...any) string { return fill(lookUp(key, p.Lang), pairs) }

// N returns a text about a count. {n} stands for the count.
func (p Printer) N(key string, n int, pairs ...any) string {
	return fill(lookUp(form(key, n), p.Lang), append([]any{"n", p.Num(n)}, pairs...))
}

// Num writes a number with the separators of the language.
func (p Printer) Num(n int) string { return p.numbers.Sprintf("%d", n) }

// Known returns a text if the table has it, and otherwise what is given. A newer worker may know more than this
// console.
func (p Printer) Known(key, otherwise string) string {
	if Has(key) {
		return p.T(key)
	}
	return otherwise
}

// Clock writes the hour of a time.
func (p Printer) Clock(t time.Time) string { return p.clock(t, false) }

// Second writes the hour of a time to the second.
func (p Printer) Second(t time.Time) string { return p.clock(t, true) }

func (p Printer) clock(t time.Time, seconds bool) string {
	layout := lookUp("clock", p.Lang)
	if seconds {
		layout = lookUp("clock.seconds", p.Lang)
	}
	return strings.ToLower(t.In(p.Zone).Format(layout))
}

// Day writes a day shortly, with the year if it is another one.
func (p Printer) Day(t time.Time) string {
	t = t.In(p.Zone)
	key := "day.short"
	if t.Year() != p.Now.Year() {
		key = "day.year"
	}
	return p.date(key, "month.short", t)
}

// FullDay writes a day in full.
func (p Printer) FullDay(t time.Time) string { return p.date("day.full", "month", t.In(p.Zone)) }

func (p Printer) date(key, month string, t time.Time) string {
	return p.T(key, "day", t.Day(), "year", t.Year(), "month", p.T(fmt.Sprintf("%s.%d", month, t.Month())))
}

// IsToday says whether a time is on the present day of the firm.
func (p Printer) IsToday(t time.Time) bool {
	t = t.In(p.Zone)
	return t.Year() == p.Now.Year() && t.YearDay() == p.Now.YearDay()
}

// When writes a time for a list: the hour if it is today, the day if not.
func (p Printer) When(t time.Time) string {
	if p.IsToday(t) {
		return p.Clock(t)
	}
	return p.Day(t)
}

// At writes a day with the hour.
func (p Printer) At(t time.Time) string {
	if p.IsToday(t) {
		return p.T("today.at", "time", p.Clock(t))
	}
	return p.T("day.at", "day", p.Day(t), "time", p.Clock(t))
}

// Since writes how long something has lasted.
func (p Printer) Since(t time.Time) string { return p.Long(p.Now.Sub(t)) }

// Long writes a duration in its greatest unit.
func (p Printer) Long(d time.Duration) string {
	switch {
	case d < time.Second:
		return p.T("moment")
	case d < time.Minute:
		return p.N("seconds", int(d/time.Second))
	case d < time.Hour:
		return p.N("minutes", int(d/time.Minute))
	case d < 48*time.Hour:
		return p.N("hours", int(d/time.Hour))
	default:
		return p.N("days", int(d/(24*time.Hour)))
	}
}

// HasZone says whether the times are those of a zone other than UTC.
func (p Printer) HasZone() bool { return p.Zone != time.UTC }

// ZoneCity is the city that names the zone, as the foot of a page says it.
func (p Printer) ZoneCity() string {
	name := p.Zone.String()
	return strings.ReplaceAll(name[strings.LastIndex(name, "/")+1:], "_", " ")
}
