package smtp

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/mailtest"
)

func TestEveryFaultAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, f := range mailtest.Faults(t) {
		t.Run(f.Name(), func(t *testing.T) {
			t.Parallel()
			checkFault(t, f)
		})
	}
}

func checkFault(t *testing.T, f mailtest.Fault) {
	t.Helper()
	s := f.Start(t)
	cfg := configFor(s.Port)
	cfg.Username, cfg.Password = "user", "secret"
	if f.Cert != nil {
		cfg.TLS, cfg.RootCAs = TLSMandatory, f.CAs
	}
	cfg.Timeouts = timeoutsFor(f)
	p := NewPool(cfg)
	p.soon = 5 * time.Second // longer than a server needs that does not hang
	// Most often, a server that hangs ends the wait itself, so that the test depends on no clock.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hangsInGroup := f.Kind == mailtest.Hang && f.Behind && slices.Contains([]string{"MAIL", "RCPT", "DATA"}, f.Verb)
	if cfg.Timeouts == (Timeouts{}) && f.Verb != "QUIT" && !hangsInGroup {
		s.WhenHanging(cancel)
	}
	m := messageTo("dana.wu@example.com")
	m.Content.HTML = f.Content()
	r := sendInItsWay(ctx, t, p, f, m, func() {
		if hangsInGroup { // all replies before were read
			cancel()
		}
	})
	s.Free()
	if r.Verdict != mail.Verdict(f.Verdict) || r.Step != mail.Step(f.Step) {
		t.Errorf("got %s at %s, want %s at %s: %+v", r.Verdict, r.Step, f.Verdict, f.Step, r)
	}
	if r.NoMailbox != f.Gone {
		t.Errorf("mailbox gone: %v, want %v", r.NoMailbox, f.Gone)
	}
	if kept := p.kept(); kept == 1 != f.Kept && !f.Ahead {
		t.Errorf("%d connections kept, want %v", kept, f.Kept)
	}
	if f.Verb != "QUIT" {
		checkWords(t, f, r)
	}
	p.Close()
	if n := p.Connected(); n != 0 {
		t.Errorf("%d connections after the end", n)
	}
	s.ExpectClosed(t)
	if f.Verb != "QUIT" && f.Code == 0 && !f.Ahead && strings.Contains(s.Verbs(), "QUIT") {
		t.Errorf("a broken connection was ended with QUIT: %s", s.Verbs())
	}
}

// timeoutsFor are the timeouts where the end of ctx would hide what was not read yet, or would end another mail, too.
func timeoutsFor(f mailtest.Fault) (t Timeouts) {
	switch {
	case f.Kind != mailtest.Hang:
	case f.Verb == "content" && (f.Ahead || f.Behind):
		t.Content = 5 * time.Second // a server that reads needs less
	case f.Verb == "content":
		t.Content = time.Second
	case f.Ahead:
		t.Accept = 5 * time.Second
	case f.Grouped && !f.Behind && (f.Verb == "RCPT" || f.Verb == "DATA"):
		t.Reply = 5 * time.Second
	}
	return t
}

// sendInItsWay sends a mail as the cell says, and checks the other mail of its chain. It calls reported when the result
// of the mail in front is known.
func sendInItsWay(
	ctx context.Context, t *testing.T, p *Pool, f mailtest.Fault, m mail.Message, reported func(),
) mail.Result {
	t.Helper()
	other := messageTo("other@example.com")
	var results []mail.Result
	switch {
	case f.Behind:
		results = sendChain(ctx, p, reported, other, m)
	case f.Ahead:
		results = sendChain(ctx, p, reported, m, other)
		slices.Reverse(results)
	default:
		return p.Send(ctx, m)
	}
	if results[0].Verdict != mail.Delivered || results[0].Said != "queued as 42" {
		t.Errorf("the other mail: %+v", results[0])
	}
	return results[1]
}

