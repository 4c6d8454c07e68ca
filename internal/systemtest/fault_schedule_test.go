package systemtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// schedule is what a seed breaks, step by step. All faults of a step last at the same time.
type schedule struct {
	steps        [][]planned
	keepsAnswers bool
}

type planned struct {
	fault
	hold time.Duration
}

// shortSchedule is one step for each of these faults, in this order. Faults that are joined by a + last together.
func shortSchedule(names ...string) *schedule {
	s := &schedule{keepsAnswers: true}
	for _, joined := range names {
		var step []planned
		for name := range strings.SplitSeq(joined, " + ") {
			n := slices.IndexFunc(faults(), func(f fault) bool { return f.name == name })
			step = append(step, planned{faults()[n], faults()[n].hold})
		}
		s.add(step)
	}
	return s
}

// randomSchedule has some steps of one to three faults. Each lasts for up to five times as long as in the short form.
func randomSchedule(seed uint64) *schedule {
	dice := rand.New(rand.NewPCG(seed, 1))
	s := &schedule{keepsAnswers: true}
	for range 4 + dice.IntN(4) {
		var step []planned
		for range 1 + dice.IntN(3) {
			f := faults()[dice.IntN(len(faults()))]
			hold := f.hold + time.Duration(dice.Int64N(int64(4*f.hold)+1))
			if !slices.ContainsFunc(step, func(p planned) bool { return p.excludes(planned{f, hold}) }) {
				step = append(step, planned{f, hold})
			}
		}
		s.add(step)
	}
	return s
}

// excludes says whether two faults can't be put in at the same time. One without a time of its own waits for something.
func (p planned) excludes(other planned) bool {
	return strings.Contains(p.breaks, other.breaks) || strings.Contains(other.breaks, p.breaks) ||
		p.hold == 0 || other.hold == 0
}

func (s *schedule) add(step []planned) {
	s.steps = append(s.steps, step)
	for _, p := range step {
		s.keepsAnswers = s.keepsAnswers && p.keepsAnswers
	}
}

func (s *schedule) String() string {
	var text strings.Builder
	for n, step := range s.steps {
		fmt.Fprintf(&text, "step %d:", n+1)
		for _, p := range step {
			fmt.Fprintf(&text, " %s for %s;", p.name, p.hold)
		}
		text.WriteString("\n")
	}
	return text.String()
}
