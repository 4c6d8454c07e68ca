package events

import "strings"

// Type is an event's name in PascalCase, as in its subject and, between "portal." and ".v1", in its ce-type.
type Type string

// The event types of the contract. The row of each in table.go says all that differs by type.
const (
	// Facts, from upstream.
	FirmUpserted            Type = "FirmUpserted"
	ClientUpserted          Type = "ClientUpserted"
	ClientRemoved           Type = "ClientRemoved"
	ContactUpserted         Type = "ContactUpserted"
	ContactRemoved          Type = "ContactRemoved"
	ContactsMerged          Type = "ContactsMerged"
	PortalAccessGranted     Type = "PortalAccessGranted"
	EmailSuppressed         Type = "EmailSuppressed"
	EmailUnsuppressed       Type = "EmailUnsuppressed"
	MailReported            Type = "MailReported"
	MessageTemplateUpserted Type = "MessageTemplateUpserted"
	MessageTemplateRemoved  Type = "MessageTemplateRemoved"
	PersonErased            Type = "PersonErased"
	ErasureLifted           Type = "ErasureLifted"

	// Requests for named recipients.
	InviteRequested        Type = "InviteRequested"
	FileShared             Type = "FileShared"
	EsignRequested         Type = "EsignRequested"
	ClientRequestSent      Type = "ClientRequestSent"
	ClientSurveySent       Type = "ClientSurveySent"
	InviteResendRequested  Type = "InviteResendRequested"
	AccessRemovalRequested Type = "AccessRemovalRequested"

	// Requests that fan out into a run.
	BulkInviteRequested Type = "BulkInviteRequested"
	ReplayRequested     Type = "ReplayRequested"

	// Instructions to a run.
	RunPauseRequested    Type = "RunPauseRequested"
	RunResumeRequested   Type = "RunResumeRequested"
	RunCancelRequested   Type = "RunCancelRequested"
	RunScheduleRequested Type = "RunScheduleRequested"

	// Outcomes, which the pipeline publishes.
	InviteSent      Type = "InviteSent"
	InviteSkipped   Type = "InviteSkipped"
	InviteFailed    Type = "InviteFailed"
	InviteDelivered Type = "InviteDelivered"
	InviteAccepted  Type = "InviteAccepted"
	InviteDeclined  Type = "InviteDeclined"
	InviteExpired   Type = "InviteExpired"
	RemovedAccess   Type = "AccessRemoved"
	RunProgressed   Type = "RunProgressed"
	RunCompleted    Type = "RunCompleted"
	RunRevised      Type = "RunRevised"
	RunPaused       Type = "RunPaused"
	RunResumed      Type = "RunResumed"
	RunCancelled    Type = "RunCancelled"
	RunScheduled    Type = "RunScheduled"
	FirmChanged     Type = "FirmChanged"
)

// CE returns the type's ce-type: portal.<Type>.v1.
func (t Type) CE() string { return "portal." + string(t) + ".v1" }

// TypeOfCE returns the type that a ce-type of the form portal.<Type>.v1 names, or "".
func TypeOfCE(ceType string) Type {
	name, isOurs := strings.CutPrefix(ceType, "portal.")
	name, isV1 := strings.CutSuffix(name, ".v1")
	if !isOurs || !isV1 {
		return ""
	}
	return Type(name)
}
