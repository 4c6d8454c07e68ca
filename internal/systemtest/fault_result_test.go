package systemtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// reportVariable makes [TestFaults] write the report of docs/testing.md from all seeds whose results are there.
	reportVariable = "FAULT_REPORT"
	// resumeVariable makes it leave out the seeds whose results are there.
	resumeVariable = "FAULT_RESUME"
	// atOnceVariable says how many seeds run at the same time.
	atOnceVariable = "FAULT_AT_ONCE"
)

// results is the folder that has a file for each seed of random faults.
const results = "../../.cache/fault/results"

// result is what became of a seed.
type result struct {
	Seed     uint64
	Programs string   // that were tested: see [programs]
	Found    []string // signs; none if the seed held
	Steps    []measured
}

// programs identifies the workers and this test. A result says nothing about other ones.
var programs = sync.OnceValues(func() (string, error) {
	folder, err := built()
	if err != nil {
		return "", err
	}
	test, err := os.Executable()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, name := range []string{filepath.Join(folder, "invite-worker"), filepath.Join(folder, "bulk-worker"), test} {
		file, err := os.Open(name)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(sum, file)
		_ = file.Close()
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
})

func programsOf(t *testing.T) string {
	t.Helper()
	id, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func resultFile(seed uint64) string { return filepath.Join(results, fmt.Sprintf("seed-%d.json", seed)) }

// keepResult writes the result of a seed.
func keepResult(t *testing.T, r result) {
	t.Helper()
	r.Programs = programsOf(t)
	encoded, err := json.Marshal(r)
	if err == nil {
		err = os.MkdirAll(results, 0o750)
	}
	if err == nil {
		err = os.WriteFile(resultFile(r.Seed), encoded, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// readResults reads the results of the programs that are tested now, in the order of their seeds.
func readResults(t *testing.T) (all []result) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(results, "seed-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		var r result
		content, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(content, &r)
		}
		if err == nil && r.Programs == programsOf(t) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b result) int { return int(a.Seed) - int(b.Seed) })
	return all
}

// slowAfter is how long an invite may take after a fault, on a machine that does nothing else.
const slowAfter = 3 * time.Second

// summary says in a few lines what became of seeds.
func summary(all []result) string {
	var text strings.Builder
	var again []string
	slow := 0
	for _, r := range all {
		if len(r.Found) > 0 {
			again = append(again, fmt.Sprintf("  seed %d found: %s", r.Seed, strings.Join(r.Found, ", ")))
		}
		for n, m := range r.Steps {
			if m.After > slowAfter {
				slow++
				fmt.Fprintf(&text, "  seed %d, step %d (%s): decided after %s, tried after %s, mailed after %s\n", r.Seed, n+1,
					strings.Join(m.Faults, ", "), inSeconds(m.Decided), inSeconds(m.Begun), inSeconds(m.After))
			}
		}
	}
	head := fmt.Sprintf("%d seeds: %d held, %d found something", len(all), len(all)-len(again), len(again))
	if len(again) > 0 {
		head += "\n" + strings.Join(again, "\n")
	}
	head += fmt.Sprintf("\n%d invites took more than %s after a fault", slow, slowAfter)
	return strings.TrimSpace(head + "\n" + text.String())
}

func TestSummary(t *testing.T) {
	t.Parallel()
	got := summary([]result{
		{Seed: 3, Steps: []measured{{Faults: []string{"killed"}, After: time.Second}}},
		{Seed: 7, Found: []string{"deadlock"}, Steps: []measured{{}, {
			Faults: []string{"killed", "paused"}, Decided: 4 * time.Second, Begun: 4100 * time.Millisecond,
			After: 5 * time.Second,
		}}},
	})
	want := `2 seeds: 1 held, 1 found something
  seed 7 found: deadlock
1 invites took more than 3s after a fault
  seed 7, step 2 (killed, paused): decided after 4.0 s, tried after 4.1 s, mailed after 5.0 s`
	if got != want {
		t.Errorf("the summary is:\n%s\nwant:\n%s", got, want)
	}
}
