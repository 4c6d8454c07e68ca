package events

import (
	"fmt"
	"strings"
)

// Type is an event's name in PascalCase, as it stands in subjects and, between "portal." and ".v1", in ce-type.
type Type string

// The event types of the contract.
const (
	// Facts: what upstream tells the pipeline.
	FirmUpserted            Type = "FirmUpserted"
	ClientUpserted          Type = "ClientUpserted"
	ClientRemoved           Type = "ClientRemoved"
	ContactUpserted         Type = "ContactUpserted"
	ContactRemoved          Type = "ContactRemoved"
	PortalAccessGranted     Type = "PortalAccessGranted"
	EmailSuppressed         Type = "EmailSuppressed"
	EmailUnsuppressed       Type = "EmailUnsuppressed"
	MessageTemplateUpserted Type = "MessageTemplateUpserted"

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

	// Outcomes: what comes out.
	InviteSent     Type = "InviteSent"
	InviteSkipped  Type = "InviteSkipped"
	InviteFailed   Type = "InviteFailed"
	InviteAccepted Type = "InviteAccepted"
	InviteExpired  Type = "InviteExpired"
	RemovedAccess  Type = "AccessRemoved"
	RunProgressed  Type = "RunProgressed"
	RunCompleted   Type = "RunCompleted"
)

// incoming is every type that upstream may publish: the subject prefix it belongs to, and an empty value of its data.
var incoming = map[Type]struct {
	prefix  Prefix
	newData func() Data
}{
	FirmUpserted:            {Facts, func() Data { return new(Firm) }},
	ClientUpserted:          {Facts, func() Data { return new(Client) }},
	ClientRemoved:           {Facts, func() Data { return new(RemovedClient) }},
	ContactUpserted:         {Facts, func() Data { return new(Contact) }},
	ContactRemoved:          {Facts, func() Data { return new(RemovedContact) }},
	PortalAccessGranted:     {Facts, func() Data { return new(Grant) }},
	EmailSuppressed:         {Facts, func() Data { return new(Suppression) }},
	EmailUnsuppressed:       {Facts, func() Data { return new(Suppression) }},
	MessageTemplateUpserted: {Facts, func() Data { return new(Template) }},

	InviteRequested:        {Requests, func() Data { return new(Request) }},
	FileShared:             {Requests, func() Data { return &Request{needs: "file"} }},
	EsignRequested:         {Requests, func() Data { return &Request{needs: "esign"} }},
	ClientRequestSent:      {Requests, func() Data { return &Request{needs: "request"} }},
	ClientSurveySent:       {Requests, func() Data { return &Request{needs: "survey"} }},
	InviteResendRequested:  {Requests, func() Data { return new(Request) }},
	AccessRemovalRequested: {Requests, func() Data { return new(Request) }},

	BulkInviteRequested: {BulkRequests, func() Data { return new(BulkRequest) }},
	ReplayRequested:     {BulkRequests, func() Data { return new(ReplayRequest) }},
}

// IncomingTypes lists the types that upstream may publish, facts first, in the contract's order.
func IncomingTypes() []Type {
	return []Type{
		FirmUpserted, ClientUpserted, ClientRemoved, ContactUpserted, ContactRemoved, PortalAccessGranted,
		EmailSuppressed, EmailUnsuppressed, MessageTemplateUpserted,
		InviteRequested, FileShared, EsignRequested, ClientRequestSent, ClientSurveySent,
		InviteResendRequested, AccessRemovalRequested,
		BulkInviteRequested, ReplayRequested,
	}
}

// CE is the type as CloudEvents carry it: portal.<Type>.v1.
func (t Type) CE() string { return "portal." + string(t) + ".v1" }

// Prefix is the subject prefix the type belongs to, or an error for a type that upstream may not publish.
func (t Type) Prefix() (Prefix, error) {
	in, known := incoming[t]
	if !known {
		return "", fmt.Errorf("unknown event type %q", t)
	}
	return in.prefix, nil
}

// TypeOfCE is the type that a ce-type of the form portal.<Type>.v1 names, or "".
func TypeOfCE(ceType string) Type {
	name, isOurs := strings.CutPrefix(ceType, "portal.")
	name, isV1 := strings.CutSuffix(name, ".v1")
	if !isOurs || !isV1 {
		return ""
	}
	return Type(name)
}

// ChangesAccess says whether a fact says who has access: such facts are applied in the stream's order.
func (t Type) ChangesAccess() bool {
	return t == PortalAccessGranted || t == ContactRemoved || t == ClientRemoved
}
