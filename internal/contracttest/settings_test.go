package contracttest

import (
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"portal-invites/internal/events"
)

// sources returns the code of the commands and their packages, without tests and test packages.
func sources(t *testing.T) string {
	t.Helper()
	var code strings.Builder
	for _, root := range []string{"../../cmd", ".."} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if entry != nil && (entry.Name() == "testenv" || entry.Name() == "testkit") {
				return fs.SkipDir
			}
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				code.WriteString(readFile(t, path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return code.String()
}

// settings returns every environment variable in a struct tag, with the tag.
func settings(t *testing.T, code string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, tag := range regexp.MustCompile("`[^`\n]*\\benv:\"([A-Z_]+)\"[^`\n]*`").FindAllStringSubmatch(code, -1) {
		found[tag[1]] = tag[0]
	}
	for _, written := range regexp.MustCompile(`\benv:"([^"]*)"`).FindAllStringSubmatch(code, -1) {
		if found[written[1]] == "" {
			t.Errorf("this test does not see the tag of %s", written[1])
		}
	}
	return found
}

func TestEverySettingIsDescribed(t *testing.T) {
	t.Parallel()
	page := readFile(t, "../../docs/configuration.md")
	for name, tag := range settings(t, sources(t)) {
		text := section(t, page, "### "+name)
		standard := "none"
		if given := regexp.MustCompile(`\bdefault:"([^"]*)"`).FindStringSubmatch(tag); given != nil {
			standard = "`" + given[1] + "`"
		}
		if name == "NATS_URL" {
			standard = "`nats://127.0.0.1:4222`" // set in code and not in the tag, since the address may come from a file
		}
		if !strings.Contains(text, "\n- Default: "+standard) {
			t.Errorf("%s: the page does not have the default %s", name, standard)
		}
		for _, part := range []string{"\n- Example: `", "\n- Danger: "} {
			if !strings.Contains(text, part) {
				t.Errorf("%s: the page does not have %q", name, strings.TrimSpace(part))
			}
		}
	}
}

// The code reads every variable that the page names, except for those under Not yet.
func TestNoOtherSettingIsDescribed(t *testing.T) {
	t.Parallel()
	code := sources(t)
	known := map[string]bool{}
	for name := range settings(t, code) {
		known[name] = true
	}
	reads := regexp.MustCompile(`\b(?:Secret\("([A-Z_]+)"|Getenv\("([A-Z_]+)"\))`)
	for _, read := range reads.FindAllStringSubmatch(code, -1) {
		if read[1] != "" {
			known[read[1]+"_FILE"] = true
		} else {
			known[read[2]] = true
		}
	}
	page := readFile(t, "../../docs/configuration.md")
	now, later, _ := strings.Cut(page, "\n## Not yet\n")
	named := variables(now)
	for _, stream := range []string{events.EventsStream, events.OutcomesStream, events.DeadLettersStream} {
		delete(named, stream)
	}
	if have, want := slices.Sorted(maps.Keys(named)), slices.Sorted(maps.Keys(known)); !slices.Equal(have, want) {
		t.Errorf("the page names\n  %q\nthe code reads\n  %q", have, want)
	}
	for name := range variables(later) {
		if known[name] {
			t.Errorf("the code reads %s, but the page has it under Not yet", name)
		}
	}
}

// variables returns every name on a page that looks like an environment variable. One without an underscore looks like
// any word in capitals, so it needs a heading.
func variables(text string) map[string]bool {
	found := map[string]bool{}
	for _, name := range regexp.MustCompile(`\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b`).FindAllString(text, -1) {
		found[name] = true
	}
	for _, heading := range regexp.MustCompile(`(?m)^### ([A-Z]+)$`).FindAllStringSubmatch(text, -1) {
		found[heading[1]] = true
	}
	return found
}
