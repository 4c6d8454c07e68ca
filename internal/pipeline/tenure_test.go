package pipeline

import (
	"testing"
	"testing/synctest"
	"time"
)

const leaseLasts = 15 * time.Second

// pass lets time pass.
func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // the clock is synctest's, and takes no time

// What was claimed in one term of a lease may be mailed while the lease lasts, and not after it was lost.
func TestALeaseThatWasLostBeginsANewTerm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &tenure{lasts: leaseLasts}
		if l.Holds(l.Term()) {
			t.Error("a worker without a lease holds it")
		}
		l.renew(time.Now(), false)
		first := l.Term()
		pass(leaseLasts - time.Second)
		if lost := l.renew(time.Now(), true); lost != 0 || !l.Holds(first) {
			t.Errorf("a lease renewed in time was lost: %s", lost)
		}
		pass(leaseLasts)
		if l.Holds(first) {
			t.Error("a lease that was not renewed in time holds")
		}
		if lost := l.renew(time.Now(), true); lost != leaseLasts || l.Holds(first) || !l.Holds(l.Term()) {
			t.Errorf("a lease that was renewed too late: lost after %s, and the term is %d", lost, l.Term())
		}
		second := l.Term()
		pass(time.Second)
		if lost := l.renew(time.Now(), false); lost != time.Second || l.Holds(second) {
			t.Errorf("a lease that ended in the database: lost after %s", lost)
		}
		asked := time.Now()
		pass(leaseLasts)
		l.renew(asked, true)
		if l.Holds(l.Term()) {
			t.Error("a lease counts from the answer, not from the question")
		}
	})
}

// A worker takes over from others only after it has renewed its own lease without a gap for a whole lease. So after an
// outage of the database, the others have that long to renew theirs.
func TestAWorkerIsSteadyAfterAWholeLeaseWithoutAGap(t *testing.T) {
	t.Parallel()
	renewals := func(l *tenure, n int) {
		for range n {
			pass(leaseLasts / 3)
			l.renew(time.Now(), true)
		}
	}
	for name, gap := range map[string]func(*tenure){
		"a renewal failed": func(l *tenure) {
			pass(time.Second)
			l.fail()
			pass(time.Second)
			l.renew(time.Now(), true)
		},
		"a renewal took long": func(l *tenure) {
			asked := time.Now()
			pass(leaseLasts/3 + time.Second)
			l.renew(asked, true)
		},
		"the lease was lost": func(l *tenure) { l.renew(time.Now(), false) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &tenure{lasts: leaseLasts}
				l.renew(time.Now(), false)
				if renewals(l, 2); l.isSteady() {
					t.Error("a worker is steady before a whole lease")
				}
				if renewals(l, 1); !l.isSteady() {
					t.Error("a worker is not steady after a whole lease")
				}
				gap(l)
				if renewals(l, 2); l.isSteady() {
					t.Error("a worker is steady before a whole lease after a gap (tenure.go)")
				}
				if renewals(l, 1); !l.isSteady() {
					t.Error("a worker is not steady a whole lease after a gap")
				}
				if pass(leaseLasts * 2 / 3); l.isSteady() {
					t.Error("a worker is steady although a renewal is overdue")
				}
			})
		})
	}
}
