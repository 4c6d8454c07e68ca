// Package measure keeps what was measured and compares it: ratios with their
// spread, a table for people, and the format that benchstat reads.
package measure

import (
	"maps"
	"slices"
	"time"
)

// PerOp is the metric every Sample has: nanoseconds for each operation. It is
// the unit's name in the Go benchmark format.
const PerOp = "ns/op"

// Sample is what one contender did in one round.
type Sample struct {
	Row   string // what was measured, such as "deciding"
	By    string // who did it: the pipeline, a floor, a peer
	Round int    // from 1; contenders of one round ran one after the other
	Ops   int    // how many operations: contacts decided, mails sent
	Took  time.Duration
	More  map[string]float64 // further metrics by unit, such as "p99-ns"
}

// Metric is one of the sample's numbers; ok is false where it has none by that
// unit.
func (s Sample) Metric(unit string) (value float64, ok bool) {
	if unit == PerOp {
		return float64(s.Took.Nanoseconds()) / float64(s.Ops), s.Ops > 0
	}
	value, ok = s.More[unit]
	return value, ok
}

// Units lists the units of the further metrics, sorted.
func (s Sample) Units() []string { return slices.Sorted(maps.Keys(s.More)) }

// Set is every sample of a run of the benchmark, in the order they were taken.
type Set []Sample

// find is the sample of one contender in one round.
func (s Set) find(row, by string, round int) (Sample, bool) {
	i := slices.IndexFunc(s, func(x Sample) bool { return x.Row == row && x.By == by && x.Round == round })
	if i < 0 {
		return Sample{}, false
	}
	return s[i], true
}

// Rounds are the rounds in which a contender was measured, in order.
func (s Set) Rounds(row, by string) []int {
	var rounds []int
	for _, x := range s {
		if x.Row == row && x.By == by {
			rounds = append(rounds, x.Round)
		}
	}
	return rounds
}

// Values are a contender's numbers by one unit, a round each.
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
