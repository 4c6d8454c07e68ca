package bounce

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// all reads an input in the same way as the command.
func all(t *rapid.T, path string, stdin io.Reader) []Message {
	messages, err := Messages(path, stdin)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(messages)
}

// TestMboxRoundTrip writes mboxes in the form mboxrd: with a ">" before every line that looks like a beginning.
func TestMboxRoundTrip(t *testing.T) {
	t.Parallel()
	quoted := func(line string) string {
		if strings.HasPrefix(strings.TrimLeft(line, ">"), "From ") {
			return ">" + line
		}
		return line
	}
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom([]string{
			"", "Subject: x", "From me", ">From you", ">>From", "From: a", "> From b", strings.Repeat("y", 70_000),
		})
		bodies := rapid.SliceOfN(rapid.SliceOfN(line, 1, 6), 1, 4).Draw(t, "mails")
		var box strings.Builder
		for _, lines := range bodies {
			box.WriteString("From MAILER-DAEMON Tue Jan  6 15:04:07 2026\n")
			for _, l := range lines {
				box.WriteString(quoted(l) + "\n")
			}
			box.WriteString("\n")
		}
		got := all(t, Stdin, strings.NewReader(box.String()))
		if len(got) != len(bodies) {
			t.Fatalf("%d messages, want %d", len(got), len(bodies))
		}
		for i, lines := range bodies {
			if want := strings.Join(lines, "\n") + "\n\n"; string(got[i].Raw) != want || got[i].Err != nil {
				t.Fatalf("message %d: %q %v, want %q", i+1, got[i].Raw, got[i].Err, want)
			}
			if want := fmt.Sprintf("- message %d", i+1); got[i].Name != want {
				t.Fatalf("%s, want %s", got[i].Name, want)
			}
		}
	})
}

// Many writers put no ">" before a "From " line unless the line before it is empty.
func TestMboxWithoutQuotes(t *testing.T) {
	t.Parallel()
	box := "From a\n\nWe read it.\nFrom here on nothing is known.\n\n" +
		strings.Repeat("x", 64<<10) + "From c\n\nFrom b\n\nx\n"
	if n := len(slices.Collect(messagesIn("box", strings.NewReader(box)))); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}

func TestOnlyTheBeginningOfALargeMessageIsHeld(t *testing.T) {
	t.Parallel()
	report := string(testdata(t, "postfix_unknown_user"))
	large := report + strings.Repeat("filler\n", 6<<20/7) // after the end of all parts, or anywhere in the quoted mail
	one := readOne("-", strings.NewReader(large))
	if len(one.Raw) != maxMessage || one.Err != nil {
		t.Errorf("%d bytes, %v", len(one.Raw), one.Err)
	}
	if got := read(one.Raw, ""); !equal(got, whatReportsMean["postfix_unknown_user"]) {
		t.Errorf("its report is lost: %v", got)
	}
	// A large message in the middle of an mbox does not affect the messages around it.
	small := "From a\nSubject: small\n\nx\n\n"
	var sizes []int
	for m := range messagesIn("box", strings.NewReader(small+"From b\n"+large+"\n"+small)) {
		sizes = append(sizes, len(m.Raw))
	}
	if want := []int{19, maxMessage, 19}; !slices.Equal(sizes, want) {
		t.Errorf("%d, want %d", sizes, want)
	}
}

func TestMaildir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Messages(dir, nil); !errors.Is(err, ErrNotMail) {
		t.Errorf("a folder that is not a maildir: %v", err)
	}
	for _, sub := range []string{"new", "cur", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("Subject: "+name+"\n\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"new/2.b", "new/1.a", "new/3.c", "cur/0.z:2,", "tmp/9"} {
		write(name)
	}
	messages, err := Messages(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Another reader moves one message before this reader reaches it.
	if err := os.Remove(filepath.Join(dir, "new/2.b")); err != nil {
		t.Fatal(err)
	}
	var names []string
	for m := range messages {
		if !bytes.HasPrefix(m.Raw, []byte("Subject: new/")) || m.Err != nil || !m.New {
			t.Errorf("%+v", m)
		}
		names = append(names, filepath.Base(m.Name))
		if err := Done(m.File, m.Name == filepath.Join(dir, "new/1.a")); err != nil {
			t.Error(err)
		}
		if err := Done(m.File, true); err != nil {
			t.Errorf("a message that is gone: %v", err)
		}
	}
	if want := []string{"1.a", "3.c"}; !slices.Equal(names, want) {
		t.Errorf("read %s, want %s", names, want)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*/*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range left {
		left[i], _ = filepath.Rel(dir, left[i])
	}
	if want := []string{"cur/0.z:2,", "cur/1.a:2,S", "cur/3.c:2,", "tmp/9"}; !slices.Equal(left, want) {
		t.Errorf("left are %s, want %s", left, want)
	}
}
