package deploytest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// checkout copies the Makefile and the files that it reads to a path with a space, and returns that folder.
func checkout(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "my projects", "portal-invites")
	for _, path := range []string{"Makefile", "go.mod", "scripts/check-go.sh"} {
		to := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(readFile(t, path)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// run runs a command in a folder, and returns its output and its exit code. env overrides this process's environment.
func run(t *testing.T, dir string, env []string, name string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if exited := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestMakeWorksInAPathWithSpaces(t *testing.T) {
	t.Parallel()
	dir := checkout(t)
	for _, target := range []string{"help", "lint", "fmt", "compose-check", "run", "test"} {
		out, code := run(t, dir, nil, "make", "-n", target)
		if code != 0 || strings.Contains(out, "GOBIN="+dir) {
			t.Errorf("make %s: exit code %d:\n%s", target, code, out)
		}
	}
	// Run one target for real, with a go that builds nothing: it must put the linter into the right folder.
	stub := filepath.Join(t.TempDir(), "go")
	script := "#!/bin/sh\n[ \"$1\" = install ] && : >\"$GOBIN/golangci-lint\"\nexit 0\n"
	if err := os.WriteFile(stub, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	out, code := run(t, dir, []string{"PATH=" + filepath.Dir(stub) + ":" + os.Getenv("PATH"), "GOLANGCI_LINT_VERSION=v0"},
		"make", "GOLANGCI_LINT_VERSION=v0", ".cache/bin/golangci-lint-v0")
	if _, err := os.Stat(filepath.Join(dir, ".cache/bin/golangci-lint-v0")); err != nil || code != 0 {
		t.Errorf("exit code %d, %v:\n%s", code, err, out)
	}
}

func TestMakeRunTakesAFolder(t *testing.T) {
	t.Parallel()
	dir := checkout(t)
	for _, c := range []struct {
		env, args []string
		want      string
	}{
		{[]string{"STANDALONE_DATA="}, nil, `--data "./data"`},
		{[]string{"STANDALONE_DATA="}, []string{"DATA=/var/tmp/my data"}, `--data "/var/tmp/my data"`},
		{[]string{"STANDALONE_DATA=/srv/portal"}, nil, `--data "/srv/portal"`},
	} {
		if out, _ := run(t, dir, c.env, "make", append([]string{"-n", "run"}, c.args...)...); !strings.Contains(out, c.want) {
			t.Errorf("make run %v does not have %s:\n%s", c.args, c.want, out)
		}
	}
}

// A missing PostgreSQL is reported before anything is compiled.
func TestMakeDemoLooksForPostgresFirst(t *testing.T) {
	t.Parallel()
	out, _ := run(t, checkout(t), nil, "make", "-n", "demo")
	needs, builds := strings.Index(out, "ensure-postgres.sh"), strings.Index(out, "go build")
	if needs < 0 || builds < needs {
		t.Errorf("make demo builds first:\n%s", out)
	}
}

// A Go that is too old only reports that go.mod is invalid, so the script names it. A newer Go fetches the version that
// go.mod needs, or says why it can't.
func TestAGoThatIsTooOldIsNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		program string
		code    int
		says    string
	}{
		"Debian's": {`echo "go version go1.19.8 linux/amd64"`, 1, "is Go 1.19.8: https://go.dev/dl/"},
		"one that fetches": {
			`case $PWD in /) echo "go version go1.22.1 linux/amd64";; *) echo "go version go1.26.0 linux/amd64";; esac`, 0, "",
		},
		"one that may not fetch": {
			`case $PWD in /) echo "go version go1.22.1 linux/amd64";; *) echo "GOTOOLCHAIN=local" >&2; exit 1;; esac`, 1,
			"GOTOOLCHAIN=local",
		},
		"one that may not fetch and says only its version": {
			`echo "go version go1.24.4 linux/amd64"`, 1, "is Go 1.24.4: https://go.dev/dl/",
		},
		"the one of go.mod":        {`echo "go version go1.26.0 linux/amd64"`, 0, ""},
		"a newer one":              {`echo "go version go1.101.0 linux/amd64"`, 0, ""},
		"one that is not released": {`echo "go version devel go1.99-abcdef linux/amd64"`, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := checkout(t)
			bin := t.TempDir()
			if err := os.WriteFile(filepath.Join(bin, "go"), []byte("#!/bin/sh\n"+c.program+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			out, code := run(t, dir, []string{"PATH=" + bin + ":" + os.Getenv("PATH")},
				filepath.Join(dir, "scripts/check-go.sh"))
			if code != c.code || !strings.Contains(out, c.says) {
				t.Errorf("exit code %d:\n%s", code, out)
			}
		})
	}
}
