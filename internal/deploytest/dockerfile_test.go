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

// readDockerfile splits a Dockerfile into its instructions. It joins continued lines and drops comments.
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

// lastStage returns the instructions from the last FROM on, which make the image.
func lastStage(instructions []instruction) []instruction {
	start := 0
	for i, in := range instructions {
		if in.name == "FROM" {
			start = i
		}
	}
	return instructions[start:]
}

// find returns an instruction's arguments. The test fails unless the instruction occurs exactly once.
func find(t *testing.T, instructions []instruction, name string) string {
	t.Helper()
	var found []string
	for _, in := range instructions {
		if in.name == name {
			found = append(found, in.rest)
		}
	}
	if len(found) != 1 {
		t.Fatalf("Dockerfile: %s occurs %d times in the last stage, want 1", name, len(found))
	}
	return found[0]
}

func TestImageHoldsStaticBinariesAndNothingElse(t *testing.T) {
	t.Parallel()
	all := readDockerfile(readFile(t, "Dockerfile"))
	if base := find(t, lastStage(all), "FROM"); base != "scratch" {
		t.Errorf("the base image is %q, want scratch: a shell or a package manager can be attacked and needs updates", base)
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

// shipped returns all commands but standalone.
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
		t.Errorf("USER %s: want a number other than 0, since the image has no /etc/passwd for names", user)
	}
}

func TestImageStartsACommandOfOurs(t *testing.T) {
	t.Parallel()
	entrypoint := find(t, lastStage(readDockerfile(readFile(t, "Dockerfile"))), "ENTRYPOINT")
	found := regexp.MustCompile(`^\["(/[a-z-]+)"\]$`).FindStringSubmatch(entrypoint)
	if found == nil {
		t.Fatalf("ENTRYPOINT %s: want the exec form, since the image has no shell", entrypoint)
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
			t.Errorf("%s listens on %q, but the image exposes %s", name, s.Environment["HTTP_ADDR"], port)
		}
	}
}

func TestImageIsBuiltWithAGoThatIsNewEnough(t *testing.T) {
	t.Parallel()
	wanted := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(readFile(t, "go.mod"))
	base := readDockerfile(readFile(t, "Dockerfile"))[0].rest
	used := regexp.MustCompile(`^golang:(\d+\.\d+\.\d+)-`).FindStringSubmatch(base)
	if wanted == nil || used == nil {
		t.Fatalf("go.mod has no version, or %q has no full version", base)
	}
	if version.Compare("go"+used[1], "go"+wanted[1]) < 0 {
		t.Errorf("the image is built with Go %s, but go.mod requires %s", used[1], wanted[1])
	}
}

// .dockerignore lists the folders that the builder may see. If a command imports from a new top-level folder that is
// not listed, only the image's build would fail.
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
			t.Errorf("a command needs %s, but .dockerignore has no !%s", relative, top)
		}
	}
}
