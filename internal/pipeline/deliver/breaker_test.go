package deliver

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/testkit"
)

// A server may turn away every third mail, so that the lane stops and recovers many times a minute. An operator needs
// to know that once. A stop that lasts is another matter.
func TestAServerThatFaltersIsLoggedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &testkit.Log{}
		stops := 0
		b := &breaker{
			log: zerolog.New(log), window: newWindow(2), pool: smtp.NewPool(smtp.Config{}),
			waiting: func(away bool) {
				if away {
					stops++
				}
			},
		}
		busy := mail.Result{Verdict: mail.Throttled, Step: mail.StepMail, Code: 421}
		taken := mail.Result{Verdict: mail.Delivered, Step: mail.StepBody, Code: 250}
		wrong := mail.Result{Verdict: mail.Misconfigured, Step: mail.StepMail, Code: 550}
		after := func(pause time.Duration, r mail.Result) { wait(pause); b.note(r, time.Now()) }
		falter := func(times int) {
			for range times {
				after(300*time.Millisecond, busy)
				after(300*time.Millisecond, taken)
			}
		}
		expect := func(what string, noMail, nowAndThen, again int) {
			t.Helper()
			got := [...]int{
				log.Lines(`"error"`, "the mail server takes no mail"), log.Lines("only now and then"), log.Lines(takesMailAgain),
			}
			if got != [...]int{noMail, nowAndThen, again} {
				t.Errorf("%s: %v lines, want %d, %d and %d:\n%s", what, got, noMail, nowAndThen, again, log)
			}
		}
		falter(1)
		expect("the first stop", 1, 0, 1)
		falter(30)
		expect("30 more", 1, 1, 1)
		for range 6 {
			after(5*time.Second, busy)
		}
		expect("a stop that lasts", 2, 1, 1)
		after(time.Second, taken)
		expect("its end", 2, 1, 2)
		falter(10)
		expect("10 more", 2, 1, 2)
		after(time.Second, wrong)
		expect("a stop that needs an operator", 3, 1, 2)
		after(time.Second, taken)
		expect("its end", 3, 1, 3)
		wait(calmAfter)
		falter(10)
		expect("after the server was well for a minute", 4, 2, 4)
		if stops != 1+30+1+10+1+10 {
			t.Errorf("the lane was said to wait %d times", stops)
		}
	})
}

// wait lets time pass.
func wait(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // the clock is synctest's, and takes no time

// Nobody answers: the server is away, and mails should leave soon after it is back. A server that answers and takes
// nobody is asked less often.
func TestAServerThatIsAwayIsAskedOften(t *testing.T) {
	t.Parallel()
	for want, r := range map[time.Duration]mail.Result{
		longestUnheard: {Verdict: mail.Retry, Step: mail.StepConnect},
		longestPause:   {Verdict: mail.Throttled, Step: mail.StepConnect, Code: 421},
	} {
		b := &breaker{
			log: zerolog.Nop(), window: newWindow(2), pool: smtp.NewPool(smtp.Config{}), waiting: func(bool) {},
		}
		for range 20 {
			b.until = time.Time{}
			b.note(r, time.Now())
		}
		if b.pause != want {
			t.Errorf("after %+v, the longest pause is %s, want %s", r, b.pause, want)
		}
	}
}

// The lane stops while a claim waits for room. The claim waits until the pause is over, too, because its mails would be
// tried in vain.
func TestAClaimThatWaitsForRoomNoticesThatTheLaneStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &Delivery{window: newWindow(1)}
		d.server = &breaker{log: zerolog.Nop(), window: d.window, waiting: func(bool) {}}
		d.window.takeNow(1)
		var room atomic.Int32
		go func() { room.Store(int32(d.room(t.Context()))) }()
		synctest.Wait()
		d.server.begin(mail.Result{Verdict: mail.Misconfigured, Step: mail.StepMail})
		d.window.giveBack(1)
		synctest.Wait()
		if room.Load() != 0 {
			t.Error("the claim goes on at once (deliver/take.go)")
		}
		<-time.After(shortestPause)
		synctest.Wait()
		if n := room.Load(); n != 1 {
			t.Errorf("after the pause, there is room for %d mails, want 1", n)
		}
	})
}
