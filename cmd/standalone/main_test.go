package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

// TestMain runs the command itself if the test binary is called by the command's name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "standalone" {
		main()
	}
	os.Exit(m.Run())
}

// command returns the command, to run in dir, without the settings of this shell.
func command(t *testing.T, dir string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute) // a cleanup stops it
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Args[0], cmd.Dir = "standalone", dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir, "HOME=" + dir}, env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd
}

func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// result is what a finished run printed, and its exit code.
type result struct {
	out, errs string
	code      int
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exited := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// free are settings that can't conflict with other programs on this machine.
var free = []string{
	"STANDALONE_NATS_PORT=0", "STANDALONE_POSTGRES_PORT=0", "STANDALONE_CATCHER_PORT=0", "STANDALONE_PAGE_PORT=0",
	"STANDALONE_CONSOLE_PORT=0", "HTTP_ADDR=",
}

// up starts the command and returns what it printed until it was up. The command is stopped when the test ends.
func up(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := command(t, dir, free, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, lines)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the command ended with: %v\n%s", err, &errs)
		}
	})
	var text strings.Builder
	for {
		line, err := lines.ReadString('\n')
		text.WriteString(line)
		if err != nil {
			t.Fatalf("the command ended before it was up: %s\n%s", &text, &errs)
		}
		if strings.Contains(line, "Ctrl-C") {
			return text.String()
		}
	}
}

func mustSay(t *testing.T, text string, phrases ...string) {
	t.Helper()
	flat := strings.Join(strings.Fields(text), " ")
	for _, phrase := range phrases {
		if !strings.Contains(flat, phrase) {
			t.Errorf("the output does not have %q:\n%s", phrase, text)
		}
	}
}

