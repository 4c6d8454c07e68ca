package store

import "portal-invites/internal/rules"

// Transition is a change that the state of a row may make. A list may have the same change twice, with different
// causes.
type Transition[S ~string] struct {
	From  S      // "" if the row is inserted
	To    S      // "" if the row is deleted
	Cause string // why it changes, in words
}

// InviteTransitions are all transitions of invites.state. The databases of the tests refuse any other
// (testenv.Database, ADR 72).
//
// An invite that waits for a ruling is queued, with held_at set, and does not come due (ADR 71).
var InviteTransitions = []Transition[State]{
	{"", Queued, "the rules allow a mail"},
	{"", Sending, "the rules allow a mail, and it need not wait"},
	{"", Skipped, "the rules allow no mail"},
	{Queued, Sending, "it is due, and its next attempt is recorded"},
	{Queued, Skipped, "the rules no longer allow a mail, when it is due or while it is held"},
	{Queued, Sent, "it was held, and the mail arrived: its link was opened, a later resend left, or an operator said so"},
	{Queued, Sent, "it was tried with an unknown result, and a report says that the mail was delivered"},
	{Queued, Failed, "it was tried with an unknown result, and a report says that the mail came back"},
	{Sending, Sent, "the server took the mail, or a report says that the mail was delivered"},
	{Sending, Queued, "the server deferred the mail, or could not be reached"},
	{Sending, Queued, "it is unknown whether the server took the mail: the invite is held, or due again"},
	{Sending, Queued, "its worker stopped, or did not know whether the attempt was recorded"},
	{Sending, Failed, "the server refused the mail, or deferred it for too long, or the mail could not be built"},
	{Sending, Failed, "a report says that the mail came back, before its result was recorded"},
	{Sent, Failed, "a report says that the mail came back"},
	{Skipped, Queued, "it is decided again, and what was wrong is fixed"},
	{Failed, Queued, "it is decided again, and the rules allow a mail"},
	{Failed, Skipped, "it is decided again, and the rules allow no mail"},
	{"", Sent, recoveredCause},
	{"", Failed, recoveredCause},
	{Queued, Failed, recoveredCause},
	{Sending, Skipped, recoveredCause},
	{Skipped, Sent, recoveredCause},
	{Skipped, Failed, recoveredCause},
	{Failed, Sent, recoveredCause},
	{Sent, "", "it was finished for longer than LEDGER_KEEP"},
	{Skipped, "", "it was finished for longer than LEDGER_KEEP"},
	{Failed, "", "it was finished for longer than LEDGER_KEEP"},
}

// AccessTransitions are all transitions of access.state, enforced like [InviteTransitions]. A row remembers the newest
// event that changed it, so that an older event can't revive the access when it is delivered again. So it is deleted
// only if another one takes its place, which is as new, or if no such event can come any more (ADR 145).
var AccessTransitions = []Transition[rules.AccessState]{
	{"", rules.Invited, "an invite is decided"},
	{"", rules.Active, "access was granted elsewhere, to a person who was not invited here"},
	{rules.Invited, rules.Active, "the link was opened, or access was granted elsewhere"},
	{rules.Invited, rules.Expired, "the invite's time is over"},
	{rules.Invited, rules.Expired, "the rules no longer allow the invite's mail, or the mail has failed for good"},
	{rules.Invited, rules.Expired, "a report says that the invite's mail came back"},
	{rules.Invited, rules.Expired, "whoever read the mail has declined"},
	{rules.Invited, rules.Removed, "a removal was requested, or the contact or the client was removed"},
	{rules.Invited, rules.Removed, "the contact's email is not the login, or the client does not list the contact"},
	{rules.Active, rules.Removed, "a removal was requested, or the contact or the client was removed"},
	{rules.Expired, rules.Invited, "the person is invited again"},
	{rules.Expired, rules.Active, "access was granted elsewhere"},
	{rules.Expired, rules.Removed, "a removal was requested"},
	{rules.Removed, rules.Invited, "the person is invited again"},
	{rules.Removed, rules.Invited, "a login comes late that the stream has before the facts that ended the access"},
	{rules.Removed, rules.Active, "access was granted elsewhere, after the removal"},
	{rules.Invited, "", mergedCause},
	{rules.Active, "", mergedCause},
	{rules.Expired, "", mergedCause},
	{rules.Removed, "", mergedCause},
	{rules.Removed, "", "it was removed for longer than LEDGER_KEEP"},
	{rules.Expired, "", "it expired longer ago than LEDGER_KEEP, and the contact or the client was removed"},
}

// mergedCause is the cause for which a row of access is deleted that is not over. The other row takes its place, and is
// as new.
const mergedCause = "the contact was merged into one who has a row for the same portal"

// recoveredCause is the cause of what an operator's recover takes from the stream of outcomes (ADR 107).
const recoveredCause = "the database went back, and the stream knows the outcome"

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

// Conditions on a state that several statements use, to be written after its column.
const (
	isOnItsWay = `IN (` + sqlQueued + `, ` + sqlSending + `)`
	isOver     = `IN (` + sqlSent + `, ` + sqlSkipped + `, ` + sqlFailed + `)`
	isUndone   = `IN (` + sqlSkipped + `, ` + sqlFailed + `)`
	isInForce  = `IN (` + sqlInvited + `, ` + sqlActive + `)` // of an access: its login is reserved
)
