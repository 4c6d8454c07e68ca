package pipeline_test

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/upkeep"
	"portal-invites/internal/store"
)

// remind makes the reminders that are due, here and in the model. A worker would do it within five seconds.
func (p *played) remind() {
	p.TB.Helper()
	p.makeReminders()
	p.expectReminders()
}

// makeReminders makes the reminders of all firms that are due.
func (p *played) makeReminders() {
	p.TB.Helper()
	for none := 0; none < 2; { // once, it may be because a worker was making some
		p.nobodyReminds()
		made, err := upkeep.Config{Ledger: p.worker.Answers().Ledger}.Remind(p.Ctx)
		p.Must(err)
		if none++; made > 0 {
			none = 0
		}
	}
	p.nobodyReminds()
}

// expectReminders makes the firm's reminders that are due in the model.
func (p *played) expectReminders() {
	p.model.remind(func(of uuid.UUID, number int, client string, who named) uuid.UUID {
		cause := ledger.ReminderID(store.Invite{ID: of, Revision: p.model.invites[of].revision}, number)
		return ledger.InviteID(store.Request{ID: ledger.RequestID(p.firm, events.OutcomeSource, cause), Time: p.model.now,
			TimedIDs: true}, client, who.recipient(), 1)
	})
}

// nobodyReminds waits until no worker is about to commit reminders. Only one transaction at a time makes them.
func (p *played) nobodyReminds() {
	p.TB.Helper()
	p.Exec(`SELECT pg_advisory_xact_lock(hashtextextended('portal-invites reminders', 0))`)
}

const mostReminders = 2

// waiting is an access that may get a reminder.
type waiting struct {
	at    place
	since time.Time
	*modelAccess
}

// remind reminds people of what they have not opened for the firm's time. Of a person's portals, those that are almost
// due come with one that is due. idOf is the id of a reminder.
func (c *contract) remind(idOf func(of uuid.UUID, number int, client string, who named) uuid.UUID) {
	if c.remindsIn == 0 {
		return
	}
	var list []waiting
	due := map[string]bool{} // by person
	for at, a := range c.access {
		opener := c.invites[a.invite]
		if a.state != sInvited || a.reminders == mostReminders || opener == nil || opener.state != sSent ||
			!a.expires.After(c.now) {
			continue
		}
		w := waiting{at: at, since: a.mailed, modelAccess: a}
		if a.reminded.After(w.since) {
			w.since = a.reminded
		}
		list = append(list, w)
		due[at.person] = due[at.person] || !w.since.After(c.now.Add(-c.remindsIn)) && !c.remindedToday(at)
	}
	almost := c.now.Add(-c.remindsIn).Add(min(24*time.Hour, c.remindsIn/2))
	list = slices.DeleteFunc(list, func(w waiting) bool { return !due[w.at.person] || w.since.After(almost) })
	slices.SortFunc(list, func(a, b waiting) int {
		return cmp.Or(a.since.Compare(b.since), bytes.Compare(a.invite[:], b.invite[:]))
	})
	reminders := make([]*modelInvite, len(list))
	mails := map[string]bool{} // by person
	for n, w := range list {
		w.reminders, w.reminded = w.reminders+1, c.now
		opener := c.invites[w.invite]
		who := named{contact: contactIn(opener.person), email: opener.who.email}
		if who.contact != "" {
			who.email = email{}
		}
		id := idOf(w.invite, w.reminders, w.at.client, who)
		i := &modelInvite{id: id, cause: id.String(), process: events.InviteResendRequested, resend: true,
			audience: sInvited, client: w.at.client, who: who, at: c.now, reminds: w.invite}
		if codes, _ := c.reasons(i, nil); len(codes) == 0 {
			i.together = mails[w.at.person]
			mails[w.at.person] = true
		}
		reminders[n] = i
	}
	c.decide(reminders, nil)
}

// remindedToday says whether a person was reminded of another portal within a day.
func (c *contract) remindedToday(of place) bool {
	for at, a := range c.access {
		if at.person == of.person && at.client != of.client && a.reminded.After(c.now.Add(-24*time.Hour)) {
			return true
		}
	}
	return false
}
