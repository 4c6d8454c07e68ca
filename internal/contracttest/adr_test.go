package contracttest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// filesWith returns the repository's files with one of these endings, without hidden folders and test data.
func filesWith(t *testing.T, endings ...string) (files []string) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == "testdata" || name != ".." && strings.HasPrefix(name, ".")):
			return fs.SkipDir
		case !entry.IsDir() && slices.Contains(endings, filepath.Ext(name)):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// anchorsOf returns the anchors of a page's headings.
func anchorsOf(t *testing.T, page string) map[string]bool {
	t.Helper()
	anchors := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(readFile(t, page), -1) {
		anchor := anchorOf(heading[1])
		for n := 1; anchors[anchor]; n++ { // a second heading of the same words gets a number
			anchor = fmt.Sprintf("%s-%d", anchorOf(heading[1]), n)
		}
		anchors[anchor] = true
	}
	return anchors
}

// links returns the targets of a page's links. It skips code, since brackets there are not links.
func links(page string) (targets []string) {
	page = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`").ReplaceAllString(page, "`")
	for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(page, -1) {
		targets = append(targets, link[1])
	}
	return targets
}

func TestEveryLinkHasATarget(t *testing.T) {
	t.Parallel()
	followed := 0
	for _, page := range filesWith(t, ".md") {
		for _, link := range links(readFile(t, page)) {
			if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") {
				continue
			}
			followed++
			path, anchor, _ := strings.Cut(link, "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the target of %s does not exist", page, link)
			} else if anchor != "" && !anchorsOf(t, target)[anchor] {
				t.Errorf("%s: %s names a heading that does not exist", page, link)
			}
		}
	}
	if followed < 200 {
		t.Errorf("only %d links were found, want at least 200", followed)
	}
}

// record is the file name and the title of a record in docs/adr.
type record struct{ file, title string }

func records(t *testing.T) map[string]record {
	t.Helper()
	files, err := filepath.Glob("../../docs/adr/[0-9]*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no records: %v", err)
	}
	found := map[string]record{}
	for _, file := range files {
		name := filepath.Base(file)
		number := strings.TrimLeft(strings.SplitN(name, "-", 2)[0], "0") // branches take numbers in any order
		if first, taken := found[number]; taken {
			t.Fatalf("%s and %s have the same number", first.file, name)
		}
		title, ok := strings.CutPrefix(strings.SplitN(readFile(t, file), "\n", 2)[0], "# ADR "+number+": ")
		if !ok {
			t.Errorf("%s: the title does not begin with ADR %s", name, number)
		}
		found[number] = record{name, title}
	}
	return found
}

func TestEveryDecisionHasItsForm(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`(?s)^# ADR \d+: [^\n]+\n\n\| \| \|\n\|---\|---\|\n` +
		`\| Status \| (Accepted|Superseded by \[ADR \d+\]\(\S+\)) \|\n` +
		`\| Date \| \d{4}-\d\d-\d\d \|\n\| Area \| [^\n|]+ \|\n` +
		"\n## Context\n\n.+\n\n## Decision\n\n.+\n\n## Consequences\n\n.+\n\n## In the code\n\n.+\n$")
	for _, r := range records(t) {
		if !form.MatchString(readFile(t, "../../docs/adr/"+r.file)) {
			t.Errorf("%s: must have status, date, area, context, decision, consequences and where in the code", r.file)
		}
	}
}

func TestEveryDecisionIsInTheIndex(t *testing.T) {
	t.Parallel()
	index := readFile(t, "../../docs/adr/README.md")
	for number, r := range records(t) {
		_, rest, _ := strings.Cut(readFile(t, "../../docs/adr/"+r.file), "| Area | ")
		area, _, _ := strings.Cut(rest, " |")
		_, section, _ := strings.Cut(index, "\n## "+area+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		line := fmt.Sprintf("\n- [ADR %s](%s): %s\n", number, r.file, r.title)
		if strings.Count(section, line) != 1 || strings.Count(index, line) != 1 {
			t.Errorf("the index must have this line exactly once, under %q:%s", area, line)
		}
	}
}

// A page or a comment that argues for a choice names the decision's number. If it has a link, the link is to that
// number's page.
func TestEveryDecisionThatIsNamedExists(t *testing.T) {
	t.Parallel()
	all := records(t)
	named := regexp.MustCompile(`\bADRs?\s+(\d+)(?:\]\(([^)]+)\))?`)
	for _, file := range filesWith(t, ".md", ".go", ".sql", ".yaml", ".sh", ".yml") {
		for _, match := range named.FindAllStringSubmatch(readFile(t, file), -1) {
			r, exists := all[match[1]]
			if !exists {
				t.Errorf("%s: there is no ADR %s", file, match[1])
			} else if match[2] != "" && filepath.Base(match[2]) != r.file {
				t.Errorf("%s: ADR %s is in %s, not in %s", file, match[1], r.file, match[2])
			}
		}
	}
}
