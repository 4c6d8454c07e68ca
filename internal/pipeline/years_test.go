package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"portal-invites/internal/pipeline"
)

// Fourteen months of a firm, and of twenty, on a clock that jumps. The oracle is the model of the contract
// (model_contract_test.go), with what years add (model_years_test.go). years_steps_test.go has what only happens in
// years. docs/testing.md says what is played and checked.
//
// `make test` plays the short forms. `make years` plays seeds, day by day.

// yearsOf says what is played.
type yearsOf struct {
	firms int
	pace  time.Duration // from one step to the next, on average
	keep  time.Duration // LEDGER_KEEP
}

const (
	months    = 14
	leastKeep = 90 * 24 * time.Hour // app/settings.go
	longKeep  = 5 * 365 * 24 * time.Hour

	yearsVariable, yearsFirmsVariable = "YEARS_SEEDS", "YEARS_FIRMS"
)

func TestYearsOfAFirm(t *testing.T) {
	t.Parallel()
	playYears(t, 3, yearsOf{firms: 1, pace: 16 * 24 * time.Hour, keep: leastKeep})
}

func TestYearsOfThreeFirmsWithTheDefaultRetention(t *testing.T) {
	t.Parallel()
	playYears(t, 4, yearsOf{firms: 3, pace: 40 * 24 * time.Hour, keep: longKeep})
}

// TestYears plays seeds. An odd seed keeps what is finished for the least time that the settings allow.
func TestYears(t *testing.T) {
	t.Parallel()
	value := os.Getenv(yearsVariable)
	if value == "" {
		t.Skipf("%s is not set (example: 1-10): only the short forms run", yearsVariable)
	}
	from, to, isRange := strings.Cut(value, "-")
	first, err := strconv.Atoi(from)
	last := first
	if err == nil && isRange {
		last, err = strconv.Atoi(to)
	}
	if err != nil || first < 1 || last < first {
		t.Fatalf("%s: must be a seed or a range of seeds (example: 7 or 1-10)", yearsVariable)
	}
	firms := 1
	if value := os.Getenv(yearsFirmsVariable); value != "" {
		if firms, err = strconv.Atoi(value); err != nil || firms < 1 {
			t.Fatalf("%s: must be a number of firms (example: 20)", yearsFirmsVariable)
		}
	}
	for seed := first; seed <= last; seed++ {
		keep := longKeep
		if seed%2 == 1 {
			keep = leastKeep
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			playYears(t, seed, yearsOf{firms: firms, pace: 30 * time.Hour, keep: keep})
		})
	}
}

// playYears begins in November, so that the months have a leap day and two Januaries.
func playYears(t *testing.T, seed int, what yearsOf) {
	t.Helper()
	r := newRig(t)
	r.Ctx = t.Context() // seeds take longer than the usual limit of a test
	y := &years{
		rig: r, clock: &clock{}, keep: what.keep,
		t: drawsOf(seed), dice: rand.New(rand.NewPCG(uint64(seed), 0)),
	}
	defer func() {
		if failed := recover(); failed != nil {
			y.failed(seed, what, failed)
		}
	}()
	y.clock.jump(time.Date(2027, 11, 15, 9, 0, 0, 0, time.UTC).Sub(y.clock.now()))
	y.LedgerNow(y.clock.now())
	cfg := r.Config()
	cfg.Now = y.clock.now
	worker := pipeline.NewInviteWorker(cfg)
	r.StartWorker(worker)
	r.StartWorker(pipeline.NewBulkWorker(cfg))
	y.open(worker, what.firms)
	for y.end = y.clock.now().AddDate(0, months, 0); y.clock.now().Before(y.end); {
		month := y.clock.now().Month()
		y.later(y.aWhile(what.pace))
		y.agree() // what is due comes before what somebody does
		if now := y.clock.now().Month(); now != month && (now == time.January || now == time.September) {
			y.seasonal()
		}
		if now := y.clock.now().Month(); now != month && now == time.January {
			y.putsOff(y.firms[0])
			y.comesBack(y.firms[0])
		}
		for range y.dice.IntN(3) {
			for _, p := range y.firms {
				y.act(p)
			}
			y.agree() // each firm has done one thing, and firms do not meet
		}
	}
	y.lastMonths()
	t.Logf("seed %d: %d steps, %d mails, %d invites pruned, %v", seed, y.steps, y.feed.mails, y.pruned, y.done)
}

// drawsOf draws the numbers of a seed. They go on after the generator has returned, which must draw one itself.
func drawsOf(seed int) *rapid.T {
	return rapid.Custom(func(t *rapid.T) *rapid.T {
		rapid.Bool().Draw(t, "first")
		return t
	}).Example(seed)
}

// failed says how to play a seed again, and what was played.
func (y *years) failed(seed int, what yearsOf, failed any) {
	y.TB.Helper()
	y.TB.Errorf("seed %d found, on %s: %v\n\nthe steps before that:\n%s", seed, y.clock.now().Format(time.DateTime),
		failed, strings.Join(y.notes[max(0, len(y.notes)-60):], "\n"))
	if strings.HasPrefix(y.TB.Name(), "TestYears/") {
		y.TB.Logf("to play it again: make years YEARS_SEEDS=%d YEARS_FIRMS=%d", seed, what.firms)
	}
}
