package ctl

import (
	"testing"

	"portal-invites/internal/events"
)

func TestSuppressions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	for _, cause := range []string{"bounce", "complaint"} {
		r.publish(events.EmailSuppressed, object{"email": "dana@x.example", "cause": cause})
	}
	r.publish(events.EmailSuppressed, object{"email": "lee@x.example", "cause": "bounce"})
	r.applied()
	mustHave(t, r.ok("suppressions", "--firm", firm), "SINCE (UTC) EMAIL CAUSE", "d•••@x.example bounce",
		"d•••@x.example complaint", "l•••@x.example bounce")
	mustHave(t, r.ok("suppressions", "list", "--firm", firm, "--cause", "complaint", "-o", "json"),
		`"email":"d•••@x.example","cause":"complaint"`)
	mustHave(t, r.ctl("suppressions", "--firm", firm, "--cause", "manual").err, "No email of firm acme is suppressed so.")

	lift := []string{"suppressions", "lift", "--firm", firm, "--cause", "bounce", "--from", "1h"}
	mustHave(t, r.ok(append(lift, "--dry-run")...),
		"2 suppressions with the cause bounce would be lifted. Nothing is changed.")
	mustHave(t, r.ok(lift...), "2 suppressions with the cause bounce lifted.", "invitectl replay --firm acme")
	mustHave(t, r.ok(lift...), "0 suppressions with the cause bounce lifted.")
	mustHave(t, r.ok("suppressions", "--firm", firm), "d•••@x.example complaint")
}
