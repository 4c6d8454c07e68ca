package api

import "sync"

// places counts the calls that wait for something without a slot: in all, and of each firm.
type places struct {
	most, share int

	mu  sync.Mutex
	all int
	of  map[string]int
}

func newPlaces(most, share int) *places {
	return &places{most: most, share: share, of: map[string]int{}}
}

// take takes a place, and says whether there was one.
func (p *places) take(firm string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all >= p.most || p.of[firm] >= p.share {
		return false
	}
	p.all++
	p.of[firm]++
	return true
}

func (p *places) leave(firm string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.of[firm]--; p.of[firm] == 0 {
		delete(p.of, firm)
	}
}
