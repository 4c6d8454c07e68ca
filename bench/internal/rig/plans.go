package rig

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rs/zerolog"
)

// explain has the loaded module log the plans of slow statements, with the rows each step has read. Times of single steps would
// cost every statement more than they tell.
var explain = []string{
	"auto_explain.log_min_duration = '20ms'", "auto_explain.log_nested_statements = off",
	"auto_explain.log_analyze = on", "auto_explain.log_timing = off", "auto_explain.log_buffers = on",
}

// plans gathers the plans in a server's log. Plans of one statement that differ in numbers and values alone count as one.
type plans struct {
	mu       sync.Mutex
	bySteps  map[string]*plan
	duration float64  // of the plan that is being read
	lines    []string // of it; nil: what is being read is no plan
}

type plan struct {
	times        int
	total, worst float64 // milliseconds
	text         string  // the slowest one's
}

// Run takes a line of the log, as a hook of the logger that the server's output is passed on to. A message goes on in lines that
// begin with a tab.
func (p *plans) Run(_ *zerolog.Event, _ zerolog.Level, message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := strings.TrimPrefix(message, "postgres: ")
	if rest, goesOn := strings.CutPrefix(line, "\t"); goesOn {
		if p.lines != nil {
			p.lines = append(p.lines, rest)
		}
		return
	}
	p.enter()
	if n, _ := fmt.Sscanf(line, "LOG:  duration: %f ms  plan:", &p.duration); n == 1 {
		p.lines = []string{}
	}
}

var (
	values  = regexp.MustCompile(`'(?:[^']|'')*'`)
	numbers = regexp.MustCompile(`\d+(\.\d+)?`)
)

// enter counts the plan that has been read.
func (p *plans) enter() {
	if p.lines == nil {
		return
	}
	text := values.ReplaceAllString(strings.Join(p.lines, "\n"), "'…'")
	steps := numbers.ReplaceAllString(text, "")
	known := p.bySteps[steps]
	if known == nil {
		if p.bySteps == nil {
			p.bySteps = map[string]*plan{}
		}
		known = &plan{}
		p.bySteps[steps] = known
	}
	known.times++
	known.total += p.duration
	if p.duration > known.worst {
		known.worst, known.text = p.duration, text
	}
	p.lines = nil
}

// take returns what has been gathered, the most expensive first, and begins anew.
func (p *plans) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enter()
	var text strings.Builder
	for _, each := range slices.SortedFunc(maps.Values(p.bySteps), func(a, b *plan) int { return cmp.Compare(b.total, a.total) }) {
		fmt.Fprintf(&text, "%d times, %.1f ms in all, %.1f ms at most\n%s\n\n", each.times, each.total, each.worst, each.text)
	}
	p.bySteps = nil
	return text.String()
}
