package ledger

import (
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// processOf is what the sender of a request was doing in the portal.
func processOf(t events.Type) rules.Process {
	switch t {
	case events.FileShared:
		return rules.FileSharing
	case events.EsignRequested:
		return rules.Esign
	case events.ClientRequestSent:
		return rules.ClientRequest
	case events.ClientSurveySent:
		return rules.Survey
	case events.BulkInviteRequested:
		return rules.Bulk
	default:
		return rules.ClientRecord
	}
}

// subjectOf is what a request shared or asked for, by name, and the day it is due; both empty for a plain invite.
func subjectOf(r *events.Request) (name, dueOn string) {
	switch {
	case r.File != nil:
		return r.File.Name, ""
	case r.Esign != nil:
		return r.Esign.Title, r.Esign.DueOn
	case r.Request != nil:
		return r.Request.Title, r.Request.DueOn
	case r.Survey != nil:
		return r.Survey.Title, ""
	default:
		return "", ""
	}
}
