package systemtest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// reportVariable makes [TestFaults] write the report of docs/testing.md from all seeds whose results are there.
const reportVariable = "FAULT_REPORT"

// results is the folder that has a file for each seed of random faults.
const results = "../../.cache/fault/results"

// result is what became of a seed.
type result struct {
	Seed  uint64
	Held  bool // nothing was found
	Steps []measured
}

// measured is a step of a seed: its faults, and how long individual invites took.
type measured struct {
	Faults    []string
	Meanwhile time.Duration // from its request to its mail; 0 if it was not mailed before the faults were lifted
	After     time.Duration // from when the faults were lifted until the mail of an invite that was requested then
}

// longestAfter is how long a seed waits for an invite after the faults were lifted.
const longestAfter = 2 * time.Minute

// measure lets a fault last, lifts it, and measures two invites: one that is requested when the fault has begun, and
// one when it has ended.
func (o *office) measure(hold time.Duration, lift func()) (m measured) {
	first := make(chan request, 1)
	go func() { first <- o.request() }()
	<-time.After(hold)
	arrived := o.sink.arrived()
	lift()
	lifted := time.Now()
	email := o.request().email
	m.After = o.mailed(email, longestAfter).Sub(lifted)
	meanwhile := <-first
	for _, mail := range arrived {
		if mail.To == meanwhile.email {
			m.Meanwhile = mail.At.Sub(meanwhile.at)
		}
	}
	return m
}

type request struct {
	email string
	at    time.Time
}

// request invites a newcomer.
func (o *office) request() request {
	client, contact := o.newcomer()
	r := request{contact + "@example.com", time.Now()}
	o.tell(o.contact(contact, r.email), o.client(client, contact), o.invite(client, contact))
	return r
}

// keepResult writes the result of a seed.
func (o *office) keepResult(r result) {
	o.Must(os.MkdirAll(results, 0o750))
	encoded, err := json.Marshal(r)
	o.Must(err)
	o.Must(os.WriteFile(filepath.Join(results, fmt.Sprintf("seed-%d.json", r.Seed)), encoded, 0o600))
}

// writeReport writes the report into docs/testing.md.
func writeReport(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(results, "seed-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []result
	for _, file := range files {
		var r result
		content, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(content, &r)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(page, []byte(replaceTable(t, string(content), "report", reportTable(all))), 0o644); err != nil {
		t.Fatal(err)
	}
}

const severalAtOnce = "several at once"

func reportTable(all []result) string {
	slices.SortFunc(all, func(a, b result) int { return int(a.Seed) - int(b.Seed) })
	var broken []string
	for _, r := range all {
		if !r.Held {
			broken = append(broken, fmt.Sprint(r.Seed))
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%d seeds on a machine with %d processors. Seeds that found something: %s.\n\n",
		len(all), runtime.NumCPU(), strings.Join(append(broken, "none")[:max(1, len(broken))], ", "))
	table.WriteString("| fault | injected | held | alone | an invite meanwhile | afterwards: median, longest |\n" +
		"|---|---|---|---|---|---|\n")
	for _, f := range faults() {
		table.WriteString(reportRow(f.name, all))
	}
	table.WriteString(reportRow(severalAtOnce, all))
	return table.String()
}

// reportRow is the row of a fault. Times are those of steps in which it was alone.
func reportRow(name string, all []result) string {
	injected, held, alone := 0, 0, 0
	var meanwhile, after []time.Duration
	for _, r := range all {
		for _, m := range r.Steps {
			several := len(m.Faults) > 1
			if !slices.Contains(m.Faults, name) && (name != severalAtOnce || !several) {
				continue
			}
			injected++
			if r.Held {
				held++
			}
			if several && name != severalAtOnce {
				continue
			}
			alone++
			after = append(after, m.After)
			if m.Meanwhile > 0 {
				meanwhile = append(meanwhile, m.Meanwhile)
			}
		}
	}
	slices.Sort(meanwhile)
	slices.Sort(after)
	first, second := "", ""
	if alone > 0 {
		first = fmt.Sprintf("%d of %d mailed", len(meanwhile), alone)
		second = fmt.Sprintf("%s, %s", inSeconds(after[len(after)/2]), inSeconds(after[len(after)-1]))
	}
	if n := len(meanwhile); n > 0 {
		first += fmt.Sprintf(", median %s", inSeconds(meanwhile[n/2]))
	}
	return fmt.Sprintf("| %s | %d | %d | %d | %s | %s |\n", name, injected, held, alone, first, second)
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// The report has a row for each fault, in the order of the other table. Its numbers are from the last `make fault
// FAULT_REPORT=1`.
func TestReportHasEachFault(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(content), "<!-- report: begin -->")
	report, _, _ := strings.Cut(rest, "<!-- report: end -->")
	for _, name := range append(namesOf(faults()), severalAtOnce) {
		before, after, found := strings.Cut(report, "\n| "+name+" |")
		if !found || strings.Contains(before, "\n| "+severalAtOnce) {
			t.Errorf("docs/testing.md has no row for %q in its place: make fault FAULT_SEEDS=1 FAULT_REPORT=1", name)
		}
		report = "\n" + after
	}
}

func namesOf(all []fault) (names []string) {
	for _, f := range all {
		names = append(names, f.name)
	}
	return names
}
