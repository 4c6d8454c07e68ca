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

// doc.go names the file of each step of "The life of one event". The files that doc.go and docs/flow.md name must
// exist, so a file that moves must be renamed there.
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
				t.Errorf("%s names %s, which is neither in internal/pipeline nor a path from the repository's root", name, file)
			}
		}
	}
	steps := step.FindAllStringSubmatchIndex(doc, -1)
	if len(steps) < 7 {
		t.Fatalf("doc.go numbers %d steps, want at least 7", len(steps))
	}
	for i, at := range steps[1:] { // the first step happens upstream
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

// Every room has a rule of the linter that says which packages it may import.
func TestEveryRoomHasALintRule(t *testing.T) {
	t.Parallel()
	config := read(t, "../../.golangci.yml")
	for _, room := range append(rooms(t), "answer") {
		if !strings.Contains(config, "\n        room-"+room+":\n") {
			t.Errorf(".golangci.yml: depguard has no rule room-%s, which says what the room may import", room)
		}
	}
}

// CONTRIBUTING.md lists what each room uses, which is what the linter allows.
func TestTheTableOfRoomsIsTheLinters(t *testing.T) {
	t.Parallel()
	config, page := read(t, "../../.golangci.yml"), read(t, "../../CONTRIBUTING.md")
	allowed := regexp.MustCompile(`portal-invites/internal/([a-z/]+)\$`)
	for _, room := range append(rooms(t), "answer") {
		_, rule, _ := strings.Cut(config, "\n        room-"+room+":\n")
		rule, _, _ = strings.Cut(rule, "\n        room-")
		var want []string
		for _, used := range allowed.FindAllStringSubmatch(rule, -1) {
			want = append(want, strings.TrimPrefix(used[1], "pipeline/"))
		}
		slices.Sort(want)
		row := regexp.MustCompile(
			"(?m)^\\| `internal/(?:pipeline/)?" + room + "` \\| [^|]+ \\| ([^|]+) \\|$").FindStringSubmatch(page)
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

// rooms returns the packages of the pipeline, without pipelinetest.
func rooms(t *testing.T) (names []string) {
	t.Helper()
	entries, err := fs.ReadDir(os.DirFS("."), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if code, _ := filepath.Glob(filepath.Join(e.Name(), "*.go")); e.IsDir() && len(code) > 0 &&
			e.Name() != "pipelinetest" {
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

// changes are the store's methods that change an invite, its link or its reservation.
var changes = regexp.MustCompile(
	`\btx\.(InsertInvites|InsertSending|UpdateInvites|BeginAttempts|SwitchLinks|Reserve|Release)\(`)

// Only the ledger changes an invite's state, because it writes the sums, the outcome and the reservation with it.
func TestOnlyTheLedgerChangesAnInvite(t *testing.T) {
	t.Parallel()
	for _, room := range append(rooms(t), "../answer") {
		files, err := filepath.Glob(filepath.Join(room, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no files: %v", room, err)
		}
		for _, file := range files {
			if room == "ledger" || strings.HasSuffix(file, "_test.go") {
				continue
			}
			if found := changes.FindString(read(t, file)); found != "" {
				t.Errorf("%s calls %s): make the change in internal/pipeline/ledger, which writes all that belongs to it",
					file, found)
			}
		}
	}
}
