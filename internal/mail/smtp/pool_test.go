package smtp

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/mailtest"
)

// sendAtOnce sends n mails at the same time: each waits in the content until all are there.
func sendAtOnce(t *testing.T, p *Pool, s *sink, n int) {
	t.Helper()
	var together, done sync.WaitGroup
	together.Add(n)
	s.whenReceiving(func() { together.Done(); together.Wait() })
	for range n {
		done.Go(func() {
			if r := p.Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Delivered {
				t.Errorf("%+v", r)
			}
		})
	}
	done.Wait()
	s.whenReceiving(func() {})
}

// A pool has as many connections as there were mails at once. Mails one after the other use one of them, and the others
// rest.
func TestPoolDialsAsNeeded(t *testing.T) {
	t.Parallel()
	s := startSink(t, nil)
	p := open(t, configFor(s.port))
	if n := s.connections.Load(); n != 0 {
		t.Errorf("%d connections before the first mail", n)
	}
	sendAtOnce(t, p, s, 3)
	if n := s.connections.Load(); n != 3 || p.Connected() != 3 {
		t.Errorf("%d connections dialled and %d kept for three mails at once", n, p.Connected())
	}
	first := p.resting[2]
	for range 5 {
		p.Send(t.Context(), messageTo("a@example.com"))
	}
	if n := s.connections.Load(); n != 3 || p.resting[2] != first {
		t.Errorf("mails one after the other dialled %d connections, or did not all use the same one", n-3)
	}
	p.Close()
	if p.Connected() != 0 {
		t.Errorf("%d connections left", p.Connected())
	}
}

func TestPoolClosesWhatRests(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Script{})
	cfg := configFor(s.Port)
	cfg.Keep.Idle = time.Millisecond
	p := open(t, cfg)
	if r := p.Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Delivered {
		t.Fatalf("%+v", r)
	}
	s.ExpectClosed(t) // without another mail, and before the pool is closed
	if got := s.Verbs(); got != "connect EHLO MAIL RCPT DATA . QUIT" {
		t.Errorf("heard %s", got)
	}
}

func TestPoolRecyclesByMails(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Script{})
	cfg := configFor(s.Port)
	cfg.Keep.Mails = 3 // a quarter less is rounded to three, too
	p := open(t, cfg)
	for range 7 {
		if r := p.Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Delivered {
			t.Errorf("%+v", r)
		}
	}
	p.Close()
	if n := strings.Count(s.Verbs(), "connect"); n != 3 || strings.Count(s.Verbs(), "QUIT") != 3 {
		t.Errorf("seven mails of three a connection: %s", s.Verbs())
	}
}

// The ages and counts of sessions differ, tested on a fake clock.
func TestSessionsEndAtDifferentTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keep := Keep{Age: 10 * time.Minute, Mails: 100}
		ages, mails := map[time.Time]bool{}, map[int]bool{}
		for range 100 {
			s := newSession(nil, keep)
			ages[s.ends], mails[s.left] = true, true
			if age := time.Until(s.ends); age > keep.Age || age < keep.Age*3/4 || s.left > keep.Mails ||
				s.left < keep.Mails*3/4 {
				t.Errorf("ends after %s or %d mails", age, s.left)
			}
			if s.spent() {
				t.Error("spent before it began")
			}
		}
		if len(ages) < 50 || len(mails) < 10 {
			t.Errorf("of 100 sessions, %d ends and %d counts differ", len(ages), len(mails))
		}
		old := newSession(nil, keep)
		time.Sleep(keep.Age) //nolint:forbidigo // the clock is synctest's, and takes no time
		if !old.spent() {
			t.Error("not spent at its age")
		}
	})
}

func TestProbe(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Script{"AUTH": "535 5.7.8 wrong"}, mailtest.Script{})
	cfg := configFor(s.Port)
	cfg.Username, cfg.Password = "user", "secret"
	p := open(t, cfg)
	if r, ok := p.Probe(t.Context()); ok || r.Verdict != mail.Misconfigured || r.Step != mail.StepAuth ||
		p.Connected() != 0 {
		t.Errorf("%v %+v, %d connections", ok, r, p.Connected())
	}
	if r, ok := p.Probe(t.Context()); !ok || p.Connected() != 1 {
		t.Errorf("%v %+v, %d connections", ok, r, p.Connected())
	}
	if r := p.Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Delivered ||
		strings.Count(s.Verbs(), "connect") != 2 {
		t.Errorf("%+v; heard %s", r, s.Verbs())
	}
	if _, ok := open(t, Config{}).Probe(t.Context()); ok {
		t.Error("the probe succeeded with an invalid config")
	}
}

// A mail that hangs delays no other, and its context ends only this one.
func TestAHangingMailDelaysNoOther(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Script{"RCPT": mailtest.Hang}, mailtest.Script{})
	p := open(t, configFor(s.Port))
	ctx, cancel := context.WithCancel(t.Context())
	hanging := make(chan struct{})
	s.WhenHanging(func() { close(hanging) })
	result := make(chan mail.Result)
	go func() { result <- p.Send(ctx, messageTo("slow@example.com")) }()
	<-hanging
	for range 20 {
		if r := p.Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Delivered {
			t.Errorf("%+v", r)
		}
	}
	cancel()
	if r := <-result; r.Verdict != mail.Retry || r.Step != mail.StepRcpt {
		t.Errorf("%+v", r)
	}
}

// A mail may become another worker's while it waits for a connection, or while the server is asked about it. Then
// nothing of it leaves. The server hears of it only in the second case. Then the connection is closed, because the
// server waits for the content.
func TestAMailThatMayNotLeaveIsWithheld(t *testing.T) {
	t.Parallel()
	s := startSink(t, nil)
	p := open(t, configFor(s.port))
	if r := p.Send(t.Context(), messageTo("b@example.com")); r.Verdict != mail.Delivered {
		t.Fatalf("the first mail: %+v", r)
	}
	for asked, want := range map[int]struct {
		step mail.Step
		kept int
	}{1: {mail.StepMail, 1}, 2: {mail.StepData, 0}} {
		if r := p.Send(t.Context(), messageTo("c@example.com")); r.Verdict != mail.Delivered { // there is a connection
			t.Errorf("before: %+v", r)
		}
		withheld := messageTo("a@example.com")
		withheld.MessageID = "withheld@example.com"
		times := 0
		withheld.MayLeave = func() error {
			if times++; times == asked {
				return errors.New("it is another worker's")
			}
			return nil
		}
		r := p.Send(t.Context(), withheld)
		if r.Verdict != mail.Retry || !r.Withheld || r.Step != want.step || r.Said != "it is another worker's" ||
			p.Connected() != want.kept {
			t.Errorf("at %s: %+v, and %d connections are kept", want.step, r, p.Connected())
		}
	}
	if r := p.Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Delivered {
		t.Errorf("the next mail: %+v", r)
	}
	for _, got := range s.mails() {
		if strings.Contains(got.data, "withheld@") {
			t.Errorf("the server got the mail:\n%s", got.data)
		}
	}
}
