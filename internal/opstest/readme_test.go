package opstest

import (
	"strings"
	"testing"
)

// TestReadme pastes the blocks of "A first event of your own" unchanged, right after the pipeline has said that it is
// up. Then it pastes those of examples/README.md: the two firms must not disturb each other.
func TestReadme(t *testing.T) {
	t.Parallel()
	first := blocks(section(t, file(t, "README.md"), "A first event of your own"))
	if len(first) != 7 || first[0] != "make run\n" {
		t.Fatalf("the section has blocks that this test does not know: %q", first)
	}
	examples := blocks(file(t, "examples/README.md"))
	inEachShell(t, func(t *testing.T, shell string) {
		t.Helper()
		r := newReader(t, shell, "examples/raw")
		r.start("bin/standalone --data ./data", r.checkout+"/data") // internal/deploytest checks that `make run` runs this

		r.paste(first[1], "portal.events.first-cpa.FileShared id=")
		r.settle()
		r.paste(first[2], "sent C-1 P-1 invite")
		r.paste(first[3], "portal.events.first-cpa.FileShared id=")
		r.settle() // a person needs longer to find the next block
		r.paste(first[4], "Joe Wu has no email address", "Add an email to Joe Wu")
		r.paste(first[5], "1 selected = 1 sent", "Joe Wu: invited on",
			"It was skipped first: Joe Wu has no email address. That has been put right since.")
		r.paste(first[6], "Of 2 contacts 0 would be invited; 2 are invited already", "skipped C-2 P-2 email_missing")

		for _, block := range examples {
			r.paste(block)
		}
		r.settle()
		r.paste("bin/invitectl status --firm raw-cpa --client C-1", "Dana Wu on C-1 Blue Bottle LLC: invited on")
	})
}

// paste pastes a block into the second terminal, which must print the phrases.
func (r *reader) paste(block string, phrases ...string) {
	r.t.Helper()
	out, code := r.second.run(r.elsewhere.Replace(block))
	flat := strings.Join(strings.Fields(out), " ")
	for _, phrase := range phrases {
		if !strings.Contains(flat, phrase) {
			r.t.Fatalf("%q was not printed by: %s\n%s", phrase, block, out)
		}
	}
	if code != 0 {
		r.t.Fatalf("exit code %d: %s\n%s", code, block, out)
	}
}
