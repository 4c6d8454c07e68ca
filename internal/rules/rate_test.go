package rules

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever is sent when, no hour has more mails than it may, and a run leaves room for individual mails.
func TestNoHourHasMoreMails(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 200).Draw(t, "most")
		var rate FirmRate
		var left []time.Time
		at := now
		for range rapid.IntRange(1, 600).Draw(t, "tries") {
			at = at.Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "seconds")) * time.Second)
			isBulk := flip(t, "bulk")
			free := rate.FreeAt(isBulk, most, at)
			if !free.IsZero() {
				if !free.After(at) {
					t.Fatalf("it is free at %v, which is past", free)
				}
				continue
			}
			rate.Add(isBulk, most, at)
			left = append(left, at)
			n := 0
			for _, l := range left {
				if l.After(at.Add(-time.Hour)) {
					n++
				}
			}
			if n > most || isBulk && n > runShare(most) {
				t.Fatalf("%d mails in an hour that may have %d", n, most)
			}
		}
	})
}

// The last mail leaves when the rate says, if the mails leave as soon as they may.
func TestWhenTheLastMailLeaves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		isBulk          bool
		sent, n, most   int
		least, atLatest time.Duration
	}{
		{false, 0, 10, 10, 0, 0},
		{false, 10, 1, 10, time.Hour, time.Hour},
		{false, 10, 11, 10, 2 * time.Hour, 2 * time.Hour},
		{false, 4, 7, 10, time.Hour, time.Hour},
		{true, 0, 90, 100, 59 * time.Minute, time.Hour},
		{true, 0, 20_000, 5000, 4*time.Hour + 26*time.Minute, 4*time.Hour + 27*time.Minute},
	} {
		var rate FirmRate
		for range c.sent {
			rate.Add(false, c.most, now)
		}
		got := rate.LastAt(c.isBulk, c.n, c.most, now).Sub(now)
		if got < c.least || got > c.atLatest {
			t.Errorf("%+v: the last one leaves after %v", c, got)
		}
	}
}
