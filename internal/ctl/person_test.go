package ctl

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestPersonExport(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.applied()
	var got exported
	r.must(json.Unmarshal([]byte(r.ok("person", "export", "--firm", firm, "--contact", "P-2", "-o", "json")), &got))
	if got.Firm != firm || len(got.ContactIDs) != 1 || got.ContactIDs[0] != "P-2" || len(got.Tables["contacts"]) != 1 ||
		len(got.Tables["clients"]) != 1 || !strings.Contains(string(got.Tables["contacts"][0]), "Dana Wu") {
		t.Errorf("%+v", got)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--contact", "P-99"}, 1, "this firm knows nothing about such a person"},
		{nil, 2, "--contact: missing (or --email)"},
		{[]string{"--email", "nonsense"}, 2, "is not a valid address"},
	} {
		if said := r.ctl(append([]string{"person", "export", "--firm", firm}, c.args...)...); said.code != c.code ||
			!strings.Contains(said.err, c.says) {
			t.Errorf("%q: %+v", c.args, said)
		}
	}
}
