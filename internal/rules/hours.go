package rules

import (
	"errors"
	"fmt"
	"time"
)

// Hours are the hours of a day, by a firm's clock, in which its bulk mails and its reminders may leave (ADR 139). They
// begin at the minute From after midnight and end before Until. The zero value lets mails leave at any hour.
type Hours struct{ From, Until int }

const (
	minutesOfDay = 24 * 60
	// leastHours is how long a firm's hours must be. When clocks change, a day can lose as much as two hours.
	leastHours = 4 * 60
)

// ParseHours reads hours as 08:00-20:00. They end on the day on which they begin, which may be at 24:00.
func ParseHours(text string) (Hours, error) {
	if len(text) != len("08:00-20:00") || text[5] != '-' {
		return Hours{}, errors.New("must be two times of a day (example: 08:00-20:00)")
	}
	from, ok := minuteOf(text[:5])
	until, also := minuteOf(text[6:])
	switch {
	case !ok || !also || from == minutesOfDay:
		return Hours{}, errors.New("must be two times of a day (example: 08:00-20:00)")
	case until-from < leastHours:
		return Hours{}, errors.New("must be at least four hours of one day (example: 08:00-20:00)")
	case until-from == minutesOfDay:
		return Hours{}, errors.New("must leave out some hours of the day (example: 08:00-20:00)")
	}
	return Hours{from, until}, nil
}

// minuteOf is the minute of a day at a time like 08:00, up to 24:00.
func minuteOf(text string) (minute int, ok bool) {
	if text == "24:00" {
		return minutesOfDay, true
	}
	t, err := time.Parse("15:04", text)
	return t.Hour()*60 + t.Minute(), err == nil
}

// String writes hours as [ParseHours] reads them.
func (h Hours) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", h.From/60, h.From%60, h.Until/60, h.Until%60)
}

// contains says whether mails may leave at a local time.
func (h Hours) contains(local time.Time) bool {
	minute := local.Hour()*60 + local.Minute()
	return h.From <= minute && minute < h.Until
}

// Window is when mails may leave, from a time on: from opens on, which is that time or later, and before closes.
func (h Hours) Window(zone *time.Location, from time.Time) (opens, closes time.Time) {
	opens = h.next(true, zone, from)
	return opens, h.next(false, zone, opens)
}

// next is the first time from t on at which mails may leave, or at which they may not.
//
// As long as a zone's offset stays, its clocks run evenly. So the next time is found by counting minutes, up to the
// next change of the offset. There the clocks jump, and it begins anew.
func (h Hours) next(open bool, zone *time.Location, t time.Time) time.Time {
	edge := h.From
	if !open {
		edge = h.Until
	}
	for {
		local := t.In(zone)
		if h.contains(local) == open {
			return t
		}
		minute := local.Hour()*60 + local.Minute()
		wait := time.Duration((edge-minute+minutesOfDay)%minutesOfDay)*time.Minute -
			time.Duration(local.Second())*time.Second - time.Duration(local.Nanosecond())
		at := t.Add(wait)
		_, change := local.ZoneBounds()
		if change.IsZero() || at.Before(change) {
			return at
		}
		t = change
	}
}
