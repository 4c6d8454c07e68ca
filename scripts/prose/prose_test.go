package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func textsOf(pieces []piece) []string {
	var found []string
	for _, p := range pieces {
		found = append(found, p.text)
	}
	return found
}

func TestAParagraphIsSplitIntoItsSentences(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, paragraph string
		want            []string
	}{
		{"full stops", "It is one. It is two.", []string{"It is one.", "It is two."}},
		{"questions and cries", "Is it? It is! Good.", []string{"Is it?", "It is!", "Good."}},
		{"a name in lower case begins one", "Nothing waits. decide goes on.", []string{"Nothing waits.", "decide goes on."}},
		{"within brackets", "It waits (a minute.) Then it goes on.", []string{"It waits (a minute.)", "Then it goes on."}},
		{"within quotes", `It says "No." Then it ends.`, []string{`It says "No."`, "Then it ends."}},
		{"abbreviations", "Use a broker, e.g. NATS, i.e. a server. Then stop.", []string{"Use a broker, e.g. NATS, i.e. a server.", "Then stop."}},
		{"initials", "J. Doe is invited. So is she.", []string{"J. Doe is invited.", "So is she."}},
		{"a letter is no initial", "The floor is F. If it is below S, ask.", []string{"The floor is F.", "If it is below S, ask."}},
		{"versions, addresses and files", "go-mail v0.8.1 reads main.go at 127.0.0.1:25. It works.", []string{"go-mail v0.8.1 reads main.go at 127.0.0.1:25.", "It works."}},
		{"an ellipsis that goes on", "It reads… and reads. It ends… Then it waits.", []string{"It reads… and reads.", "It ends…", "Then it waits."}},
		{"semicolons and colons do not end one", "One thing: this; and that.", []string{"One thing: this; and that."}},
		{"no mark at the end", "It ends. And so on", []string{"It ends.", "And so on"}},
		{"nothing", "", nil},
	} {
		if got := split(c.paragraph); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestMarkdownIsTakenApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, page string
		want       []string
	}{
		{"lines of a paragraph", "One\nline.\n\nAnother.", []string{"One line.", "Another."}},
		{"headings", "# Title\n\nText.\n## Second\nMore.", []string{"Text.", "More."}},
		{"fenced code", "Text:\n```sh\nnot this\n```\nMore.", []string{"Text:", "More."}},
		{"fenced code in a list", "- Text:\n\n  ```\n  not this\n  ```\n", []string{"Text:"}},
		{"indented code", "Text.\n\n    not this\n    nor this\n\nMore.", []string{"Text.", "More."}},
		{"a list", "They are:\n- one\n  item\n- two\n\n  and its second paragraph\n1. three\n* four", []string{"They are:", "one item", "two", "and its second paragraph", "three", "four"}},
		{"a table", "| a | b |\n|---|---:|\n| one `a \\| b` | two |", []string{"a", "b", "one a \u00a6 b", "two"}},
		{"a quote", "> It is\n> said.\n\nText.", []string{"It is said.", "Text."}},
		{"links", "See [the page](docs/a.md#b), [that][x] and <https://example.com/a.b>.\n\n[x]: https://example.com", []string{"See the page, that and https://example.com/a.b."}},
		{"pictures", "Before ![a picture](a.png) after.", []string{"Before  after."}},
		{"emphasis", "**Bold** and *slanted*.", []string{"Bold and slanted."}},
		{"remarks", "Text.\n<!-- not\n\nthis -->\nMore.", []string{"Text.", "More."}},
	} {
		got := textsOf(markdownPieces("page.md", c.page))
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], "\u00a0", " ")
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestAPieceKnowsItsLine(t *testing.T) {
	t.Parallel()
	pieces := markdownPieces("page.md", "# Title\n\nFirst\nparagraph.\n\n<!-- a\nremark -->\nSecond.\n")
	if len(pieces) != 2 || pieces[0].line != 3 || pieces[1].line != 8 {
		t.Errorf("%+v, want lines 3 and 8", pieces)
	}
}

func TestWordsAreCounted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"one two  three":                      3,
		"a – b + c":                           3,
		plain("run `go test ./...` and wait"): 4,
		"20 % of 3":                           3,
	} {
		if got := words(text); got != want {
			t.Errorf("%q has %d words, want %d", text, got, want)
		}
	}
}

const source = `// Package a is read.
// It has two sentences.
package a

import "embed"

//go:embed a.txt
var files embed.FS //nolint:unused // this is for a tool

/* A block comment
has lines. */

// Title does:
//
//	not this
//
// # Nor this
//
//   - one
//     item
//   - two
//
// The end.
func Title() string { return "an operator\nreads this" } // also this
`

func folderOf(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestCommentsAreTakenApart(t *testing.T) {
	t.Parallel()
	var got text
	if err := readGo(os.DirFS(folderOf(t, map[string]string{"a.go": source})), "a.go", &got); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Package a is read. It has two sentences.", "A block comment has lines.", "Title does:", "one item", "two", "The end.", "also this",
	}
	if !slices.Equal(textsOf(got.pieces), want) {
		t.Errorf("%q, want %q", textsOf(got.pieces), want)
	}
	if !slices.Equal(textsOf(got.strings), []string{"an operator\nreads this"}) {
		t.Errorf("%q", textsOf(got.strings))
	}
	if last := got.pieces[len(got.pieces)-1]; last.line != 24 {
		t.Errorf("the last comment is in line %d, want 24", last.line)
	}
}