// chained sends mails over one connection, each as soon as it may follow the one before.
func chained(ctx context.Context, p *Pool, messages ...mail.Message) []mail.Result {
	return sendChain(ctx, p, func() {}, messages...)
}

func sendChain(ctx context.Context, p *Pool, reported func(), messages ...mail.Message) []mail.Result {
	results := make([]mail.Result, len(messages))
	next := 0
	build := func() *Mail {
		if next == len(messages) {
			return nil
		}
		i := next
		next++
		return p.Build(ctx, messages[i], func(r mail.Result) {
			if results[i] = r; i == 0 {
				reported()
			}
		})
	}
	for next < len(messages) {
		p.SendChain(ctx, build(), build)
	}
	return results
}

// kept is the number of connections that wait for the next mail. One that is on its way out still counts as connected.
func (p *Pool) kept() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.resting)
}

func checkWords(t *testing.T, f mailtest.Fault, r mail.Result) {
	t.Helper()
	if f.Code != 0 && (r.Code != f.Code || r.Enhanced != f.Enhanced || r.Said != "said so about <d•••@example.com>") {
		t.Errorf("code %d, enhanced %q, said %q", r.Code, r.Enhanced, r.Said)
	}
	if name := "scripted.example"; r.ServerName != name && f.Verb != "greet" && f.Verb != "EHLO" {
		t.Errorf("the server's name is %q, want %q", r.ServerName, name)
	}
	if r.Said == "" || r.Server == "" {
		t.Errorf("the result has no words, or no server: %+v", r)
	}
}

func TestTLSHandshakeFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		want   mail.Verdict
	}{
		"the server closes it":          {"220 go+" + mailtest.Drop, mail.Retry},
		"the server goes on without it": {"220 go\r\n220 here is more\r\n220 plain text", mail.Misconfigured},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mailtest.Start(t, mailtest.Script{"EHLO": "250-scripted.example\r\n250 STARTTLS", "STARTTLS": c.answer})
			cfg := configFor(s.Port)
			cfg.TLS = TLSMandatory
			if r := open(t, cfg).Send(t.Context(), messageTo("a@example.com")); r.Verdict != c.want || r.Step != mail.StepTLS {
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
	port := mailtest.PortOf(t, listener)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	r := open(t, configFor(port)).Send(t.Context(), messageTo("a@example.com"))
	if r.Verdict != mail.Retry || r.Step != mail.StepConnect || !strings.Contains(r.Said, "refused") || r.Server == "" {
		t.Errorf("%+v", r)
	}
}

// Each step has its own limit. Only the limit of the step that hangs is short here.
func TestEveryStepHasItsLimit(t *testing.T) {
	t.Parallel()
	for verb, c := range map[string]struct {
		limit Timeouts
		want  mail.Verdict
		said  string
	}{
		"greet": {Timeouts{Reply: 50 * time.Millisecond}, mail.Retry, "no answer in time at connect"},
		".":     {Timeouts{Accept: 50 * time.Millisecond}, mail.Unknown, "no answer in time at body"},
	} {
		s := mailtest.Start(t, mailtest.Script{verb: mailtest.Hang})
		cfg := configFor(s.Port)
		cfg.Timeouts = c.limit
		if r := open(t, cfg).Send(t.Context(), messageTo("a@example.com")); r.Verdict != c.want || r.Said != c.said {
			t.Errorf("no reply at %s: %+v", verb, r)
		}
		s.ExpectClosed(t)
	}
}

// A connection that the server dropped at rest is dialled again, and the mail is sent as usual.
func TestADroppedConnectionIsDialledAgain(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]mailtest.Script{
		"closed after a mail":   {".": "250 2.0.0 ok+" + mailtest.Drop},
		"closed with a 421":     {".": "250 2.0.0 ok\r\n421 4.4.2 idle too long+" + mailtest.Drop},
		"closed at MAIL":        {"RCPT": "550 5.1.1 no", "RSET": mailtest.Drop},
		"does not take a RSET":  {"RCPT": "550 5.1.1 no", "RSET": "502 5.5.1 what"},
		"garbled between mails": {".": "250 2.0.0 ok\r\nhello?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mailtest.Start(t, first, mailtest.Script{})
			c := open(t, configFor(s.Port))
			c.Send(t.Context(), messageTo("a@example.com"))
			if r := c.Send(t.Context(), messageTo("b@example.com")); r.Verdict != mail.Delivered {
				t.Errorf("%+v; heard %s", r, s.Verbs())
			}
			if n := strings.Count(s.Verbs(), "connect"); n != 2 {
				t.Errorf("%d connections, want 2: %s", n, s.Verbs())
			}
		})
	}
}

