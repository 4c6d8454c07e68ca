package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

// A worker goes by the database's clock, whatever its own says.
func TestTheClockIsTheDatabases(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &clock{}
		if !c.Now().Equal(time.Now()) {
			t.Error("before the database's time was read, the clock is not the process' own")
		}
		read := func(theirs time.Time) (ahead time.Duration) {
			asked := time.Now()
			pass(2 * time.Second)
			return c.set(asked, time.Now(), theirs)
		}
		if ahead := read(time.Now().Add(time.Hour)); ahead != 2*time.Second-time.Hour {
			t.Errorf("the own clock is %s ahead", ahead)
		}
		before := c.Now()
		if off := time.Until(before); off != time.Hour-time.Second { // read in the middle of two seconds
			t.Errorf("the clock is %s ahead of the process'", off)
		}
		if pass(time.Minute); c.Now().Sub(before) != time.Minute {
			t.Errorf("after a minute the clock is %s later", c.Now().Sub(before))
		}
		before = c.Now()
		if read(before.Add(1500 * time.Millisecond)); c.Now().Sub(before) != 2*time.Second {
			t.Error("the clock was set although it may have been right")
		}
		before = c.Now()
		if read(before.Add(-time.Hour)); c.Now().Sub(before) > -59*time.Minute {
			t.Error("the clock does not follow the database's, which was set back an hour")
		}
		if ahead := read(time.Now().Add(time.Second)); ahead != 0 {
			t.Errorf("the own clock agrees, and is said to be %s ahead", ahead)
		}
	})
}

// The parts of a worker go by that clock. Tests that move the time give them another one.
func TestTheLedgerGoesByTheDatabasesClock(t *testing.T) {
	t.Parallel()
	p := NewParts("w", store.IndividualLane, Config{})
	now := time.Now()
	p.clock.set(now, now, now.Add(time.Hour))
	for what, clock := range map[string]func() time.Time{"ledger": p.Ledger.Now, "consumers": p.Consumers.Now} {
		if got := clock(); got.Before(now.Add(time.Hour)) {
			t.Errorf("the clock of the %s is %s, want the database's, an hour later than %s", what, got, now)
		}
	}
}

// A worker whose clock is wrong says so once, and again when it is right.
func TestAWrongClockIsSaidOnce(t *testing.T) {
	t.Parallel()
	log, off := &testkit.Log{}, []time.Duration{}
	w := &clockWatch{log: zerolog.New(log), report: func(d time.Duration) { off = append(off, d) }}
	for _, ahead := range []time.Duration{
		0, 2 * time.Second, -time.Hour, -time.Hour, -time.Hour, time.Second, 0, time.Minute,
	} {
		w.note(ahead)
	}
	if len(off) != 8 || off[2] != -time.Hour {
		t.Errorf("reported %v", off)
	}
	for words, times := range map[string]int{
		"differs from the database's": 2, "agrees with the database's again": 1, "1h0m0s behind": 1, "1m0s ahead": 1,
	} {
		if got := log.Lines(words); got != times {
			t.Errorf("%q is in the log %d times, want %d:\n%s", words, got, times, log)
		}
	}
}
