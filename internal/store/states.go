package store

import "portal-invites/internal/rules"

// Transition is a step that the state of a row may take. Two rows of a table may name the same step, with another cause.
type Transition[S ~string] struct {
	From  S      // "" where the row comes into being
	To    S      // "" where it is deleted
	Cause string // what makes it take the step, in words
}

// InviteTransitions are all steps of invites.state. A database of the tests refuses any other one (testenv.Database).
//
// An invite that is held for a person is queued, with held_at set and due at no time.
var InviteTransitions = []Transition[State]{
	{"", Queued, "the rules allow a mail"},
	{"", Sending, "the rules allow a mail, and nothing keeps it from leaving at once"},
	{"", Skipped, "the rules allow no mail"},
	{Queued, Sending, "it is due, and its next attempt is on record"},
	{Queued, Skipped, "the rules allow no mail any more, when it is due or while it is held"},
	{Queued, Sent, "it was held, and has arrived: by its link, a later resend, or what a person says"},
	{Sending, Sent, "the server took the mail"},
	{Sending, Queued, "the server put the mail off, or was away"},
	{Sending, Queued, "nobody knows whether the server took the mail: it is held, or due again"},
	{Sending, Queued, "its worker stopped, or could not tell whether the attempt was on record"},
	{Sending, Failed, "the server refused the mail, or put it off for too long, or the mail could not be built"},
	{Skipped, Queued, "it is decided again, and what was wrong is fixed"},
	{Failed, Queued, "it is decided again, and the rules allow a mail"},
	{Failed, Skipped, "it is decided again, and the rules allow no mail"},
	{Sent, "", "it was over for long enough"},
	{Skipped, "", "it was over for long enough"},
	{Failed, "", "it was over for long enough"},
}

// AccessTransitions are all steps of access.state, held to like [InviteTransitions]. A row is never deleted: it remembers the newest
// event that had a say, so that an older one delivered again can't revive what is over.
var AccessTransitions = []Transition[rules.AccessState]{
	{"", rules.Invited, "an invite is decided"},
	{"", rules.Active, "access was granted elsewhere, to somebody who was not invited here"},
	{rules.Invited, rules.Active, "the link was opened, or access granted elsewhere"},
	{rules.Invited, rules.Expired, "the time is over"},
	{rules.Invited, rules.Expired, "the mail of its invite may not leave any more, or has failed for good"},
	{rules.Invited, rules.Removed, "a removal was asked for, or the contact or the client is gone"},
	{rules.Active, rules.Removed, "a removal was asked for, or the contact or the client is gone"},
	{rules.Expired, rules.Invited, "the person is invited anew"},
	{rules.Expired, rules.Active, "access was granted elsewhere"},
	{rules.Expired, rules.Removed, "a removal was asked for"},
	{rules.Removed, rules.Invited, "the person is invited anew"},
	{rules.Removed, rules.Active, "access was granted elsewhere, after the removal"},
}

// The states as SQL writes them.
const (
	sqlQueued  = `'` + string(Queued) + `'`
	sqlSending = `'` + string(Sending) + `'`
	sqlSent    = `'` + string(Sent) + `'`
	sqlSkipped = `'` + string(Skipped) + `'`
	sqlFailed  = `'` + string(Failed) + `'`

	sqlInvited = `'` + string(rules.Invited) + `'`
	sqlActive  = `'` + string(rules.Active) + `'`
	sqlExpired = `'` + string(rules.Expired) + `'`
	sqlRemoved = `'` + string(rules.Removed) + `'`
)

// What several statements ask of a state, to be put behind its column.
const (
	isOnItsWay = `IN (` + sqlQueued + `, ` + sqlSending + `)`
	isOver     = `IN (` + sqlSent + `, ` + sqlSkipped + `, ` + sqlFailed + `)`
	isUndone   = `IN (` + sqlSkipped + `, ` + sqlFailed + `)`
	isInForce  = `IN (` + sqlInvited + `, ` + sqlActive + `)` // of an access: it holds its login
)
