package rules

// StatusState is what stands for a person on a client, in the words of the contract. A function of the database derives
// it from the person's access and invites (migration 76, ADR 156).
type StatusState string

// The states of a person on a client.
const (
	StatusNeverAsked StatusState = "never_asked"
	StatusNotSent    StatusState = "not_sent"
	StatusQueued     StatusState = "queued"
	StatusInvited    StatusState = "invited"
	StatusActive     StatusState = "active"
	StatusExpired    StatusState = "expired"
	StatusDeclined   StatusState = "declined"
	StatusRemoved    StatusState = "removed"
)

// StatusStates are all of them.
func StatusStates() []StatusState {
	return []StatusState{
		StatusNeverAsked, StatusNotSent, StatusQueued, StatusInvited, StatusActive, StatusExpired, StatusDeclined,
		StatusRemoved,
	}
}

// MailState is what reports say about the newest mail of a person on a client.
type MailState string

// The states of a mail.
const (
	MailDelivered MailState = "delivered"
	MailBounced   MailState = "bounced"
	MailUnknown   MailState = "unknown" // no report says either; or there was no mail
)

// MailStates are all of them.
func MailStates() []MailState { return []MailState{MailDelivered, MailBounced, MailUnknown} }

// ReasonFailed takes the place of a reason for those to whom nothing was sent because the mail failed for good.
const ReasonFailed = "failed"
