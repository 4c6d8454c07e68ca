package systemtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/oracle"
)

// seedsVariable selects the seeds of random faults, as in 7 or 1-100. `make fault` sets it.
const seedsVariable = "FAULT_SEEDS"

// The short form. Each test is a seed with fixed faults; docs/testing.md says which bugs it finds.

func TestSeedOfNoFault(t *testing.T) {
	t.Parallel()
	s := &schedule{steps: make([][]planned, 3), keepsAnswers: true}
	breakIt(t, 1, 480, s)
}

func TestSeedOfDyingWorkers(t *testing.T) {
	t.Parallel()
	breakIt(t, 2, 720, shortSchedule("killed while it selects", "killed", "killed at once", "killed", "killed at once"))
}

func TestSeedOfAPausedWorker(t *testing.T) {
	t.Parallel()
	s := shortSchedule("paused")
	s.add(nil) // the leases that the workers have began after the first ones ended
	breakIt(t, 3, 240, s)
}

func TestSeedOfDatabaseFaults(t *testing.T) {
	t.Parallel()
	breakIt(t, 4, 240, shortSchedule("database read-only", "database away", "database full", "database link cut"))
}

func TestSeedOfWorkersWithoutADatabase(t *testing.T) {
	t.Parallel()
	breakIt(t, 5, 240, shortSchedule("workers die without a database", "workers die without a database"))
}

func TestSeedOfBrokerFaults(t *testing.T) {
	t.Parallel()
	breakIt(t, 6, 240, shortSchedule("broker link cut", "broker restarted", "workers die without a broker",
		"broker link reset", "workers die without a broker"))
}

func TestSeedOfMailFaults(t *testing.T) {
	t.Parallel()
	// A replay follows in the second step, while invites wait.
	breakIt(t, 7, 240, shortSchedule("removed while the mail server is away", "mail server away",
		"mail server link reset", "mail server throttles + killed"))
}

// TestFaults runs seeds of random faults.
func TestFaults(t *testing.T) {
	t.Parallel()
	first, last := seeds(t)
	t.Cleanup(func() { // when all have ended
		all := slices.DeleteFunc(readResults(t), func(r result) bool { return r.Seed < first || r.Seed > last })
		t.Log(summary(all))
		if os.Getenv(reportVariable) != "" {
			writeReport(t)
		}
	})
	done := map[uint64]bool{}
	if os.Getenv(resumeVariable) != "" {
		for _, r := range readResults(t) {
			done[r.Seed] = true
		}
	}
	for seed := first; seed <= last; seed++ {
		if done[seed] {
			continue
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			breakIt(t, seed, 480, randomSchedule(seed))
		})
	}
}

func seeds(t *testing.T) (first, last uint64) {
	t.Helper()
	value := os.Getenv(seedsVariable)
	if value == "" {
		t.Skipf("%s is not set (example: 1-100): only the short form runs", seedsVariable)
	}
	from, to, isRange := strings.Cut(value, "-")
	first, err := strconv.ParseUint(from, 10, 64)
	last = first
	if err == nil && isRange {
		last, err = strconv.ParseUint(to, 10, 64)
	}
	if err != nil || first < 1 || last < first {
		t.Fatalf("%s: must be a seed or a range of seeds (example: 7 or 1-100)", seedsVariable)
	}
	return first, last
}

// rest is how long it may take until nothing is left to do. It is far more than it takes on a busy machine.
const rest = 4 * time.Minute

// breakIt lets the office work while things break, waits until nothing is left to do, and asks the oracle.
func breakIt(t *testing.T, seed uint64, people int, s *schedule) {
	t.Helper()
	o := &office{faultRig: newFaultRig(t, seed, s)}
	isRandom := strings.HasPrefix(t.Name(), "TestFaults/")
	t.Cleanup(func() {
		if t.Failed() || isRandom {
			o.keep(keptFolder(t))
		}
		if t.Failed() {
			t.Logf("everything is in %s. To run it again: go test ./internal/systemtest -run '^%s$' -v (FAULT_SEEDS=%d)",
				keptFolder(t), t.Name(), seed)
		}
	})
	become := result{Seed: seed}
	o.open(people)
	for _, step := range s.steps {
		become.Steps = append(become.Steps, o.breakStep(step, isRandom))
	}
	began := time.Now()
	if err := o.comesToRest(rest); err != nil {
		t.Error(err)
		become.Found = append(become.Found, "no rest")
	}
	t.Logf("at rest %s after the last fault; %d mails", time.Since(began).Round(time.Second), len(o.sink.arrived()))
	w := o.world()
	become.Found = append(become.Found, o.judge(w)...)
	if t.Failed() {
		o.keepWorld(keptFolder(t), w)
	}
	if isRandom {
		for n := range become.Steps {
			o.explain(&become.Steps[n])
		}
		keepResult(t, become)
	}
}

// judge asks the oracle, and returns the signs of what it has found.
func (o *office) judge(w oracle.World) (signs []string) {
	found, err := oracle.Examine(w)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, f := range found {
		if f.Sign == "deadlock" && os.Getenv(seedsVariable) == "" {
			o.t.Log(f) // facts and removals may still cause one (docs/flow.md)
			continue
		}
		o.t.Error(f)
		signs = append(signs, f.Sign)
	}
	return signs
}

// breakStep waits until the workers are up. Then it puts in the faults of a step while the office works, and lifts them
// after their time. It measures how long invites take, if it shall.
func (o *office) breakStep(step []planned, measures bool) (m measured) {
	o.seeSomebodyMailed()
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.step()
	}()
	<-time.After(time.Duration(o.dice.IntN(200)) * time.Millisecond)
	var lifts []func()
	var hold time.Duration
	for _, p := range step {
		lifts = append(lifts, p.put(o))
		hold = max(hold, p.hold)
	}
	lift := func() {
		for _, lift := range lifts {
			lift()
		}
	}
	if measures {
		m = o.measure(hold, lift)
	} else {
		<-time.After(hold)
		lift()
	}
	for _, p := range step {
		m.Faults = append(m.Faults, p.name)
	}
	<-done
	return m
}

func keptFolder(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("../../.cache/fault", strings.ReplaceAll(t.Name(), "/", "-")))
	if err != nil {
		t.Fatal(err)
	}
	return folder
}
