package rules

import (
	"time"
)

// FirmRate is how many mails a firm has sent in the last hour (ADR 153). It only postpones.
type FirmRate struct {
	Mails Tally     `json:"m"`
	Next  time.Time `json:"n"` // when the next mail of a run or a reminder may leave
}

// runBurst is how much of a rate a run can make up for, if its mails leave late.
const runBurst = time.Second

// runInterval is the time between two mails of a run: a run takes nine tenths of an hour's mails, evenly.
func runInterval(most int) time.Duration { return hourLong * 10 / time.Duration(max(9*most, 10)) }

// runShare is how many mails may leave in an hour while a run goes on. A twentieth is left for individual mails.
func runShare(most int) int { return max(1, most-(most+19)/20) }

// FreeAt is when a mail may leave, of a run or a reminder (bulk) or an individual one; zero if it may leave now. most
// is how many mails may leave in an hour; 0 is no limit.
func (r *FirmRate) FreeAt(bulk bool, most int, now time.Time) time.Time {
	if r == nil || most <= 0 {
		return time.Time{}
	}
	if !bulk {
		return r.Mails.FreeAt(most, hourLong, now)
	}
	at := r.Mails.FreeAt(runShare(most), hourLong, now)
	if r.Next.After(now) && r.Next.After(at) {
		return r.Next
	}
	return at
}

// Add counts a mail that leaves.
func (r *FirmRate) Add(bulk bool, most int, now time.Time) {
	r.Mails.Add(1, now, hourLong)
	if !bulk {
		return
	}
	if earliest := now.Add(-runBurst); r.Next.Before(earliest) {
		r.Next = earliest
	}
	r.Next = r.Next.Add(runInterval(most))
}

// Until is when nothing counts any more.
func (r *FirmRate) Until() time.Time {
	if until := r.Mails.Until(hourLong); until.After(r.Next) {
		return until
	}
	return r.Next
}

// LastAt is when the last of n mails that wait will leave, if nothing else is sent meanwhile.
func (r *FirmRate) LastAt(bulk bool, n, most int, now time.Time) time.Time {
	if most <= 0 || n <= 0 {
		return now
	}
	if bulk {
		first := now
		if r != nil && r.FreeAt(true, most, now).After(now) {
			first = r.FreeAt(true, most, now)
		}
		return first.Add(time.Duration(n-1) * runInterval(most))
	}
	hours := (n - 1) / most // each leaves an hour after the mail that has its place now
	n -= hours * most
	last := now
	if r != nil {
		if at := r.Mails.FreeAt(most-n+1, hourLong, now); at.After(last) {
			last = at
		}
	}
	return last.Add(time.Duration(hours) * hourLong)
}
