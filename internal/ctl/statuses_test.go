package ctl

import (
	"encoding/csv"
	"strings"
	"testing"

	"portal-invites/internal/sheet"
)

func TestStatuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.contact("P-1", "=HYPERLINK(1)", "ada@x.example")
	r.bulk()
	mustHave(t, r.ok("statuses", "--firm", firm), "4 people.", "by state 2 invited, 2 not_sent",
		"not sent 1 contact_not_primary, 1 email_missing", "C-2 Red Barn Inc P-4 Kim Lee not_sent: email_missing")
	mustHave(t, r.ok("statuses", "--firm", firm, "--count-only", "--kind", "business", "-o", "json"), `"people":4`)
	mustHave(t, r.ok("statuses", "--firm", firm, "--state", "not_sent", "--primary", "-o", "json"), `"contact_id":"P-4"`)
	mustHave(t, r.ctl("statuses", "--firm", firm, "--state", "gone").err, "state: must be one of: never_asked")
	mustHave(t, r.ctl("statuses", "--firm", "nobody").err, "nobody")

	list := strings.TrimPrefix(r.ok("statuses", "--firm", firm, "--not-primary", "--client", "C-1", "-o", "csv"), "\ufeff")
	all := strings.TrimPrefix(r.ok("statuses", "--firm", firm, "-o", "csv"), "\ufeff")
	rows, err := csv.NewReader(strings.NewReader(all)).ReadAll()
	r.must(err)
	if len(rows) != 5 || rows[1][4] != "'=HYPERLINK(1)" || sheet.Unguard(rows[1][4]) != "=HYPERLINK(1)" ||
		rows[1][8] != "invited" {
		t.Errorf("the list is %q", rows)
	}
	if strings.Count(list, "\n") != 2 || !strings.Contains(list, "P-2,Dana Wu,d•••@x.example,true,false,not_sent") {
		t.Errorf("the list of those who are not Primary is %q", list)
	}
}
