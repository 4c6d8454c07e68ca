package api

import (
	"slices"
	"sync"
	"time"
)

// turns gives calls their turns, so that no firm delays another (ADR 85). The calls of each firm wait in a line of
// their own, and the firms take turns. No firm gets all of the slots, so a call of another one finds a slot at once.
type turns struct {
	slots int // calls that are answered at once
	share int // of them, those of one firm
	most  int // calls of one firm that may wait

	mu       sync.Mutex
	busy     int
	octets   int
	lines    map[string]*firmLine // of the firms whose calls wait or are being answered
	order    []*firmLine          // those whose calls wait, in the order of their turns
	stopping bool
	running  sync.WaitGroup
}

// firmLine has the calls of one firm. Its turns guards it.
type firmLine struct {
	firm    string
	busy    int
	octets  int
	waiting []*turn
}

// turn is a call that waits.
type turn struct {
	octets int // of its body
	begin  func()
	refuse func(error)
	late   *time.Timer
}

// How many octets of calls may wait in a process, and how many of one firm: a call may have a million.
const (
	mostOctets       = 64 << 20
	mostOctetsOfFirm = 8 << 20
)

func newTurns(slots, share, most int) *turns {
	return &turns{slots: slots, share: share, most: most, lines: map[string]*firmLine{}}
}

// enter calls begin in a goroutine of its own when it is the call's turn. Or it calls refuse with the reason, if too
// many calls wait, if the turn does not come in time, or if the service stops.
func (t *turns) enter(firm string, octets int, by time.Time, begin func(), refuse func(error)) {
	if err := t.line(firm, &turn{octets: octets, begin: begin, refuse: refuse}, by); err != nil {
		refuse(err)
	}
}

func (t *turns) line(firm string, one *turn, by time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := t.lines[firm]
	if line == nil {
		line = &firmLine{firm: firm}
	}
	switch {
	case t.stopping:
		return errStopping
	case len(line.waiting) >= t.most, line.octets+one.octets > mostOctetsOfFirm && len(line.waiting) > 0:
		return errLineFull
	case t.octets+one.octets > mostOctets:
		return errBusy
	}
	t.lines[firm] = line
	if len(line.waiting) == 0 {
		t.order = append(t.order, line)
	}
	line.waiting = append(line.waiting, one)
	line.octets += one.octets
	t.octets += one.octets
	one.late = time.AfterFunc(time.Until(by), func() { t.drop(line, one) })
	t.fill()
	return nil
}

// fill begins calls while there are slots, of each firm in turn. The caller has the lock.
func (t *turns) fill() {
	for t.busy < t.slots {
		i := slices.IndexFunc(t.order, func(l *firmLine) bool { return l.busy < t.share })
		if i < 0 {
			return
		}
		line := t.order[i]
		one := line.waiting[0]
		t.busy++
		line.busy++
		t.remove(line, 0)
		if len(line.waiting) > 0 { // its next call comes after those of the others
			t.order = append(slices.Delete(t.order, i, i+1), line)
		}
		one.late.Stop()
		t.running.Add(1)
		go func() {
			defer t.end(line)
			one.begin()
		}()
	}
}

// remove takes a call out of its line. The caller has the lock.
func (t *turns) remove(line *firmLine, i int) {
	line.octets -= line.waiting[i].octets
	t.octets -= line.waiting[i].octets
	line.waiting = slices.Delete(line.waiting, i, i+1)
	if len(line.waiting) == 0 {
		t.order = slices.DeleteFunc(t.order, func(l *firmLine) bool { return l == line })
		t.forget(line)
	}
}

// forget lets go of a firm that has no calls. The caller has the lock.
func (t *turns) forget(line *firmLine) {
	if line.busy == 0 && len(line.waiting) == 0 {
		delete(t.lines, line.firm)
	}
}

func (t *turns) end(line *firmLine) {
	t.mu.Lock()
	t.busy--
	line.busy--
	t.fill()
	t.forget(line)
	t.mu.Unlock()
	t.running.Done()
}

// drop refuses a call whose turn did not come in time.
func (t *turns) drop(line *firmLine, one *turn) {
	t.mu.Lock()
	i := slices.Index(line.waiting, one)
	if i >= 0 {
		t.remove(line, i)
	}
	t.mu.Unlock()
	if i >= 0 {
		one.refuse(errNoTurn)
	}
}

// stop refuses the calls that wait and those that come, and returns once those that have begun are answered.
func (t *turns) stop() {
	t.mu.Lock()
	t.stopping = true
	var refused []*turn
	for _, line := range t.lines {
		refused = append(refused, line.waiting...)
		line.waiting, line.octets = nil, 0
	}
	t.order, t.octets = nil, 0
	t.mu.Unlock()
	for _, one := range refused {
		one.late.Stop()
		one.refuse(errStopping)
	}
	t.running.Wait()
}
