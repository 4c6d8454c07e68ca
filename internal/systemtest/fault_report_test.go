package systemtest

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// measured is a step of a seed: its faults, and how long individual invites took.
type measured struct {
	Faults    []string
	Meanwhile time.Duration // from its request to its mail; 0 if it was not mailed before the faults were lifted
	After     time.Duration // from when the faults were lifted until the mail of an invite that was requested then
	// How the time of that invite passed, from when the faults were lifted; 0 if that has not happened.
	Decided time.Duration // until it was decided
	Begun   time.Duration // until its last attempt began

	email  string // of that invite
	lifted time.Time
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
	m.email, m.lifted = o.request().email, lifted
	m.After = o.mailed(m.email, longestAfter).Sub(lifted)
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

// explain finds out in which stage the invite of a step has waited.
func (o *office) explain(m *measured) {
	var decided time.Time
	var begun *time.Time
	err := o.DB.QueryRow(o.Ctx, `
		SELECT decided_at, (SELECT max(started_at) FROM attempts a WHERE a.invite_id = i.invite_id)
		FROM invites i WHERE email = $1 AND run_id IS NULL`, m.email).Scan(&decided, &begun)
	if err != nil {
		return // it was never decided, and the oracle says so
	}
	m.Decided = decided.Sub(m.lifted)
	if begun != nil {
		m.Begun = begun.Sub(m.lifted)
	}
}

// writeReport writes the report into docs/testing.md.
func writeReport(t *testing.T) {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := replaceTable(t, string(content), "report", reportTable(readResults(t)))
	if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const severalAtOnce = "several at once"

func reportTable(all []result) string {
	var broken []string
	for _, r := range all {
		if len(r.Found) > 0 {
			broken = append(broken, fmt.Sprint(r.Seed))
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%d seeds on a machine with %d processors. Seeds that found something: %s.\n\n",
		len(all), runtime.NumCPU(), strings.Join(append(broken, "none")[:max(1, len(broken))], ", "))
	table.WriteString("| fault | injected | held | alone | an invite meanwhile | " +
		"an invite afterwards: median, longest |\n|---|---|---|---|---|---|\n")
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
			if len(r.Found) == 0 {
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
