package events

import (
	"strings"
	"testing"
)

// A bulk request selects by statuses with the filters of the service. What is not known, or says nothing, is an error
// that names the field: otherwise the request would be for more people than were meant.
func TestASelectionByStatusesIsChecked(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]string{
		`{"state": "invited"}`: "",
		`{"reason": "email_missing", "kind": "business", "primary": true}`: "",
		`{"login_before": "2026-01-05T00:00:00Z", "text": "lee"}`:          "",
		`{"no_portal": true, "mail": "bounced", "reason": "failed"}`:       "",
		`{}`:                     ": needs at least one filter; everybody is all_clients: true",
		`{"state": null}`:        ": needs at least one filter",
		`{"stat": "invited"}`:    ": stat is not a filter; known are client_id, state, ",
		`{"state": "asked"}`:     "state: must be one of: never_asked, not_sent, ",
		`{"state": 7}`:           "state: must be a string, is a JSON number",
		`{"reason": "no_email"}`: "reason: must be a reason code, or failed",
		`{"reason": "failed", "state": "active"}`: "reason: only not_sent has one",
		`{"mail": "lost"}`:                        "mail: must be one of: delivered, bounced, unknown",
		`{"kind": "charity"}`:                     "kind: must be one of: individual, business",
		`{"primary": "yes"}`:                      "primary: must be true or false",
		`{"client_id": "a b"}`:                    "client_id: has a space",
		`{"login_after": "yesterday"}`:            "login_after: must be a time as in RFC 3339",
		`{"text": " "}`:                           "text: is blank",
		`{"email": "nobody"}`:                     "email: ",
		`{"login_after": "2026-01-05T00:00:00Z", "login_before": "2026-01-05T00:00:00Z"}`: "login_before: must be later",
	} {
		_, err := DecodeData(BulkInviteRequested, []byte(
			`{"mode": "invite", "requested_by": "Lee", "selection": {"statuses": `+filter+`}}`))
		said := ""
		if err != nil {
			said = strings.Replace(err.Error(), "selection.statuses.", "selection.statuses", 1)
		}
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", filter, err)
		case want != "" && !strings.HasPrefix(said, "selection.statuses"+want):
			t.Errorf("%s: %v, want %s", filter, err, want)
		}
	}
	for other, field := range map[string]string{
		`"all_clients": true`: "all_clients", `"client_ids": ["C-1"]`: "client_ids", `"kind": "business"`: "kind",
	} {
		_, err := DecodeData(BulkInviteRequested, []byte(
			`{"mode": "invite", "requested_by": "Lee", "selection": {"statuses": {"state": "invited"}, `+other+`}}`))
		if err == nil || !strings.HasPrefix(err.Error(), "selection."+field+": can't be combined with statuses") {
			t.Errorf("%s: %v", other, err)
		}
	}
}
