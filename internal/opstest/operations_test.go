package opstest

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// patience is how long a command that only looks may be repeated, until the workers have written what the page shows.
const patience = 5 * time.Second

// TestOperationsPage types every command of docs/operations.md, in order, and compares what it prints with the page.
func TestOperationsPage(t *testing.T) {
	t.Parallel()
	page := file(t, "docs/operations.md")
	steps, err := readPage(page)
	if err != nil {
		t.Fatal(err)
	}
	inEachShell(t, func(t *testing.T, shell string) {
		t.Helper()
		r := newReader(t, shell, "internal/opstest/testdata/harbor")
		known := ids{}
		printed := make([]string, len(steps))
		for i, step := range steps {
			if printed[i] = r.take(step, known); t.Failed() && *record == "" {
				break // later steps would fail, too
			}
		}
		if *record != "" {
			r.must(os.WriteFile(*record, []byte(recorded(page, steps, printed)), 0o600))
		}
	})
}

// take does one step.
func (r *reader) take(step step, known ids) string {
	r.t.Helper()
	if strings.Contains(step.command, "bin/standalone ") {
		out := r.start(step.command, "/tmp/harbor")
		if err := known.match([]string{r.elsewhere.Replace(strings.Join(step.prints, "\n"))}, out); err != nil {
			r.t.Errorf("line %d: %v", step.line, err)
		}
		return out
	}
	r.settle()
	if step.later { // for invites that wait for their next attempt
		_, err := r.db.Exec(r.t.Context(),
			`UPDATE invites SET next_attempt_at = now() WHERE state = 'queued' AND held_at IS NULL`)
		r.must(err)
		return ""
	}
	if _, down, found := strings.Cut(step.command, "-d down="); found {
		r.down = strings.HasPrefix(down, "true")
	}
	return r.watch(step, known)
}

// watch runs one command. If the command only looks, watch repeats it until it prints what the page shows.
func (r *reader) watch(step step, known ids) string {
	r.t.Helper()
	var out string
	var code int
	var err error
	before := r.second.exited
	for until := time.Now().Add(patience); ; {
		r.second.exited = before
		out, code = r.second.run(known.live(r.elsewhere.Replace(step.command)))
		if err = known.match(step.prints, out); err == nil || *record != "" || !onlyLooks(step.command) ||
			time.Now().After(until) {
			break
		}
	}
	r.second.exited = code
	if err != nil {
		r.t.Errorf("line %d: %s: %v", step.line, step.command, err)
	}
	if code != 0 && !step.failing {
		r.t.Errorf("line %d: %s: exit code %d", step.line, step.command, code)
	}
	for line := range strings.Lines(out) {
		n := utf8.RuneCountInString(strings.TrimRight(line, "\n"))
		if n > 80 && strings.HasPrefix(step.command, "invitectl") && !strings.Contains(line, "{") {
			r.t.Errorf("line %d: %s: prints %d columns: %s", step.line, step.command, n, line)
		}
	}
	return out
}

// onlyLooks says whether a command changes nothing, so that it may be run again.
func onlyLooks(command string) bool {
	for _, changes := range []string{
		"publisher", "requeue", "discard", "held send", "held arrived", "nats ", "curl -s -d", "psql ", "cd ", "export ",
	} {
		if strings.Contains(command, changes) {
			return false
		}
	}
	return !strings.Contains(command, "replay") || strings.Contains(command, "--dry-run")
}

// recorded is the page with everything that was printed.
func recorded(page string, steps []step, printed []string) string {
	lines := strings.Split(page, "\n")
	var out []string
	at := 0
	for i, step := range steps {
		if step.command == "" {
			continue
		}
		out = append(out, lines[at:step.output[0]]...)
		if text := strings.TrimSuffix(printed[i], "\n"); text != "" {
			out = append(out, strings.Split(text, "\n")...)
		}
		at = step.output[1]
	}
	return strings.Join(append(out, lines[at:]...), "\n")
}

// TestMetricsOfThePage checks that the metrics named on the page are served.
func TestMetricsOfThePage(t *testing.T) {
	t.Parallel()
	served, err := os.ReadFile("../app/metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`portal_invites_([a-z_]+)`).FindAllStringSubmatch(file(t, "docs/operations.md"), -1)
	for _, name := range names {
		if !strings.Contains(string(served), `"`+strings.TrimSuffix(name[1], "_count")+`"`) {
			t.Errorf("there is no metric %s", name[0])
		}
	}
	if len(names) == 0 {
		t.Error("the page names no metric")
	}
}
