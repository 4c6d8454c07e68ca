package loop

import (
	"testing"
	"time"
)

func TestPulse(t *testing.T) {
	t.Parallel()
	var p Pulse
	if stage, lasts := p.Oldest(); stage != "" || lasts != 0 {
		t.Errorf("before anything began: %s, %s", stage, lasts)
	}
	endFirst := p.Begin("first")
	p.began["first"] = p.began["first"].Add(-time.Hour)
	endSecond := p.Begin("second")
	if stage, lasts := p.Oldest(); stage != "first" || lasts < time.Hour {
		t.Errorf("two stages are busy: %s, %s", stage, lasts)
	}
	endFirst()
	if stage, lasts := p.Oldest(); stage != "second" || lasts > time.Minute {
		t.Errorf("the second is busy: %s, %s", stage, lasts)
	}
	endSecond()
	if stage, _ := p.Oldest(); stage != "" {
		t.Errorf("all have ended: %s", stage)
	}
}
