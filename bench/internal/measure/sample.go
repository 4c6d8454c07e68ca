// Package measure keeps measured samples and compares them. It writes ratios with their spread as a table for people,
// and the samples in the format that benchstat reads.
package measure

import (
	"maps"
	"slices"
	"time"
)

// PerOp is the metric that every Sample has: nanoseconds for each operation. It is the unit's name in the Go benchmark
// format.
const PerOp = "ns/op"

// Sample has the numbers of one contender in one round.
type Sample struct {
	Row   string // what was measured, such as "deciding"
	By    string // the contender: the pipeline, a floor or a peer
	Round int    // from 1; contenders of one round ran one after the other
	Ops   int    // the number of operations: contacts decided, mails sent
	Took  time.Duration
	More  map[string]float64 // further metrics by unit, such as "p99-ns"
}

// Metric returns one of the sample's numbers. ok is false if the sample has no number with that unit.
func (s Sample) Metric(unit string) (value float64, ok bool) {
	if unit == PerOp {
		return float64(s.Took.Nanoseconds()) / float64(s.Ops), s.Ops > 0
	}
	value, ok = s.More[unit]
	return value, ok
}

// Units lists the units of the further metrics, sorted.
func (s Sample) Units() []string { return slices.Sorted(maps.Keys(s.More)) }

// Set has every sample of a run of the benchmark, in the order in which they were taken.
type Set []Sample

// find returns the sample of one contender in one round.
func (s Set) find(row, by string, round int) (Sample, bool) {
	i := slices.IndexFunc(s, func(x Sample) bool { return x.Row == row && x.By == by && x.Round == round })
	if i < 0 {
		return Sample{}, false
	}
	return s[i], true
}

// Rounds returns the rounds in which a contender was measured, in order.
func (s Set) Rounds(row, by string) []int {
	var rounds []int
	for _, x := range s {
		if x.Row == row && x.By == by {
			rounds = append(rounds, x.Round)
		}
	}
	return rounds
}

// Values returns a contender's numbers with one unit, one for each round.
func (s Set) Values(row, by, unit string) []float64 {
	var values []float64
	for _, x := range s {
		if x.Row != row || x.By != by {
			continue
		}
		if v, ok := x.Metric(unit); ok {
			values = append(values, v)
		}
	}
	return values
}
