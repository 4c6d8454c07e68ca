package deploytest

import (
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

type instruction struct{ name, rest string }

// readDockerfile splits a Dockerfile into its instructions, continued lines joined and comments left out.
func readDockerfile(text string) []instruction {
	var instructions []instruction
	var joined strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		head, continued := strings.CutSuffix(line, `\`)
		joined.WriteString(head + " ")
		if continued {
			continue
		}
		name, rest, _ := strings.Cut(strings.Join(strings.Fields(joined.String()), " "), " ")
		instructions = append(instructions, instruction{strings.ToUpper(name), rest})
		joined.Reset()
	}
	return instructions
}

// lastStage is what ships: the instructions from the last FROM on.
func lastStage(instructions []instruction) []instruction {
	start := 0
	for i, in := range instructions {
		if in.name == "FROM" {
			start = i
		}
	}
	return instructions[start:]
}

// find returns an instruction's arguments, and fails the test where it does not stand exactly once.
func find(t *testing.T, instructions []instruction, name string) string {
	t.Helper()
	var found []string
	for _, in := range instructions {
		if in.name == name {
			found = append(found, in.rest)
		}
	}
	if len(found) != 1 {
		t.Fatalf("Dockerfile: %d times %s in the last stage, want 1", len(found), name)
	}
	return found[0]
}

func TestImageHoldsStaticBinariesAndNothingElse(t *testing.T) {
	t.Parallel()
	all := readDockerfile(readFile(t, "Dockerfile"))
	if base := find(t, lastStage(all), "FROM"); base != "scratch" {
		t.Errorf("ships on %q, want scratch: a shell or a package manager is something to attack and to update", base)
	}
	build := ""
	for _, in := range all {
		if in.name == "RUN" && strings.Contains(in.rest, "go build") {
			build = in.rest
		}
	}
	for _, want := range append(shipped(t), "CGO_ENABLED=0 go build", "-trimpath") {
		if !strings.Contains(build, want) {
			t.Errorf("the build is %q, without %q", build, want)
		}
	}
	if strings.Contains(build, "standalone") {
		t.Errorf("the build is %q: standalone needs PostgreSQL's programs, which are not in the image", build)
	}
}

// shipped are all commands but standalone.
func shipped(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "cmd"))
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, entry := range entries {
		if entry.Name() != "standalone" {
			paths = append(paths, "./cmd/"+entry.Name())
		}
	}
	return paths
}

func TestImageRunsWithoutRights(t *testing.T) {
	t.Parallel()
	user := find(t, lastStage(readDockerfile(readFile(t, "Dockerfile"))), "USER")
	uid, _, _ := strings.Cut(user, ":")
	if id, err := strconv.Atoi(uid); err != nil || id == 0 {
		t.Errorf("USER %s: want a number other than 0, for there is no /etc/passwd to look a name up in", user)
	}
}

func TestImageStartsACommandOfOurs(t *testing.T) {
	t.Parallel()
	entrypoint := find(t, lastStage(readDockerfile(readFile(t, "Dockerfile"))), "ENTRYPOINT")
	found := regexp.MustCompile(`^\["(/[a-z-]+)"\]$`).FindStringSubmatch(entrypoint)
	if found == nil {
		t.Fatalf("ENTRYPOINT %s: want the exec form, for there is no shell", entrypoint)
	}
	worker := service{Image: ourImage, Entrypoint: []string{found[1]}}
	for _, finding := range startsOurBinary("Dockerfile", worker) {
		t.Error(finding)
	}
}

func TestImageExposesTheAddressThatWorkersListenOn(t *testing.T) {
	t.Parallel()
	port := find(t, lastStage(readDockerfile(readFile(t, "Dockerfile"))), "EXPOSE")
	for name, s := range parseCompose(t, readFile(t, "compose.yaml")).Services {
		if s.isWorker() && s.Environment["HTTP_ADDR"] != ":"+port {
			t.Errorf("%s listens on %q, the image exposes %s", name, s.Environment["HTTP_ADDR"], port)
		}
	}
}

func TestImageIsBuiltWithAGoThatIsNewEnough(t *testing.T) {
	t.Parallel()
	wanted := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(readFile(t, "go.mod"))
	base := readDockerfile(readFile(t, "Dockerfile"))[0].rest
	used := regexp.MustCompile(`^golang:(\d+\.\d+\.\d+)-`).FindStringSubmatch(base)
	if wanted == nil || used == nil {
		t.Fatalf("no version in go.mod, or no full version in %q", base)
	}
	if version.Compare("go"+used[1], "go"+wanted[1]) < 0 {
		t.Errorf("the image is built with Go %s, and go.mod asks for %s", used[1], wanted[1])
	}
}

// .dockerignore lists what the builder may see. A new top-level folder that a command imports would be missing there,
// and only the image's build would notice.
func TestBuilderSeesEveryPackageOfTheCommands(t *testing.T) {
	t.Parallel()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f",
		`{{with .Module}}{{if .Main}}{{$.Dir}}{{end}}{{end}}`, "./cmd/...")
	list.Dir = root
	output, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	seen := strings.Split(readFile(t, ".dockerignore"), "\n")
	dirs := strings.FieldsFunc(string(output), func(r rune) bool { return r == '\n' }) // a path may have spaces
	if len(dirs) == 0 {
		t.Fatal("there are no commands in cmd")
	}
	for _, dir := range dirs {
		relative, err := filepath.Rel(absolute, dir)
		if err != nil {
			t.Fatal(err)
		}
		top, _, _ := strings.Cut(filepath.ToSlash(relative), "/")
		if !slices.Contains(seen, "!"+top) {
			t.Errorf("a command needs %s, and .dockerignore has no !%s", relative, top)
		}
	}
}
