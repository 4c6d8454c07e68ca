package ctl

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTableFitsAndKeepsEveryWord(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	list := table{head: []string{"CLIENT", "RECIPIENT", "REASON", "WHAT TO DO"}}
	list.add("C-1031-with-an-id-that-nobody-would-type-by-hand", "p•••@example.com", "contact_not_primary",
		"Mark Dana Wu as Primary on Blue Bottle LLC, or send an individual invite.")
	list.add("C-2", "P-1", "email_shared", "Give 山田太郎 an email of their own, or remove the portal access of O'Hara first.")
	list.write(&out)

	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > narrow {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	// No text is lost between the lines: column by column, the cells are complete.
	joined := strings.Join(strings.Fields(out.String()), "")
	for _, word := range []string{"Primary", "individual", "山田太郎", "O'Hara", "p•••@example.com", "contact_not_primary"} {
		if !strings.Contains(joined, word) {
			t.Errorf("%s is missing in\n%s", word, out.String())
		}
	}
}

func TestTableOfNothingIsEmpty(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	(&table{head: []string{"CLIENT"}}).write(&out)
	if out.Len() > 0 {
		t.Errorf("printed %q", out.String())
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		width      int
		want       string
	}{
		{"fits", "a b", 3, "a b"},
		{"at a space", "aa bb cc", 5, "aa bb|cc"},
		{"a word longer than the line", "x abcdefgh y", 4, "x|abcd|efgh|y"},
		{"wide characters count twice", "山田太郎", 4, "山田|太郎"},
		{"nothing", "", 10, ""},
		{"a terminal obeys nothing", "a\x1b[31mb\u202ec", 20, "a\ufffd[31mb\ufffdc"},
		{"lines and tabs are spaces", "a\nb\tc", 20, "a b c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(wrap(c.text, c.width), "|"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
