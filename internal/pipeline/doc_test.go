package pipeline_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	step     = regexp.MustCompile(`(?m)^//\s+(\d+)\. `)
	goFile   = regexp.MustCompile(`[a-z0-9_/]+\.go\b`)
	roomFile = regexp.MustCompile(`\b([a-z]+)/[a-z]+\.go\b`)
)

// The life of one event names the room and the file of each step, and so does docs/flow.md. Whoever moves a file moves its name along.
func TestTheLifeOfOneEventNamesItsFiles(t *testing.T) {
	t.Parallel()
	doc, flow := read(t, "doc.go"), read(t, "../../docs/flow.md")
	for name, text := range map[string]string{"doc.go": doc, "docs/flow.md": flow} {
		for _, file := range goFile.FindAllString(text, -1) {
			path := file
			if strings.HasPrefix(file, "internal/") {
				path = "../../" + file
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s names %s, which is neither in internal/pipeline nor a path from the root", name, file)
			}
		}
	}
	steps := step.FindAllStringSubmatchIndex(doc, -1)
	if len(steps) < 7 {
		t.Fatalf("doc.go numbers %d steps, want at least 7", len(steps))
	}
	for i, at := range steps[1:] { // the first happens upstream
		end := len(doc)
		if i+2 < len(steps) {
			end = steps[i+2][0]
		}
		if !roomFile.MatchString(doc[at[0]:end]) {
			t.Errorf("step %s of doc.go names no file", doc[at[2]:at[3]])
		}
	}
	for _, room := range rooms(t) {
		if !slices.ContainsFunc(roomFile.FindAllStringSubmatch(doc, -1), func(m []string) bool { return m[1] == room }) {
			t.Errorf("doc.go names no file of the room %s", room)
		}
	}
}

// The linter holds every room to what it may use: it has a rule for each.
func TestEveryRoomHasItsWalls(t *testing.T) {
	t.Parallel()
	config := read(t, "../../.golangci.yml")
	for _, room := range append(rooms(t), "answer") {
		if !strings.Contains(config, "\n        room-"+room+":\n") {
			t.Errorf(".golangci.yml: depguard has no rule room-%s, which says what the room may use", room)
		}
	}
}

// CONTRIBUTING.md tells of each room what it uses: what the linter allows.
func TestTheTableOfRoomsIsTheLinters(t *testing.T) {
	t.Parallel()
	config, page := read(t, "../../.golangci.yml"), read(t, "../../CONTRIBUTING.md")
	short := strings.NewReplacer("portal-invites/internal/", "", "pipeline/", "", "$", "")
	for _, room := range append(rooms(t), "answer") {
		_, rule, _ := strings.Cut(config, "\n        room-"+room+":\n")
		_, allowed, _ := strings.Cut(strings.Split(rule, "\n        room-")[0], "\n          allow: [")
		want := strings.FieldsFunc(short.Replace(strings.SplitN(allowed, "]", 2)[0]), func(r rune) bool { return strings.ContainsRune(", ", r) })
		slices.Sort(want)
		row := regexp.MustCompile("(?m)^\\| `internal/(?:pipeline/)?" + room + "` \\| [^|]+ \\| ([^|]+) \\|$").FindStringSubmatch(page)
		if row == nil {
			t.Errorf("CONTRIBUTING.md, The rooms of the pipeline: no row for %s", room)
			continue
		}
		var said []string
		for _, used := range regexp.MustCompile("`([a-z/]+)`").FindAllStringSubmatch(row[1], -1) {
			said = append(said, used[1])
		}
		if !slices.Equal(said, want) {
			t.Errorf("CONTRIBUTING.md, The rooms of the pipeline: %s uses %q; .golangci.yml allows %q", room, said, want)
		}
	}
}

// rooms are the packages of the pipeline, but for those of its tests.
func rooms(t *testing.T) (names []string) {
	t.Helper()
	entries, err := fs.ReadDir(os.DirFS("."), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if code, _ := filepath.Glob(filepath.Join(e.Name(), "*.go")); e.IsDir() && len(code) > 0 && e.Name() != "pipelinetest" {
			names = append(names, e.Name())
		}
	}
	return names
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
