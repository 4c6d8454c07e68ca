package measure

import (
	"math"
	"strings"
	"testing"
	"time"
)

func sample(by string, round int, each time.Duration) Sample {
	return Sample{
		Row: "events in, facts", By: by, Round: round, Ops: 10, Took: 10 * each,
		More: map[string]float64{"p99-ns": float64(each)},
	}
}

// Each round here is slower than the one before, but the ratio stays the same, since it is taken within each round.
func TestCompareIsRoundByRound(t *testing.T) {
	t.Parallel()
	set := Set{
		sample("pipeline", 1, 20), sample("floor", 1, 10),
		sample("floor", 2, 100), sample("pipeline", 2, 200),
		sample("pipeline", 3, 4000), sample("floor", 3, 1000),
		sample("pipeline", 4, 1), // without its floor
	}
	for _, c := range []struct {
		ratio   Ratio
		want    Spread
		reached string
	}{
		{Ratio{Unit: PerOp, Wants: AtLeast, Limit: 0.5}, Spread{3, 0.5, 0.25, 0.5}, "yes"},
		{Ratio{Unit: PerOp, Wants: AtLeast, Limit: 0.6}, Spread{3, 0.5, 0.25, 0.5}, "no"},
		{Ratio{Unit: "p99-ns", Wants: AtMost, Limit: 2}, Spread{3, 2, 2, 4}, "yes"},
		{Ratio{Unit: "p99-ns", Wants: AtMost, Limit: 1.9}, Spread{3, 2, 2, 4}, "no"},
		{Ratio{Unit: "p99-ns", Wants: AtMost}, Spread{3, 2, 2, 4}, ""},
	} {
		c.ratio.Row, c.ratio.Of, c.ratio.Against = "events in, facts", "pipeline", "floor"
		got := set.Compare(c.ratio)
		if got != c.want || c.ratio.Reached(got) != c.reached {
			t.Errorf("%+v: %+v %q, want %+v %q", c.ratio, got, c.ratio.Reached(got), c.want, c.reached)
		}
	}
}

func TestNothingMeasuredIsNotReached(t *testing.T) {
	t.Parallel()
	r := Ratio{Row: "deciding", Of: "pipeline", Against: "floor", Unit: PerOp, Wants: AtLeast, Limit: 0.5}
	got := Set{}.Compare(r)
	if got.N != 0 || !math.IsNaN(got.Median) || r.Reached(got) != "?" {
		t.Errorf("%+v %q", got, r.Reached(got))
	}
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	t.Parallel()
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i
	}
	for _, c := range []struct {
		values []int
		p      float64
		want   int
	}{
		{nil, 99, 0}, {[]int{7}, 50, 7}, {[]int{2, 1}, 50, 1}, {[]int{3, 1, 2}, 50, 2},
		{hundred, 99, 99}, {hundred, 100, 100}, {hundred, 0, 1},
	} {
		if got := Percentile(c.values, c.p); got != c.want {
			t.Errorf("p%g of %d values: %d, want %d", c.p, len(c.values), got, c.want)
		}
	}
}

func TestBenchstatFormat(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := WriteBenchstat(&b, [][2]string{{"broker", "syncs always"}}, Set{sample("floor", 1, 250)}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	fields := strings.Fields(lines[1])
	if lines[0] != "broker: syncs always" || !strings.HasPrefix(fields[0], "BenchmarkEventsInFacts/by=floor-") ||
		strings.Join(fields[1:], " ") != "10 250.0 ns/op 250 p99-ns" {
		t.Errorf("%q", b.String())
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	set := Set{sample("pipeline", 1, 20*time.Microsecond), sample("floor", 1, 10*time.Microsecond)}
	var b strings.Builder
	err := WriteTable(&b, nil, set, []Ratio{
		{
			Row: "events in, facts", Of: "pipeline", Against: "floor", Unit: PerOp, Wants: AtLeast, Limit: 0.6,
			Says: "facts, against the floor",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"| facts, against the floor | 0.5 | 0.5 – 0.5 | ≥ 0.6 | no |\n",
		"| events in, facts | floor | 10µs | 100000 | 10µs – 10µs | p99 10µs |\n",
	} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("the line %q is missing in\n%s", line, b.String())
		}
	}
}
