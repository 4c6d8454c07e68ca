package deploytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const checkCommits = "scripts/check-commits.sh"

// history is a folder with the script, and with one commit for each subject, in order. Without subjects, git knows
// nothing of the folder.
func history(t *testing.T, subjects ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	addScript(t, dir)
	if len(subjects) > 0 {
		git(t, dir, "init", "--quiet", "--initial-branch=main")
	}
	for _, subject := range subjects {
		git(t, dir, "commit", "--quiet", "--allow-empty", "-m", subject)
	}
	return dir
}

func addScript(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "scripts"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, checkCommits), []byte(readFile(t, checkCommits)), 0o700); err != nil {
		t.Fatal(err)
	}
}

// git runs one command of git as nobody's configuration has it.
func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	env := []string{
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b.example",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b.example",
	}
	if out, code := run(t, dir, env, "git", args...); code != 0 {
		t.Fatalf("git %v: exit code %d: %s", args, code, out)
	}
}

func TestLongSubjectsOfCommitsAreRefused(t *testing.T) {
	t.Parallel()
	since := "SINCE=yesterday"
	short, long := strings.Repeat("é", 71), strings.Repeat("é", 72) // characters, not bytes
	for name, c := range map[string]struct {
		subjects []string
		env      string
		code     int
		says     string
	}{
		"all are short":            {[]string{short, "Another"}, since, 0, ""},
		"the newest is long":       {[]string{"One", long}, since, 1, "has 72 characters"},
		"an older one is long":     {[]string{long, "Another"}, since, 1, long},
		"a body may have any line": {[]string{"One\n\n" + long + long}, since, 0, ""},
		"older than the rule":      {[]string{long}, "SINCE=2099-01-01T00:00:00Z", 0, ""},
		"no history":               {nil, since, 0, "SKIPPED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := history(t, c.subjects...)
			env := []string{c.env, "GIT_CEILING_DIRECTORIES=" + filepath.Dir(dir)}
			out, code := run(t, dir, env, checkCommits)
			if code != c.code || !strings.Contains(out, c.says) || c.says == "" && out != "" {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, c.code, c.says, out)
			}
		})
	}
}

// A clone of one commit and no branch is what CI has: it is checked as far as it goes.
func TestAShallowCloneIsChecked(t *testing.T) {
	t.Parallel()
	dir := history(t, "One", strings.Repeat("a", 72))
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "--quiet", "--depth=1", "file://"+dir, clone)
	git(t, clone, "checkout", "--quiet", "--detach")
	addScript(t, clone)
	if out, code := run(t, clone, []string{"SINCE=yesterday"}, checkCommits); code != 1 {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}
