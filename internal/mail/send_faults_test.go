package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// One row for each place where a server can misbehave, one column for each way. T is throttled, R retry, M misconfigured, X
// refused, U unknown, D delivered. "=" says that the connection is kept for the next mail, "!" that the mailbox is gone, and "-"
// that there is no such thing, or that go-mail has read it before we could look: the EHLO under TLS.
const faultTable = `
at        | 421 | 450 | 451 | 452 | 454 | 503 | 530 | 535 | 550 | 550 5.1.1 | 550 5.7.1 | 552 | 553 | 554 | garbage | half | long | drop | hang | stage
greet     | T   | T   | R   | R   | T   | M   | M   | M   | M   | M         | M         | M   | M   | M   | R       | R    | R    | R    | R    | connect
EHLO      | T   | T   | R   | R   | T   | M   | M   | M   | M   | M         | M         | M   | M   | M   | R       | R    | R    | R    | R    | connect
STARTTLS  | T   | T   | R   | R   | T   | M   | M   | M   | M   | M         | M         | M   | M   | M   | R       | R    | R    | R    | R    | tls
handshake | -   | -   | -   | -   | -   | -   | -   | -   | -   | -         | -         | -   | -   | -   | M       | R    | M    | R    | R    | tls
EHLO/tls  | T   | T   | R   | R   | T   | M   | M   | M   | M   | M         | M         | M   | M   | M   | R       | -    | -    | R    | R    | tls
AUTH      | T   | T   | R   | R   | T   | M   | M   | M   | M   | M         | M         | M   | M   | M   | R       | R    | R    | R    | R    | auth
MAIL      | T   | T=  | R=  | R=  | T=  | M   | M   | M   | M=  | M=        | M=        | M=  | M=  | M=  | R       | R    | R    | R    | R    | mail
RCPT      | T   | T=  | R=  | R=  | T=  | M   | M   | M   | X=! | X=!       | X=        | X=  | X=! | X=  | R       | R    | R    | R    | R    | rcpt
DATA      | T   | T=  | R=  | R=  | T=  | M   | M   | M   | X=  | X=!       | X=        | X=  | X=  | X=  | R       | R    | R    | R    | R    | data
content   | -   | -   | -   | -   | -   | -   | -   | -   | -   | -         | -         | -   | -   | -   | -       | -    | -    | R    | R    | data
.         | T   | T=  | R=  | R=  | T=  | M   | M   | M   | X=  | X=!       | X=        | X=  | X=  | X=  | U       | U    | U    | U    | U    | body
QUIT      | D=  | D=  | D=  | D=  | D=  | D=  | D=  | D=  | D=  | D=        | D=        | D=  | D=  | D=  | D=      | D=   | D=   | D=   | D=   | body
`

