package rules

import (
	"slices"
	"time"

	"portal-invites/internal/wording"
)

// Tally counts what a firm does, by the minute. So it stays short, however much a firm does. All of a minute counts
// until its last one does not, so a limit is never exceeded.
type Tally []Tallied

// Tallied is how many there were in one minute.
type Tallied struct {
	Last time.Time `json:"t"`
	N    int       `json:"n"`
}

// Add counts n more at a time, and forgets what was longer ago than a window.
func (t *Tally) Add(n int, now time.Time, window time.Duration) {
	minute := now.Truncate(time.Minute)
	kept := slices.DeleteFunc(*t, func(m Tallied) bool { return !now.Before(m.Last.Add(window)) })
	for i := range kept {
		if kept[i].Last.Truncate(time.Minute).Equal(minute) {
			kept[i].N += n
			if now.After(kept[i].Last) {
				kept[i].Last = now
			}
			*t = kept
			return
		}
	}
	*t = append(kept, Tallied{now, n})
}

// TakeBack takes back one that was counted at a time, if it still counts.
func (t *Tally) TakeBack(at time.Time) {
	for i, m := range *t {
		if m.N > 0 && m.Last.Truncate(time.Minute).Equal(at.Truncate(time.Minute)) {
			(*t)[i].N--
			return
		}
	}
}

// FreeAt is when fewer than most count within a window; zero if that is so now, or if most is 0.
func (t *Tally) FreeAt(most int, window time.Duration, now time.Time) time.Time {
	if t == nil || most <= 0 {
		return time.Time{}
	}
	newest := slices.SortedFunc(slices.Values(*t), func(a, b Tallied) int { return b.Last.Compare(a.Last) })
	sum := 0
	for _, m := range newest {
		if !now.Before(m.Last.Add(window)) {
			break
		}
		if sum += m.N; sum >= most {
			return m.Last.Add(window)
		}
	}
	return time.Time{}
}

// Until is when nothing counts any more.
func (t *Tally) Until(window time.Duration) (until time.Time) {
	for _, m := range *t {
		if m.Last.Add(window).After(until) {
			until = m.Last.Add(window)
		}
	}
	return until
}

// addedPeopleLimit is for a firm that invites too many people who are no contacts.
func addedPeopleLimit(q *question) *Reason {
	if !q.person.Added() || q.ask.DuplicateOf != "" || q.mailbox.find(q.ask.Mail, q.now) != nil {
		return nil
	}
	retryAt := q.added.FreeAt(q.limits().AddedPeopleDay, dayLong, q.now)
	if retryAt.IsZero() {
		return nil
	}
	names := q.names()
	if q.firm != nil {
		names.Firm = NameOnly(q.firm.Name)
	}
	q.nameTime(&names, retryAt)
	reason := because(wording.Plain, names)
	reason.RetryAt = retryAt
	return reason
}
