package systemtest

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

const (
	// soakVariable sets for how long the workers soak, as in 1h. `make soak` sets it. Every test run has a form of some
	// seconds, so that the command does not rot.
	soakVariable = "SOAK"
	// soakRateVariable sets how many individual invites a second there are.
	soakRateVariable = "SOAK_RATE"
)

// soak is how a soak goes on.
type soak struct {
	lasts, every time.Duration // every: from one fault and sample to the next
	rate         int
	faults       []fault
}

func soakOf(t *testing.T) soak {
	t.Helper()
	rate := setting(t, soakRateVariable, 20, 1)
	given := os.Getenv(soakVariable)
	if given == "" {
		return soak{8 * time.Second, 2 * time.Second, rate, named("killed", "mail server away", "broker link cut")}
	}
	lasts, err := time.ParseDuration(given)
	if err != nil || lasts < 5*time.Minute {
		t.Fatalf("%s: must be a time from 5m (example: 1h)", soakVariable)
	}
	// The others wait for something that a soak may not have: a run that selects, or an office that is at rest.
	all := slices.DeleteFunc(faults(), func(f fault) bool { return f.hold == 0 || f.name == "killed while it selects" })
	return soak{lasts, time.Minute, rate, all}
}

// named returns faults by their names.
func named(names ...string) (found []fault) {
	for _, f := range faults() {
		if slices.Contains(names, f.name) {
			found = append(found, f)
		}
	}
	return found
}

// Workers work for long, while something breaks every minute. What they use does not grow: memory, goroutines,
// descriptors, connections. Nor do the dead rows, the write-ahead log and the replication slots of the database. In the
// end, the oracle finds nothing.
func TestSoak(t *testing.T) {
	t.Parallel()
	s := soakOf(t)
	o := &office{faultRig: newFaultRig(t, 1, &schedule{})}
	t.Cleanup(func() {
		if t.Failed() {
			o.keep(keptFolder(t))
			t.Logf("the logs are in %s", keptFolder(t))
		}
	})
	o.open(240)
	o.seeSomebodyMailed()
	enough, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		o.drip(s.rate, enough)
	}()
	var samples []sample
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < s.lasts; {
		f := s.faults[len(samples)%len(s.faults)]
		lift := f.put(o)
		<-time.After(f.hold)
		lift()
		if len(samples)%10 == 9 { // once in ten minutes
			o.tell(o.Event(events.BulkInviteRequested, testkit.BulkAll()),
				o.Event(events.ReplayRequested, testkit.Replay(testkit.Object{})))
		}
		<-tick.C // the workers have been up again for a while
		taken := o.sample()
		samples = append(samples, taken)
		t.Logf("%7s, after %q: %s", time.Since(began).Round(time.Second), f.name, taken)
	}
	close(enough)
	<-ended
	if err := o.comesToRest(rest); err != nil {
		t.Error(err)
	}
	samples = append(samples, o.sample())
	t.Logf("at rest: %s; %d mails", samples[len(samples)-1], len(o.sink.arrived()))
	for _, problem := range grown(samples) {
		t.Error(problem)
	}
	o.judge(o.world())
}

// drip invites newcomers, so many a second, until there is enough.
func (o *office) drip(rate int, enough <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-enough:
			return
		case <-tick.C:
			o.tell(o.corrected(rate)...)
		}
	}
}

// grown says which measures are over their limits, and which grow from the first third of the samples to the last one.
func grown(samples []sample) (problems []string) {
	for _, m := range measures {
		all := make([]int, len(samples))
		for i, s := range samples {
			all[i] = s[m.name]
		}
		if most := slices.Max(all); most > m.most {
			problems = append(problems, m.over(most))
		}
		third := len(all) / 3
		if third < 3 {
			continue // too few to say
		}
		before, after := median(all[:third]), median(all[len(all)-third:])
		if after > before*3/2+m.most/10 {
			problems = append(problems, m.grew(before, after))
		}
	}
	return problems
}

func median[N cmp.Ordered](list []N) N {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

func TestGrown(t *testing.T) {
	t.Parallel()
	var flat, leaking, high []sample
	for n := range 9 {
		flat = append(flat, sample{"goroutines": 200 + n%3})
		leaking = append(leaking, sample{"goroutines": 100 + 30*n})
		high = append(high, sample{"goroutines": 100000})
	}
	for want, samples := range map[string][]sample{"": flat, "grows": leaking, "more than": high} {
		problems := grown(samples)
		if want == "" && len(problems) > 0 || want != "" && (len(problems) != 1 || !strings.Contains(problems[0], want)) {
			t.Errorf("%v: problems %q, want one that says %q", samples, problems, want)
		}
	}
}