func mustFit(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// The help must show each default. A reader would take an example value for the default.
func TestHelpShowsDefaults(t *testing.T) {
	t.Parallel()
	help := finish(t, command(t, t.TempDir(), nil, "--help"))
	mustSay(t, help.out, "--data=data", "--nats-port=4222", "--postgres-port=0", "--catcher-port=1025",
		"--page-port=8025", "--console-port=8026", "--nats-replicas=1", "--log-format=auto",
		"($STANDALONE_DATA)", "($STANDALONE_NATS_PORT)", "($STANDALONE_POSTGRES_PORT)", "($STANDALONE_CATCHER_PORT)",
		"($STANDALONE_PAGE_PORT)", "($STANDALONE_CONSOLE_PORT)")
	mustFit(t, help.out)
}

// taken returns a port on which another program listens.
func taken(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// All problems are reported at once, by their variables, before the command creates a folder.
func TestNothingIsTouchedBeforeAllIsChecked(t *testing.T) {
	t.Parallel()
	port, other := taken(t), taken(t)
	for name, c := range map[string]struct {
		env  []string
		says []string
	}{
		"settings": {
			[]string{"INVITE_TTL=1m", "LOG_LEVEL=loud", "STANDALONE_PAGE_PORT=70000"},
			[]string{"INVITE_TTL: must be", "LOG_LEVEL: must be", "STANDALONE_PAGE_PORT: must be 0 to 65535"},
		},
		"the address of a database": {[]string{"DATABASE_URL=postgres://%zz"}, []string{"DATABASE_URL: can't be parsed"}},
		"addresses in use": {
			[]string{"HTTP_ADDR=127.0.0.1:" + port, "STANDALONE_NATS_PORT=" + other},
			[]string{
				"HTTP_ADDR: health and metrics can't listen on 127.0.0.1:" + port,
				"STANDALONE_NATS_PORT: the broker can't listen on 127.0.0.1:" + other, "port 0 takes a free one",
			},
		},
		"a broker that is not there": {
			[]string{"NATS_URL=nats://sam:secret@127.0.0.1:1"},
			[]string{"connect to NATS at nats://127.0.0.1:1 (NATS_URL)", "unset NATS_URL"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			s := finish(t, command(t, dir, append(append([]string{}, free...), c.env...)))
			if s.code != 2 || s.out != "" || strings.Contains(s.errs, "secret") {
				t.Errorf("exit code %d: %s%s", s.code, s.out, s.errs)
			}
			mustSay(t, s.errs, c.says...)
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("the command has created %v", left)
			}
		})
	}
}

// Two settings with the same address conflict as much as with another program.
func TestOnePortInTwoSettingsIsAnError(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	s := finish(t, command(t, folder(t),
		append(append([]string{}, free...), "STANDALONE_CATCHER_PORT="+port, "STANDALONE_PAGE_PORT="+port)))
	if s.code != 2 {
		t.Errorf("exit code %d", s.code)
	}
	mustSay(t, s.errs, "STANDALONE_PAGE_PORT: the page of caught mails can't listen on 127.0.0.1:"+port)
}

var demoFolder = regexp.MustCompile(`--data (\S+)`)

// Two demos run at the same time, beside a standalone that shows an earlier demo's mails. None disturbs another.
func TestDemosBesideEachOther(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts four pipelines")
	}
	dir := folder(t)
	first := finish(t, command(t, dir, everyVariable(t), "demo"))
	if first.code != 0 {
		t.Fatalf("exit code %d:\n%s%s", first.code, first.out, first.errs)
	}
	mustFit(t, strings.ReplaceAll(first.out, dir, ""))
	mustSay(t, first.out, "What next?", "make run", "http://127.0.0.1:8025", "http://127.0.0.1:8026",
		"Dana Wu on Blue Bottle Glassworks LLC",
		"selected 247 = sent 118 + skipped 128 + failed 1 + pending 0", "sent, and now failed")
	mustShowReadme(t, first.out)
	looked := demoFolder.FindStringSubmatch(first.out)[1]
	mails := list(t, filepath.Join(looked, "mail"))

	up(t, dir, "--data", looked)
	done := make(chan result, 2)
	for range 2 {
		go func() { done <- finish(t, command(t, dir, nil, "demo")) }()
	}
	folders := map[string]bool{looked: true}
	for range 2 {
		s := <-done
		if s.code != 0 {
			t.Fatalf("exit code %d:\n%s%s", s.code, s.out, s.errs)
		}
		folders[demoFolder.FindStringSubmatch(s.out)[1]] = true
	}
	if len(folders) != 3 {
		t.Errorf("three demos used %v", folders)
	}
	if now := list(t, filepath.Join(looked, "mail")); now != mails {
		t.Errorf("the mails of the earlier demo were %s, and are %s", mails, now)
	}
	s := finish(t, command(t, dir, nil, "demo", "--demo-data", looked))
	if s.code != 2 {
		t.Errorf("exit code %d", s.code)
	}
	mustSay(t, s.errs, "--demo-data: the folder is in use")
}

// everyVariable sets every variable that the command or PostgreSQL's client reads, and the file of each, to a value
// with which nothing can start. The demo ignores them.
func everyVariable(t *testing.T) (env []string) {
	t.Helper()
	help := finish(t, command(t, t.TempDir(), nil, "--help")).out
	names := []string{"PGHOST", "PGSSLMODE", "PGTARGETSESSIONATTRS"}
	for _, found := range regexp.MustCompile(`\(\$([A-Z_]+)\)`).FindAllStringSubmatch(help, -1) {
		names = append(names, found[1])
	}
	if len(names) < 40 {
		t.Fatalf("--help names only %q", names)
	}
	for _, name := range names {
		env = append(env, name+"=nonsense", name+"_FILE=/none")
	}
	return env
}

// mustShowReadme compares the demo's output with what README.md shows of it.
func mustShowReadme(t *testing.T, out string) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, found := strings.Cut(string(readme), "```\nA bulk invite")
	shown, _, _ = strings.Cut(shown, "    …\n```")
	if !found || !strings.Contains(out, "A bulk invite"+shown) {
		t.Errorf("README.md shows something else than\n%s", out)
	}
}

func list(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return strings.Join(names, " ")
}
