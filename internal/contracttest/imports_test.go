package contracttest

import (
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const module = "portal-invites/"

// imports are the packages of the commands, of internal and of examples, by their folders, each with those of ours that
// it imports, sorted. Tests do not count, nor does a package that has only its documentation.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, file := range filesWith(t, ".go") {
		name, err := filepath.Rel("../..", filepath.Dir(file))
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.ToSlash(name)
		root, _, _ := strings.Cut(name, "/")
		isOurs := slices.Contains([]string{"cmd", "internal", "examples"}, root)
		if !isOurs || strings.HasSuffix(file, "_test.go") || filepath.Base(file) == "doc.go" {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		used := found[name]
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if ours, ok := strings.CutPrefix(imported, module); ok {
				used = append(used, ours)
			}
		}
		slices.Sort(used)
		found[name] = slices.Compact(used)
	}
	return found
}

// reach is everything that a package is made of, but for itself.
func reach(imports map[string][]string, name string) map[string]bool {
	found := map[string]bool{}
	next := slices.Clone(imports[name])
	for len(next) > 0 {
		used := next[0]
		next = next[1:]
		if !found[used] {
			found[used] = true
			next = append(next, imports[used]...)
		}
	}
	return found
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// room is a rule of depguard that lists all of ours that one package may import.
type room struct {
	Mode  string   `yaml:"list-mode"`
	Files []string `yaml:"files"`
	Deny  []struct {
		Package string `yaml:"pkg"`
	} `yaml:"deny"`
	Allow []string `yaml:"allow"`
}

// roomsOf reads the rules named room-... by their names.
func roomsOf(t *testing.T) map[string]room {
	t.Helper()
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]room `yaml:"rules"`
				} `yaml:"depguard"`
			} `yaml:"settings"`
		} `yaml:"linters"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, "../../.golangci.yml")), &config); err != nil {
		t.Fatal(err)
	}
	rooms := config.Linters.Settings.Depguard.Rules
	maps.DeleteFunc(rooms, func(name string, _ room) bool { return !strings.HasPrefix(name, "room-") })
	return rooms
}

// roomName is how the rule of a package is named.
func roomName(name string) string {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "internal/"), "pipeline/")
	return "room-" + strings.ReplaceAll(name, "/", "-")
}

// The linter holds each package below internal to exactly those of ours that it imports. So a new arrow is a line of a
// change, and the rules never allow more than the pictures show.
func TestEveryPackageHasItsRoom(t *testing.T) {
	t.Parallel()
	rooms := roomsOf(t)
	all := imports(t)
	for _, name := range sortedKeys(all) {
		if !strings.HasPrefix(name, "internal/") {
			continue
		}
		rule, found := rooms[roomName(name)]
		if !found {
			t.Errorf(".golangci.yml: depguard has no rule %s, which lists what %s may import", roomName(name), name)
			continue
		}
		delete(rooms, roomName(name))
		if rule.Mode != "lax" || !slices.Equal(rule.Files, []string{"**/" + name + "/*.go", "!$test"}) {
			t.Errorf("%s holds %q, and not the code of %s (list-mode %s)", roomName(name), rule.Files, name, rule.Mode)
		}
		if len(rule.Deny) != 1 || rule.Deny[0].Package != strings.TrimSuffix(module, "/") {
			t.Errorf("%s does not deny all of ours: %v", roomName(name), rule.Deny)
		}
		var allowed []string
		for _, used := range rule.Allow {
			allowed = append(allowed, path.Clean(strings.TrimSuffix(strings.TrimPrefix(used, module), "$")))
		}
		slices.Sort(allowed)
		if !slices.Equal(allowed, all[name]) {
			t.Errorf("%s allows\n  %q\n%s imports\n  %q", roomName(name), allowed, name, all[name])
		}
	}
	for name := range rooms {
		t.Errorf("%s is the rule of no package", name)
	}
}