// Only a connection that has worked is dialled again, so that a server that drops every connection is not flooded.
func TestFreshConnectionIsNotRetried(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Script{"MAIL": mailtest.Drop})
	if r := open(t, configFor(s.Port)).Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Retry ||
		r.Step != mail.StepMail {
		t.Errorf("%+v", r)
	}
	if got := s.Verbs(); got != "connect EHLO MAIL" {
		t.Errorf("heard %s", got)
	}
	s = mailtest.Start(t, mailtest.Script{".": "250 ok+" + mailtest.Drop}, mailtest.Script{"MAIL": mailtest.Drop})
	c := open(t, configFor(s.Port))
	c.Send(t.Context(), messageTo("a@example.com"))
	if r := c.Send(t.Context(), messageTo("b@example.com")); r.Verdict != mail.Retry ||
		strings.Count(s.Verbs(), "connect") != 2 {
		t.Errorf("%+v; heard %s", r, s.Verbs())
	}
}

// A refused recipient must not affect the next mail.
func TestRefusedTransactionIsReset(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Script{"RCPT": "550 5.1.1 no such mailbox"})
	c := open(t, configFor(s.Port))
	for range 2 {
		if r := c.Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Refused {
			t.Errorf("%+v", r)
		}
	}
	c.Close()
	if got := s.Verbs(); got != "connect EHLO MAIL RCPT RSET MAIL RCPT QUIT" {
		t.Errorf("heard %s", got)
	}
}

// A mail needs no unnecessary round trip.
func TestConversationIsShort(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Script{})
	c := open(t, configFor(s.Port))
	for range 2 {
		if r := c.Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Delivered || r.Said != "queued as 42" {
			t.Errorf("%+v", r)
		}
	}
	c.Close()
	if got := s.Verbs(); got != "connect EHLO MAIL RCPT DATA . MAIL RCPT DATA . QUIT" {
		t.Errorf("heard %s", got)
	}
}

// offersGroups is a script of a server that understands commands that are sent together.
func offersGroups(play mailtest.Script) mailtest.Script {
	play["EHLO"] = "250-scripted.example\r\n250 PIPELINING"
	return play
}

// A refusal in a group leaves nothing behind for the next mail.
func TestAMailBehindARefusedGroup(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		play mailtest.Script
		want mail.Verdict
		then string // what the server hears of the second mail, after "MAIL RCPT DATA" of the first
	}{
		"RCPT is refused": {mailtest.Script{"RCPT": "450 4.2.1 busy"}, mail.Throttled, "RSET MAIL RCPT DATA QUIT"},
		"MAIL is refused": {mailtest.Script{"MAIL": "451 4.3.0 later"}, mail.Retry, "RSET MAIL RCPT DATA QUIT"},
		"DATA is refused": {mailtest.Script{"DATA": "451 4.3.0 later"}, mail.Retry, "RSET MAIL RCPT DATA QUIT"},
		"it waits for a content": {
			mailtest.Script{"RCPT": "450 4.2.1 busy", "DATA": "354 go"}, mail.Throttled, "connect EHLO MAIL RCPT DATA",
		},
		"it says more than it was asked": {
			mailtest.Script{"DATA": "451 4.3.0 later\r\n250 ok"}, mail.Retry, "connect EHLO MAIL RCPT DATA",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mailtest.Start(t, offersGroups(c.play))
			p := open(t, configFor(s.Port))
			for range 2 {
				if r := p.Send(t.Context(), messageTo("a@example.com")); r.Verdict != c.want {
					t.Errorf("%+v, want %s", r, c.want)
				}
			}
			p.Close()
			if heard, want := s.Verbs(), "connect EHLO MAIL RCPT DATA "+c.then; heard != want {
				t.Errorf("heard %s, want %s", heard, want)
			}
			s.ExpectClosed(t)
		})
	}
}

