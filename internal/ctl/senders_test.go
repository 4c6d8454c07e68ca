package ctl

import (
	"strings"
	"testing"
)

// Operators see the senders, and that nobody is configured for one that a firm names.
func TestSenders(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.scene.Settled()
	if out := r.ok("senders"); !strings.Contains(out, "(default)") || !strings.Contains(out, "OLDEST") {
		t.Errorf("%s", out)
	}
	_, err := r.scene.DB.Exec(r.ctx, `UPDATE firms SET sender = 'south'`)
	r.scene.Must(err)
	if out := r.ok("senders"); !strings.Contains(out, "No worker is configured for the sender south") {
		t.Errorf("%s", out)
	}
	csv := r.ok("senders", "-o", "csv")
	if !strings.HasPrefix(csv, "\ufeffsender,configured,from,") || !strings.Contains(csv, "\nsouth,false,,,0,,1,") {
		t.Errorf("%s", csv)
	}
}
