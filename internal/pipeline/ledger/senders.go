package ledger

import (
	"context"
	"maps"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Room says how many mails each sender may begin to send, by its name (ADR 113).
type Room map[string]int

// Knows says whether the operator has configured a sender. The mails of a sender that is not known wait.
func (l *Ledger) Knows(sender string) bool {
	_, known := l.Senders[sender]
	return known
}

// senderOf is the sender that a firm names. The book must have the firm if it has any.
func (t *Tx) senderOf(firmID string) string {
	if firm := t.Book.Firms[firmID]; firm != nil {
		return firm.Sender
	}
	return ""
}

// isPaused says whether the individual mails of a firm wait.
func (t *Tx) isPaused(firmID string) bool {
	firm := t.Book.Firms[firmID]
	return firm != nil && firm.Paused
}

// shareRoom shares each sender's room among the firms that it sends for. It returns what each firm of the candidates
// gets. A paused firm gets nothing.
func (t *Tx) shareRoom(candidates []Candidate) map[string]int {
	shares := map[string]int{}
	for sender, room := range t.room {
		wants := map[string]int{}
		for i := range candidates {
			if firm := candidates[i].Invite.FirmID; t.senderOf(firm) == sender && !t.isPaused(firm) {
				wants[firm]++
			}
		}
		maps.Copy(shares, fairShares(wants, room))
	}
	return shares
}

// hadAttempt returns those of due invites whose firm names another sender by now, and whose mail had an attempt.
func (t *Tx) hadAttempt(ctx context.Context, due []store.Invite) (map[uuid.UUID]bool, error) {
	var moved []uuid.UUID
	for i := range due {
		if due[i].Attempt > 0 && due[i].Sender != t.senderOf(due[i].FirmID) {
			moved = append(moved, due[i].ID)
		}
	}
	return t.HadAttempt(ctx, moved)
}

// moves puts a due invite into the queue of the sender that its firm names by now, and returns true. A mail that had an
// attempt keeps its sender: its copies must look the same. A mail to another email than before is a new one.
func (t *Tx) moves(c Candidate, decision rules.Decision, attempted map[uuid.UUID]bool) bool {
	sender := t.senderOf(c.Invite.FirmID)
	keeps := attempted[c.Invite.ID] && decision.Email.Normal == c.Invite.Email.Normal
	if sender == c.Invite.Sender || keeps {
		return false
	}
	next := c.Invite
	next.Sender = sender
	t.write(c.Invite, next)
	return true
}
