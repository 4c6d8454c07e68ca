package mail

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// One row for each place where a server can misbehave, one column for each way.
// T is throttled, R retry, M misconfigured, X refused, U unknown.
const faultTable = `
at       | 421 | 450 | 454 | 451 | 550 | garbage | drop | hang | stage
greet    | T   | T   | T   | R   | M   | R       | R    | R    | connect
EHLO     | T   | T   | T   | R   | M   | R       | R    | R    | connect
STARTTLS | T   | T   | T   | R   | M   | R       | R    | R    | tls
AUTH     | T   | T   | T   | R   | M   | R       | R    | R    | auth
MAIL     | T   | T   | T   | R   | M   | R       | R    | R    | mail
RCPT     | T   | T   | T   | R   | X   | R       | R    | R    | rcpt
DATA     | T   | T   | T   | R   | X   | R       | R    | R    | data
.        | T   | T   | T   | R   | X   | U       | U    | U    | body
`

func TestEveryFaultAtEveryStage(t *testing.T) {
	t.Parallel()
	letters := map[string]Verdict{"T": Throttled, "R": Retry, "M": Misconfigured, "X": Refused, "U": Unknown}
	rows := strings.Split(strings.TrimSpace(faultTable), "\n")
	heads := tableCells(rows[0])
	for _, row := range rows[1:] {
		cells := tableCells(row)
		verb, last := cells[0], len(cells)-1
		for i, fault := range heads[:last] {
			if i == 0 {
				continue // The column of the verbs.
			}
			want, stage := letters[cells[i]], Stage(cells[last])
			t.Run(verb+" "+fault, func(t *testing.T) {
				t.Parallel()
				checkFault(t, verb, fault, want, stage)
			})
		}
	}
}

