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

// explain are the settings with which auto_explain logs the plans of slow statements, with the rows that each step
// read. Timing each step would slow down every statement too much.
var explain = []string{
	"auto_explain.log_min_duration = '20ms'", "auto_explain.log_nested_statements = off",
	"auto_explain.log_analyze = on", "auto_explain.log_timing = off", "auto_explain.log_buffers = on",
}

// plans gathers the plans in a server's log. Two plans of one statement that differ only in numbers and values count as
// one. mu guards the other fields: the server's output is read by another goroutine.
type plans struct {
	mu       sync.Mutex
	bySteps  map[string]*plan
	duration float64  // of the plan that is being read
	lines    []string // of that plan; nil if no plan is being read
}

type plan struct {
	times        int
	total, worst float64 // milliseconds
	text         string  // of the slowest one
}

// Run adds a line of the log. It is a hook of the logger that gets the server's output. Further lines of a message
// begin with a tab.
func (p *plans) Run(_ *zerolog.Event, _ zerolog.Level, message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := strings.TrimPrefix(message, "postgres: ")
	if rest, continues := strings.CutPrefix(line, "\t"); continues {
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

// enter counts the plan whose last line has been read.
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

// take returns the gathered plans, the most expensive first, and forgets them.
func (p *plans) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enter()
	var text strings.Builder
	byCost := func(a, b *plan) int { return cmp.Compare(b.total, a.total) }
	for _, each := range slices.SortedFunc(maps.Values(p.bySteps), byCost) {
		fmt.Fprintf(&text, "%d times, %.1f ms in all, %.1f ms at most\n%s\n\n", each.times, each.total, each.worst, each.text)
	}
	p.bySteps = nil
	return text.String()
}
