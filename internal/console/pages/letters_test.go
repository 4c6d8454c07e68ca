package pages

import "testing"

// Each problem stands under the line of its field, or of what lacks the field.
func TestWhatIsWrongIsMarked(t *testing.T) {
	t.Parallel()
	const body = `{"client_id": 1040, "file": {"id": "F-1"}, ` +
		`"recipients": [{"contact_id": "P-1"}, {"email": "a@b.example"}]}`
	lines := marked(body,
		"client_id: must be a string\nrecipients[1].name: missing\nfile.name: missing\nnowhere.at: wrong")
	for text, want := range map[string]string{
		`1040`:                   "client_id: must be a string",
		`"file": {`:              "file.name: missing",
		`{`:                      "nowhere.at: wrong",
		`"email": "a@b.example"`: "",
		`"contact_id": "P-1"`:    "",
	} {
		for _, l := range lines {
			is := l.Mark == text || l.Mark == "" && trimmed(l.Before) == text || trimmed(l.Before+l.Mark) == text
			if is && depth(l) <= 2 && want != "" && (len(l.Says) != 1 || l.Says[0] != want) {
				t.Errorf("%s says %q, want %q", text, l.Says, want)
			}
		}
	}
	said := 0
	for _, l := range lines {
		said += len(l.Says)
	}
	if said != 4 {
		t.Errorf("%d problems are marked, want 4", said)
	}
	if at := lineOf(lines, "recipients[1].name"); trimmed(lines[at+1].Before) != `"email": "a@b.example"` {
		t.Errorf("the second recipient is at line %d: %+v", at, lines)
	}
	if got := marked("not JSON", "data: is not JSON"); len(got) != 1 || len(got[0].Says) != 1 {
		t.Errorf("a body that is no JSON: %+v", got)
	}
}

func trimmed(s string) string {
	for s != "" && s[0] == ' ' {
		s = s[1:]
	}
	return s
}
