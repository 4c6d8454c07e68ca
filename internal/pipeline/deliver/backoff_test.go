package deliver

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"portal-invites/internal/mail"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

func TestWhichResultsUseUpRetryTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		verdict mail.Verdict
		step    mail.Step
		counts  bool
	}{
		{mail.Retry, mail.StepConnect, false}, // the server is down
		{mail.Throttled, mail.StepConnect, false},
		{mail.Misconfigured, mail.StepTLS, false},
		{mail.Misconfigured, mail.StepAuth, false},
		{mail.Retry, mail.StepMail, false}, // the recipient is not known yet
		{mail.Misconfigured, mail.StepMail, false},
		{mail.Misconfigured, mail.StepRcpt, true}, // the cause may be this recipient
		{mail.Retry, mail.StepRcpt, true},
		{mail.Throttled, mail.StepRcpt, true},
		{mail.Unclear, mail.StepRcpt, true},
		{mail.Retry, mail.StepBody, true},
		{mail.Unknown, mail.StepBody, true},
		{mail.Delivered, mail.StepBody, false},
		{mail.Refused, mail.StepRcpt, false},
	} {
		if got := countsAgainst(mail.Result{Verdict: c.verdict, Step: c.step}); got != c.counts {
			t.Errorf("%s at %s counts: %v", c.verdict, c.step, got)
		}
	}
	if countsAgainst(mail.Result{Verdict: mail.Retry, Step: mail.StepData, Withheld: true}) {
		t.Error("a mail that we withheld counts")
	}
}

// Whatever the verdicts are, the pauses add up to exactly retryFor, and no pause is longer than its ceiling.
func TestPausesAddUpToRetryFor(t *testing.T) {
	t.Parallel()
	testkit.CheckOften(t, func(t *rapid.T) {
		retryFor := time.Duration(rapid.Int64Range(int64(time.Minute), int64(30*24*time.Hour)).Draw(t, "retry for"))
		verdicts := rapid.SampledFrom([]mail.Verdict{
			mail.Retry, mail.Throttled, mail.Unclear, mail.Unknown, mail.Misconfigured,
		})
		var before store.Deferral
		for {
			v := verdicts.Draw(t, "verdict")
			pause, over := backoff(v, before, retryFor)
			if over {
				break
			}
			ceiling := min(firstBackoff<<min(before.Times, 20), mostBackoff)
			if v == mail.Throttled || v == mail.Unclear {
				ceiling = 2 * min(max(before.For/10, firstThrottle), mostThrottle)
			} else {
				before.Times++
			}
			if pause <= 0 || pause > ceiling {
				t.Fatalf("a pause of %s after %+v, ceiling %s", pause, before, ceiling)
			}
			before.For += pause
		}
		if before.For != retryFor {
			t.Fatalf("given up after %s of %s", before.For, retryFor)
		}
	})
}

// Full jitter: mails that were deferred together are not tried again together.
func TestBackoffIsJittered(t *testing.T) {
	t.Parallel()
	for _, v := range []mail.Verdict{mail.Retry, mail.Throttled} {
		early, late := 0, 0
		for range 1000 {
			pause, _ := backoff(v, store.Deferral{Times: 4}, 72*time.Hour)
			floor, ceiling := time.Duration(0), 16*time.Minute
			if v == mail.Throttled {
				floor, ceiling = time.Minute, 2*time.Minute // earlier deferrals make no difference
			}
			switch quarter := (ceiling - floor) / 4; {
			case pause < floor+quarter:
				early++
			case pause > ceiling-quarter:
				late++
			}
		}
		if early < 100 || late < 100 { // of 250 that are to be expected
			t.Errorf("%s: of 1000 pauses, %d are in the first quarter and %d in the last", v, early, late)
		}
	}
}