func tableCells(row string) []string {
	cells := strings.Split(row, "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

func checkFault(t *testing.T, verb, fault string, want Verdict, stage Stage) {
	t.Helper()
	replies := map[string]string{"garbage": "what?", drop: drop, hang: hang}
	text, silent := replies[fault]
	if !silent {
		text = fault + " " + fault[:1] + ".9.9 said so about <dana.wu@example.com>"
	}
	play := script{verb: text}
	cfg := configFor(0)
	switch verb {
	case "EHLO":
		play["HELO"] = text
	case "STARTTLS":
		play["EHLO"] = "250-scripted.example\r\n250 STARTTLS"
		cfg.TLS = TLSMandatory
	case "AUTH":
		cfg.Username, cfg.Password = "user", "secret"
	}
	s := startScripted(t, play)
	cfg.Port = s.port
	// A server that hangs ends the wait itself: no clock decides this test.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.whenHanging(cancel)

	c := NewConn(cfg)
	r := c.Send(ctx, letterTo("dana.wu@example.com"))
	if r.Verdict != want || r.Stage != stage {
		t.Errorf("got %s at %s, want %s at %s: %+v", r.Verdict, r.Stage, want, stage, r)
	}
	if !silent && (r.Enhanced != fault[:1]+".9.9" || r.Said != "said so about <d•••@example.com>") {
		t.Errorf("enhanced %q, said %q", r.Enhanced, r.Said)
	}
	if r.Said == "" {
		t.Error("no words for it")
	}
	if silent && strings.Contains(s.verbs(), "QUIT") {
		t.Errorf("a broken connection was ended with QUIT: %s", s.verbs())
	}
	kept := c.session != nil
	if orderly := !silent && fault != "421" && (stage == StageMail || stage == StageRcpt || stage == StageData || stage == StageBody); kept != orderly {
		t.Errorf("connection kept: %v, want %v", kept, orderly)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	s.expectClosed(t)
}

func TestTLSHandshakeFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		want   Verdict
	}{
		"the server hangs up in it":  {"220 go+" + drop, Retry},
		"the server goes on without": {"220 go\r\n220 here is more\r\n220 plain text", Misconfigured},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startScripted(t, script{"EHLO": "250-scripted.example\r\n250 STARTTLS", "STARTTLS": c.answer})
			cfg := configFor(s.port)
			cfg.TLS = TLSMandatory
			if r := NewConn(cfg).Send(t.Context(), letterTo("a@example.com")); r.Verdict != c.want || r.Stage != StageTLS {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestNothingListens(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := portOf(t, listener)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	r := NewConn(configFor(port)).Send(t.Context(), letterTo("a@example.com"))
	if r.Verdict != Retry || r.Stage != StageConnect || !strings.Contains(r.Said, "refused") || r.Server == "" {
		t.Errorf("%+v", r)
	}
}

func TestTimeoutCoversTheWholeSend(t *testing.T) {
	t.Parallel()
	for verb, want := range map[string]Verdict{"greet": Retry, ".": Unknown} {
		s := startScripted(t, script{verb: hang})
		cfg := configFor(s.port)
		cfg.Timeout = time.Second
		r := NewConn(cfg).Send(t.Context(), letterTo("a@example.com"))
		if r.Verdict != want || r.Said != "no answer in time; the limit for one mail is 1s" {
			t.Errorf("silent at %s: %+v", verb, r)
		}
	}
}

// A connection that the server dropped while it rested is dialled anew, and
// the mail goes out as if nothing had been.
func TestDroppedWhileResting(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]script{
		"closed after a mail":   {".": "250 2.0.0 ok+" + drop},
		"closed with a 421":     {".": "250 2.0.0 ok\r\n421 4.4.2 idle too long+" + drop},
		"closed at MAIL":        {"RCPT": "550 5.1.1 no", "RSET": drop},
		"does not take a RSET":  {"RCPT": "550 5.1.1 no", "RSET": "502 5.5.1 what"},
		"garbled between mails": {".": "250 2.0.0 ok\r\nhello?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startScripted(t, first, script{})
			c := open(t, configFor(s.port))
			c.Send(t.Context(), letterTo("a@example.com"))
			if r := c.Send(t.Context(), letterTo("b@example.com")); r.Verdict != Delivered {
				t.Errorf("%+v; heard %s", r, s.verbs())
			}
			if n := strings.Count(s.verbs(), "connect"); n != 2 {
				t.Errorf("%d connections, want 2: %s", n, s.verbs())
			}
		})
	}
}

// Only a connection that had worked is dialled again: a server that drops
// everyone is not hammered.
func TestFreshConnectionIsNotRetried(t *testing.T) {
	t.Parallel()
	s := startScripted(t, script{"MAIL": drop})
	if r := NewConn(configFor(s.port)).Send(t.Context(), letterTo("a@example.com")); r.Verdict != Retry || r.Stage != StageMail {
		t.Errorf("%+v", r)
	}
	if got := s.verbs(); got != "connect EHLO MAIL" {
		t.Errorf("heard %s", got)
	}
	s = startScripted(t, script{".": "250 ok+" + drop}, script{"MAIL": drop})
	c := NewConn(configFor(s.port))
	c.Send(t.Context(), letterTo("a@example.com"))
	if r := c.Send(t.Context(), letterTo("b@example.com")); r.Verdict != Retry || strings.Count(s.verbs(), "connect") != 2 {
		t.Errorf("%+v; heard %s", r, s.verbs())
	}
}

func TestIdleConnectionIsDialledAnew(t *testing.T) {
	t.Parallel()
	s := startScripted(t, script{})
	c := open(t, configFor(s.port))
	c.Send(t.Context(), letterTo("a@example.com"))
	c.session.used = time.Now().Add(-maxIdle - time.Second)
	if r := c.Send(t.Context(), letterTo("b@example.com")); r.Verdict != Delivered {
		t.Errorf("%+v", r)
	}
	if n := strings.Count(s.verbs(), "connect"); n != 2 {
		t.Errorf("%d connections, want 2: %s", n, s.verbs())
	}
}

// A refused recipient must leave nothing behind for the next mail.
func TestRefusedTransactionIsReset(t *testing.T) {
	t.Parallel()
	s := startScripted(t, script{"RCPT": "550 5.1.1 no such mailbox"})
	c := NewConn(configFor(s.port))
	for range 2 {
		if r := c.Send(t.Context(), letterTo("a@example.com")); r.Verdict != Refused {
			t.Errorf("%+v", r)
		}
	}
	_ = c.Close()
	if got := s.verbs(); got != "connect EHLO MAIL RCPT RSET MAIL RCPT QUIT" {
		t.Errorf("heard %s", got)
	}
}

// No round trip is spent that the mail does not need.
func TestConversationIsShort(t *testing.T) {
	t.Parallel()
	s := startScripted(t, script{})
	c := NewConn(configFor(s.port))
	for range 2 {
		if r := c.Send(t.Context(), letterTo("a@example.com")); r.Verdict != Delivered || r.Said != "queued as 42" {
			t.Errorf("%+v", r)
		}
	}
	_ = c.Close()
	if got := s.verbs(); got != "connect EHLO MAIL RCPT DATA . MAIL RCPT DATA . QUIT" {
		t.Errorf("heard %s", got)
	}
}

// The server goes away while the content is on its way. The final dot was
// never written, so nobody can have the mail; and nothing may complete it.
func TestBrokenOffInTheContent(t *testing.T) {
	t.Parallel()
	s := startScripted(t, script{"DATA": "354 go+" + drop})
	l := letterTo("a@example.com")
	l.Content.HTML = strings.Repeat(strings.Repeat("x", 70)+"\n", 200_000) // more than any socket buffers
	if r := NewConn(configFor(s.port)).Send(t.Context(), l); r.Verdict != Retry || r.Stage != StageData {
		t.Errorf("%+v", r)
	}
	if got := s.verbs(); got != "connect EHLO MAIL RCPT DATA" {
		t.Errorf("heard %s", got)
	}
}

// A Send that is cancelled before it begins reaches nobody, even over a
// connection that is already up.
func TestCancelledBeforeItBegins(t *testing.T) {
	t.Parallel()
	s := startScripted(t, script{})
	c := open(t, configFor(s.port))
	c.Send(t.Context(), letterTo("a@example.com"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := c.Send(ctx, letterTo("b@example.com"))
	if r.Verdict != Retry || !errors.Is(ctx.Err(), context.Canceled) || strings.Count(s.verbs(), "DATA") != 1 {
		t.Errorf("%+v; heard %s", r, s.verbs())
	}
}
