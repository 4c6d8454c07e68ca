package pipeline_test

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/answer"
)

// prune forgets what has been over since before a time, and returns the ids of the invites.
func (c *contract) prune(before time.Time) (gone []uuid.UUID) {
	for at, a := range c.access {
		contact := contactIn(at.person)
		_, clientThere := c.clients[at.client]
		wasRemoved := c.removed["contact "+contact] && contact != "" || c.removed["client "+at.client] && !clientThere
		if a.state == sRemoved && a.over.Before(before) || a.state == sExpired && a.expires.Before(before) && wasRemoved {
			delete(c.access, at)
		}
	}
	for id, i := range c.invites {
		isOver := i.state == sSent || i.state == sSkipped || i.state == sFailed
		a := c.access[place{i.client, i.person}]
		if isOver && i.decided.Before(before) && i.expires.Before(before) && i.triedAt.Before(before) &&
			(a == nil || a.invite != id) {
			delete(c.invites, id)
			gone = append(gone, id)
		}
	}
	return gone
}

// leadsTo says what a link leads to, and changes nothing.
func (c *contract) leadsTo(i *modelInvite) answer.Redemption {
	a := c.access[place{i.client, i.person}]
	switch {
	case a == nil || a.state == sRemoved || a.invite == uuid.Nil:
		return answer.LinkRemoved
	case a.state == sExpired:
		return answer.LinkExpired
	case a.invite != i.id && c.invites[a.invite].state == sSent:
		return answer.LinkReplaced
	case a.invite != i.id && c.now.Before(i.expires): // the newer mail has not left yet
		return answer.LinkRemoved
	case a.invite != i.id:
		return answer.LinkExpired
	case !c.now.Before(i.expires): // the access is active, but the mail is too old to log in with
		return answer.LinkExpired
	case c.suspended(place{i.client, i.person}):
		return answer.LinkSuspended
	}
	return answer.LinkOpened
}

// addresses are the contacts with their emails.
func (c *contract) addresses() (list []string) {
	for id, to := range c.contacts {
		list = append(list, id+" "+to.normal)
	}
	return list
}

// statuses is what the service says about everybody with access on a client.
func (c *contract) statuses(client string) (list []string) {
	for at, a := range c.access {
		if at.client != client {
			continue
		}
		opener, state := c.invites[a.invite], a.state
		switch {
		case a.state == sInvited && opener != nil && opener.state == sQueued:
			state = "queued"
		case a.state == sExpired && opener != nil && (opener.state == sFailed || opener.state == sSkipped):
			state = "no_invite_sent"
		}
		list = append(list, statusLine(contactIn(at.person), state, a.expires))
	}
	return list
}

// statusLine leaves out a time that does not matter: when a link would have ended that somebody has used.
func statusLine(contact, state string, expires time.Time) string {
	if state != sInvited && state != sExpired {
		return fmt.Sprintf("%s %s", contact, state)
	}
	return fmt.Sprintf("%s %s until %s", contact, state, expires.UTC().Format(time.DateTime))
}