func TestEveryFaultAtEveryStage(t *testing.T) {
	t.Parallel()
	rows := strings.Split(strings.TrimSpace(faultTable), "\n")
	heads := tableCells(rows[0])
	server, roots := testTLS(t)
	for _, row := range rows[1:] {
		cells := tableCells(row)
		last := len(cells) - 1
		for i, fault := range heads[:last] {
			if i == 0 || cells[i] == "-" {
				continue
			}
			for _, encrypted := range []bool{false, true} {
				f := faulty{verb: cells[0], fault: fault, cell: cells[i], stage: Stage(cells[last])}
				if encrypted {
					f.server, f.roots = server, roots
				}
				if f.possible() {
					t.Run(f.name(), func(t *testing.T) {
						t.Parallel()
						f.check(t)
					})
				}
			}
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

// faulty is one cell of the table, in the clear or under TLS.
type faulty struct {
	verb, fault string
	cell        string // what must come of it
	stage       Stage
	server      *tls.Config // nil: in the clear
	roots       *x509.CertPool
}

func (f faulty) name() string {
	if f.server == nil {
		return f.verb + " " + f.fault
	}
	return f.verb + " " + f.fault + " under TLS"
}

// possible leaves out what is the same with TLS and without, and what needs it.
func (f faulty) possible() bool {
	switch f.verb {
	case "STARTTLS", "handshake", "EHLO/tls":
		return f.server != nil
	case "greet", "EHLO", "content":
		return f.server == nil
	default:
		return true
	}
}

func (f faulty) spoken() bool { return f.fault[0] >= '0' && f.fault[0] <= '9' }

// begin starts a server with the fault, and says how to reach it.
func (f faulty) begin(t *testing.T) (*scripted, Config) {
	t.Helper()
	text, own := map[string]string{"garbage": "what?", drop: drop, hang: hang, half: half, long: long}[f.fault]
	if !own {
		text = f.fault + " said so about <dana.wu@example.com>"
	}
	play := script{f.verb: text}
	if f.server != nil {
		play["EHLO"] = "250-scripted.example\r\n250 STARTTLS"
	}
	s := startScriptedTLS(t, f.server, play)
	cfg := configFor(s.port)
	cfg.Username, cfg.Password = "user", "secret"
	if f.server != nil {
		cfg.TLS, cfg.RootCAs = TLSMandatory, f.roots
	}
	return s, cfg
}

func (f faulty) letter() Letter {
	l := letterTo("dana.wu@example.com")
	if f.verb == "content" {
		l.Content.HTML = strings.Repeat(strings.Repeat("x", 70)+"\n", 200_000) // more than any socket buffers
	}
	return l
}

func (f faulty) check(t *testing.T) {
	t.Helper()
	s, cfg := f.begin(t)
	if f.verb == "content" {
		cfg.Timeouts.Content = time.Second // of which a server that reads needs little
	}
	p := NewPool(cfg)
	// A server that hangs ends the wait itself: no clock decides this test.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if f.verb != "QUIT" {
		s.whenHanging(cancel)
	}
	r := p.Send(ctx, f.letter())
	close(s.freed)
	verdicts := map[byte]Verdict{'T': Throttled, 'R': Retry, 'M': Misconfigured, 'X': Refused, 'U': Unknown, 'D': Delivered}
	if want := verdicts[f.cell[0]]; r.Verdict != want || r.Stage != f.stage {
		t.Errorf("got %s at %s, want %s at %s: %+v", r.Verdict, r.Stage, want, f.stage, r)
	}
	if gone := strings.Contains(f.cell, "!"); r.NoMailbox != gone {
		t.Errorf("mailbox gone: %v, want %v", r.NoMailbox, gone)
	}
	if kept := strings.Contains(f.cell, "="); p.Connected() == 1 != kept {
		t.Errorf("%d connections kept, want %v", p.Connected(), kept)
	}
	f.checkWords(t, r)
	p.Close()
	if n := p.Connected(); n != 0 {
		t.Errorf("%d connections after the end", n)
	}
	s.expectClosed(t)
	if f.verb != "QUIT" && !f.spoken() && strings.Contains(s.verbs(), "QUIT") {
		t.Errorf("a broken connection was ended with QUIT: %s", s.verbs())
	}
}

func (f faulty) checkWords(t *testing.T, r Result) {
	t.Helper()
	if f.verb == "QUIT" {
		return
	}
	code, enhanced, _ := strings.Cut(f.fault, " ")
	if f.spoken() && (strconv.Itoa(r.Code) != code || r.Enhanced != enhanced || r.Said != "said so about <d•••@example.com>") {
		t.Errorf("code %d, enhanced %q, said %q", r.Code, r.Enhanced, r.Said)
	}
	if name := "scripted.example"; r.ServerName != name && f.verb != "greet" && f.verb != "EHLO" {
		t.Errorf("the server's name is %q, want %q", r.ServerName, name)
	}
	if r.Said == "" || r.Server == "" {
		t.Errorf("no words for it, or no server: %+v", r)
	}
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
			if r := open(t, cfg).Send(t.Context(), letterTo("a@example.com")); r.Verdict != c.want || r.Stage != StageTLS {
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
	r := open(t, configFor(port)).Send(t.Context(), letterTo("a@example.com"))
	if r.Verdict != Retry || r.Stage != StageConnect || !strings.Contains(r.Said, "refused") || r.Server == "" {
		t.Errorf("%+v", r)
	}
}

// Each step has its own limit. The limit of the step that hangs is short, and those of the others are not.
func TestEveryStepHasItsTime(t *testing.T) {
	t.Parallel()
	for verb, c := range map[string]struct {
		limit Timeouts
		want  Verdict
		said  string
	}{
		"greet": {Timeouts{Reply: 50 * time.Millisecond}, Retry, "no answer in time at connect"},
		".":     {Timeouts{Accept: 50 * time.Millisecond}, Unknown, "no answer in time at body"},
	} {
		s := startScripted(t, script{verb: hang})
		cfg := configFor(s.port)
		cfg.Timeouts = c.limit
		if r := open(t, cfg).Send(t.Context(), letterTo("a@example.com")); r.Verdict != c.want || r.Said != c.said {
			t.Errorf("silent at %s: %+v", verb, r)
		}
		s.expectClosed(t)
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
	if r := open(t, configFor(s.port)).Send(t.Context(), letterTo("a@example.com")); r.Verdict != Retry || r.Stage != StageMail {
		t.Errorf("%+v", r)
	}
	if got := s.verbs(); got != "connect EHLO MAIL" {
		t.Errorf("heard %s", got)
	}
	s = startScripted(t, script{".": "250 ok+" + drop}, script{"MAIL": drop})
	c := open(t, configFor(s.port))
	c.Send(t.Context(), letterTo("a@example.com"))
	if r := c.Send(t.Context(), letterTo("b@example.com")); r.Verdict != Retry || strings.Count(s.verbs(), "connect") != 2 {
		t.Errorf("%+v; heard %s", r, s.verbs())
	}
}

// A refused recipient must leave nothing behind for the next mail.
func TestRefusedTransactionIsReset(t *testing.T) {
	t.Parallel()
	s := startScripted(t, script{"RCPT": "550 5.1.1 no such mailbox"})
	c := open(t, configFor(s.port))
	for range 2 {
		if r := c.Send(t.Context(), letterTo("a@example.com")); r.Verdict != Refused {
			t.Errorf("%+v", r)
		}
	}
	c.Close()
	if got := s.verbs(); got != "connect EHLO MAIL RCPT RSET MAIL RCPT QUIT" {
		t.Errorf("heard %s", got)
	}
}

// No round trip is spent that the mail does not need.
func TestConversationIsShort(t *testing.T) {
	t.Parallel()
	s := startScripted(t, script{})
	c := open(t, configFor(s.port))
	for range 2 {
		if r := c.Send(t.Context(), letterTo("a@example.com")); r.Verdict != Delivered || r.Said != "queued as 42" {
			t.Errorf("%+v", r)
		}
	}
	c.Close()
	if got := s.verbs(); got != "connect EHLO MAIL RCPT DATA . MAIL RCPT DATA . QUIT" {
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
