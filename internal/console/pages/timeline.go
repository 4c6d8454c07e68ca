package pages

import (
	"slices"
	"time"

	"portal-invites/internal/api"
)

// day is a day of a timeline.
type day struct {
	Name   string
	Events []happened
}

// happened is one thing that happened.
type happened struct {
	At, Machine string // for people, and for machines
	Shape       status // its word is the head
	Text        string
	Said        string // a server's words

	at time.Time
}

// timeline is what happened to the last invite of a person, and to the access, by day.
func (f *frame) timeline(st api.Status) (days []day) {
	var all []happened
	add := func(at time.Time, icon, tone, key, text, said string) {
		if !at.IsZero() {
			all = append(all, happened{at: at, Shape: status{icon, f.T("happened." + key), tone}, Text: text, Said: said})
		}
	}
	if a := st.Access; a != nil {
		add(a.RemindedAt, "invited", "", "reminded", "", "")
		add(a.LastLogin, "active", "ok", "login", "", "")
		add(a.RemovedAt, "removed", "bad", "removed", "", "")
		if a.State == "expired" {
			add(a.ExpiresAt, "expired", "warn", "expired", "", "")
		}
	}
	if i := st.LastInvite; i != nil {
		f.invite(i, add)
	}
	slices.SortStableFunc(all, func(a, b happened) int { return a.at.Compare(b.at) })
	for _, one := range all {
		name := f.FullDay(one.at)
		if f.IsToday(one.at) {
			name = f.T("today", "day", name)
		}
		one.At, one.Machine = f.Second(one.at), one.at.In(f.Zone).Format(time.RFC3339)
		if len(days) == 0 || days[len(days)-1].Name != name {
			days = append(days, day{Name: name})
		}
		last := &days[len(days)-1]
		last.Events = append(last.Events, one)
	}
	return days
}

// invite adds what happened to an invite.
func (f *frame) invite(i *api.LastInvite, add func(at time.Time, icon, tone, key, text, said string)) {
	switch {
	case i.State == "skipped" && len(i.Reasons) > 0:
		add(i.DecidedAt, "notsent", "warn", "skipped", i.Reasons[0].Explanation, "")
	case len(i.Skipped) > 0:
		add(i.DecidedAt, "live", "soft", "decided.again", i.Skipped[0].Explanation, "")
	default:
		add(i.DecidedAt, "live", "soft", "decided", f.T("happened.decided.say"), "")
	}
	for n, a := range i.AttemptLog {
		isLast := n == len(i.AttemptLog)-1
		switch {
		case a.FinishedAt.IsZero():
			add(a.StartedAt, "wait", "", "trying", "", "")
		case a.Verdict == "accepted" || isLast && i.State == "sent":
			// told by SentAt
		case isLast && i.State == "failed":
			add(a.FinishedAt, "bounced", "bad", "refused", "", a.Said)
		default:
			add(a.FinishedAt, "wait", "warn", "tried", f.T("happened.tried.say"), a.Said)
		}
	}
	add(i.SentAt, "invited", "", "sent", "", "")
	add(i.DelayedAt, "wait", "warn", "delayed", "", "")
	add(i.DeliveredAt, "delivered", "", "delivered", "", "")
	add(i.ComplainedAt, "bounced", "bad", "complained", "", "")
	if i.State == "queued" && !i.Held {
		add(i.NextAttempt, "wait", "", "next", "", "")
	}
}
