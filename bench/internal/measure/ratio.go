package measure

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Direction says which side of a limit is good.
type Direction bool

// A speed should be at least its limit, and a delay or a cost at most.
const (
	AtLeast Direction = true
	AtMost  Direction = false
)

// Ratio is one comparison of the table. A speed ratio (AtLeast) is Against/Of, so twice as fast is 2. A cost ratio
// (AtMost) is Of/Against, so half as long is 0.5.
type Ratio struct {
	Row     string
	Of      string // contender, usually the pipeline
	Against string // contender
	Unit    string // PerOp or one of the further metrics
	Wants   Direction
	Limit   float64 // 0: only reported
	Says    string  // what the row compares, for the table
}

// Spread summarises a number that was measured several times.
type Spread struct {
	N                int
	Median, Min, Max float64
}

// spreadOf returns the median and the extremes. If the number of values is even, the median is the mean of the two in
// the middle.
func spreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{Median: math.NaN(), Min: math.NaN(), Max: math.NaN()}
	}
	v := slices.Sorted(slices.Values(values))
	middle := len(v) / 2
	median := v[middle]
	if len(v)%2 == 0 {
		median = (v[middle-1] + v[middle]) / 2
	}
	return Spread{N: len(v), Median: median, Min: v[0], Max: v[len(v)-1]}
}

// Spread returns the spread of a contender's own number over the rounds.
func (s Set) Spread(row, by, unit string) Spread { return spreadOf(s.Values(row, by, unit)) }

// Compare divides within each round. If another program slows a whole round down, both numbers of that round are slow.
// Rounds without a number of one of the two are left out.
func (s Set) Compare(r Ratio) Spread {
	var ratios []float64
	for _, round := range s.Rounds(r.Row, r.Of) {
		of, found := s.find(r.Row, r.Of, round)
		against, both := s.find(r.Row, r.Against, round)
		a, okA := of.Metric(r.Unit)
		b, okB := against.Metric(r.Unit)
		if !found || !both || !okA || !okB || a == 0 || b == 0 {
			continue
		}
		if r.Wants == AtLeast {
			a, b = b, a
		}
		ratios = append(ratios, a/b)
	}
	return spreadOf(ratios)
}

// Reached says whether the median is on the good side of the limit: "yes" or "no". It returns "" if there is no limit,
// and "?" if nothing was measured.
func (r Ratio) Reached(s Spread) string {
	switch {
	case s.N == 0:
		return "?"
	case r.Limit == 0:
		return ""
	case r.Wants == AtLeast && s.Median >= r.Limit, r.Wants == AtMost && s.Median <= r.Limit:
		return "yes"
	default:
		return "no"
	}
}

// Wanted returns the limit as text.
func (r Ratio) Wanted() string {
	switch {
	case r.Limit == 0:
		return ""
	case r.Wants == AtLeast:
		return fmt.Sprintf("≥ %g", r.Limit)
	default:
		return fmt.Sprintf("≤ %g", r.Limit)
	}
}

// Percentile returns the value that p percent of the values do not exceed (nearest rank). It sorts values in place.
func Percentile[T cmp.Ordered](values []T, p float64) T {
	var zero T
	if len(values) == 0 {
		return zero
	}
	slices.Sort(values)
	rank := int(math.Ceil(p / 100 * float64(len(values))))
	return values[min(max(rank, 1), len(values))-1]
}