const terms = "# Glossary\n\n<!-- retired words: begin -->\n| retired | kind | use instead |\n|---|---|---|\n" +
	"| `oldName` | name | newName |\n| `old*` | name in a/b, a/c.go | new |\n| `gone fishing` | words | recovered |\n<!-- retired words: end -->\n"

func TestTheReport(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", longWords) + "more."
	for _, c := range []struct {
		what  string
		files map[string]string
		args  []string
		ok    bool
		says  string
	}{
		{"all is well", map[string]string{"README.md": "It is short and good."}, nil, true, "0 of 2 over a limit"},
		{"a high mean", map[string]string{"README.md": strings.Repeat("word ", 18) + "more."}, nil, false, "over  README.md"},
		{"a share of long sentences", map[string]string{"README.md": strings.Repeat("It is quite short. ", 50) + long + " " + long}, nil, false, "over  README.md"},
		{"one long sentence in a short page", map[string]string{"README.md": strings.Repeat("It is quite short. ", 5) + long}, nil, true, ""},
		{"only reported", map[string]string{"README.md": long}, []string{"-report"}, true, "over  README.md"},
		{"the worst sentences", map[string]string{"README.md": long}, []string{"-worst", "1"}, false, "README.md:1: 36 words: word"},
		{"entries of a table do not lower the mean", map[string]string{"README.md": "| is a short cell |\n\n" + strings.Repeat("word ", 20)}, nil, false, "over  README.md"},
		{"history is left alone", map[string]string{"CHANGELOG.md": "# Changelog\n\n## Now\n\nIt is short.\n\n## 1.0\n\n" + long}, nil, true, ""},
		{"test data is left alone", map[string]string{"docs/testdata/a.md": long}, nil, true, ""},
		{"a retired name", map[string]string{"a/a.go": "package a\n\nvar oldName = 1\n"}, nil, false, `a/a.go:3: "oldName" is retired: newName`},
		{"a retired name used again", map[string]string{"a/a.go": "package a\n\nvar oldName = 1\n\nvar b = oldName\n"}, nil, false, `a/a.go:3: "oldName" is retired, 2 times: newName`},
		{"a name that is retired in a folder", map[string]string{"a/b/c.go": "package b\n\nvar olden = 1\n"}, nil, false, `"old*" is retired: new`},
		{"a name that is retired in a file", map[string]string{"a/c.go": "package a\n\nvar olden = 1\n"}, nil, false, `"old*" is retired: new`},
		{"the same elsewhere", map[string]string{"a/bc/c.go": "package bc\n\nvar olden = 1\n"}, nil, true, ""},
		{"a longer name", map[string]string{"a/a.go": "package a\n\nvar oldNames = 1\n"}, nil, true, ""},
		{"a retired phrase in a comment", map[string]string{"a/a.go": "// It is Gone\n// fishing.\npackage a\n"}, nil, false, `a/a.go:1: "gone fishing" is retired: recovered`},
		{"a retired phrase in a string", map[string]string{"a/a.go": "package a\n\nconst a = \"gone fishing\"\n"}, nil, false, "a/a.go:3"},
		{"a retired phrase in a page", map[string]string{"docs/a.md": "The stage is gone fishing."}, nil, false, "docs/a.md:1"},
		{"a part of a word", map[string]string{"docs/a.md": "He is outgone fishing."}, nil, true, ""},
		{"a page by name", map[string]string{"README.md": long, "docs/a.md": "It is short and good."}, []string{"docs/a.md"}, true, "docs/a.md"},
	} {
		c.files[glossary] = terms
		var out bytes.Buffer
		ok, err := run(append([]string{"-root", folderOf(t, c.files)}, c.args...), &out)
		if err != nil || ok != c.ok || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: %v, %v, want %v and %q in\n%s", c.what, ok, err, c.ok, c.says, &out)
		}
	}
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	for what, files := range map[string]map[string]string{
		"no glossary":       {},
		"no table":          {glossary: "# Glossary\n"},
		"an empty table":    {glossary: tableBegins + "\n" + tableEnds},
		"row with a gap":    {glossary: tableBegins + "\n| `a` | name |\n" + tableEnds},
		"an unknown kind":   {glossary: tableBegins + "\n| `a` | noun | b |\n" + tableEnds},
		"Go that is broken": {glossary: terms, "a.go": "package"},
		"a name of no text": {glossary: terms},
	} {
		args := []string{"-root", folderOf(t, files)}
		if strings.HasPrefix(what, "a ") {
			args = append(args, "docs/missing.md")
		}
		if _, err := run(args, &bytes.Buffer{}); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// TestTheRepositoryIsRead holds the glossary's table and every page and package to what this program can read.
func TestTheRepositoryIsRead(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if _, err := run([]string{"-root", "../..", "-report", "-all"}, &out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "docs/contract.md", "internal/pipeline", "scripts/prose"} {
		if !strings.Contains(out.String(), "  "+name+"\n") {
			t.Errorf("%s is not measured", name)
		}
	}
}