// A server offers PIPELINING and breaks it. That loses no mail: none is taken for delivered or refused, and nobody is
// sent a half. After two such groups in a row, each command waits for its reply.
func TestAServerThatBreaksGroups(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]mailtest.Script{
		"no reply to MAIL":      {"MAIL": mailtest.Skip},
		"no reply to RCPT":      {"RCPT": mailtest.Skip},
		"no reply to DATA":      {"DATA": mailtest.Skip},
		"two replies to MAIL":   {"MAIL": "250 ok\r\n250 ok"},
		"two replies to RCPT":   {"RCPT": "250 ok\r\n250 ok"},
		"two replies to DATA":   {"DATA": "354 go\r\n250 ok"},
		"it loses MAIL":         {"RCPT": "503 5.5.1 MAIL first", "DATA": "503 5.5.1 MAIL first"},
		"it does not know RCPT": {"RCPT": "500 5.5.2 what", "DATA": "500 5.5.2 what"},
		"it hangs up":           {"RCPT": mailtest.Drop},
		"it hangs":              {"RCPT": mailtest.Hang},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mailtest.Start(t, offersGroups(broken), offersGroups(broken), offersGroups(mailtest.Script{}))
			cfg := configFor(s.Port)
			cfg.Timeouts.Reply = 5 * time.Second
			p := open(t, cfg)
			for range tolerated {
				r := p.Send(t.Context(), messageTo("a@example.com"))
				if r.Verdict != mail.Retry && r.Verdict != mail.Misconfigured {
					t.Errorf("%+v", r)
				}
			}
			for range 2 {
				if r := p.Send(t.Context(), messageTo("a@example.com")); r.Verdict != mail.Delivered {
					t.Errorf("%+v", r)
				}
			}
			if p.newConn().group.wrong.Load() < tolerated {
				t.Error("it is spoken to in groups again")
			}
			if dots := strings.Count(s.Verbs(), "."); dots != 2 {
				t.Errorf("%d mails were sent to their end, want 2: %s", dots, s.Verbs())
			}
		})
	}
}

// One wrong group may have another reason. The next right one clears it.
func TestOneWrongGroupIsForgiven(t *testing.T) {
	t.Parallel()
	broken := offersGroups(mailtest.Script{"RCPT": mailtest.Drop})
	right := offersGroups(mailtest.Script{".": "250 ok+" + mailtest.Drop})
	s := mailtest.Start(t, broken, right, broken, right)
	p := open(t, configFor(s.Port))
	for _, want := range []mail.Verdict{mail.Retry, mail.Delivered, mail.Retry, mail.Delivered} {
		if r := p.Send(t.Context(), messageTo("a@example.com")); r.Verdict != want {
			t.Errorf("%+v, want %s", r, want)
		}
	}
	if wrong := p.group.wrong.Load(); wrong != 0 {
		t.Errorf("%d wrong groups are on record", wrong)
	}
}

// A Send that is cancelled before it begins reaches no server, even with a connection at rest.
func TestCancelledBeforeItBegins(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Script{})
	c := open(t, configFor(s.Port))
	c.Send(t.Context(), messageTo("a@example.com"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := c.Send(ctx, messageTo("b@example.com"))
	if r.Verdict != mail.Retry || !errors.Is(ctx.Err(), context.Canceled) || strings.Count(s.Verbs(), "DATA") != 1 {
		t.Errorf("%+v; heard %s", r, s.Verbs())
	}
}
