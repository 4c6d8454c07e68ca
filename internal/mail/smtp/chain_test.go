package smtp

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/mailtest"
)

// The server replies to a content only when it has the commands of the next mail, too.
func TestCommandsFollowAContent(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan []string, 1)
	go func() {
		var commands []string
		defer func() { heard <- commands }()
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		in := bufio.NewScanner(conn)
		const opens = "\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go"
		for _, turn := range []struct {
			says     string
			contents bool // hears a content
			commands int  // and then so many commands
		}{
			{"220 hi", false, 1},
			{"250-hi\r\n250 PIPELINING", false, 3},
			{strings.TrimPrefix(opens, "\r\n"), true, 3},
			{"250 2.0.0 first" + opens, true, 3},
			{"450 4.2.1 second" + opens, true, 0},
			{"250 2.0.0 third", false, 1},
		} {
			_, _ = conn.Write([]byte(turn.says + "\r\n"))
			for turn.contents && in.Scan() && in.Text() != "." {
			}
			for range turn.commands {
				in.Scan()
				verb, _, _ := strings.Cut(in.Text(), ":")
				commands = append(commands, verb)
			}
		}
	}()
	p := NewPool(configFor(mailtest.PortOf(t, listener)))
	results := chained(t.Context(), p, messageTo("a@example.com"), messageTo("b@example.com"), messageTo("c@example.com"))
	p.Close()
	_ = listener.Close()
	for i, want := range []mail.Result{
		{Verdict: mail.Delivered, Said: "first"}, {Verdict: mail.Throttled, Said: "second"},
		{Verdict: mail.Delivered, Said: "third"},
	} {
		if r := results[i]; r.Verdict != want.Verdict || r.Said != want.Said || r.Step != mail.StepBody {
			t.Errorf("%+v, want %s: %s", r, want.Verdict, want.Said)
		}
	}
	each := []string{"MAIL FROM", "RCPT TO", "DATA"}
	if commands, want := <-heard, slices.Concat(each, each, each, []string{"QUIT"}); !slices.Equal(commands[1:], want) {
		t.Errorf("heard %q, want EHLO and %q", commands, want)
	}
}

// Lines that begin with dots arrive as they are, alone and behind another mail.
func TestDotsInAChain(t *testing.T) {
	t.Parallel()
	s := startSink(t, nil)
	p := open(t, configFor(s.port))
	const content = "Subject: dots\r\n\r\n.\r\n..two\r\n.three\r\nfour.\r\n\r\n....\r\n"
	sent := 0
	next := func() *Mail {
		if sent++; sent > 3 {
			return nil
		}
		return &Mail{
			mailObject{from: "a@firm.example", to: "b@example.com", bytes: []byte(content)},
			func(r mail.Result) {
				if r.Verdict != mail.Delivered {
					t.Errorf("%+v", r)
				}
			},
		}
	}
	p.SendChain(t.Context(), next(), next)
	mails := s.mails()
	for _, got := range mails {
		if got.data != content {
			t.Errorf("received %q, want %q", got.data, content)
		}
	}
	if n := s.connections.Load(); len(mails) != 3 || n != 1 {
		t.Errorf("%d mails over %d connections, want 3 over 1", len(mails), n)
	}
}

// A chained mail may be stopped before its MAIL, or while the server still works on the mail before it. Then nothing of
// it leaves. In the second case, the mail behind it begins on a new connection.
func TestAChainedMailIsLookedAtTwice(t *testing.T) {
	t.Parallel()
	for asked, want := range map[int]struct {
		step        mail.Step
		connections int32
	}{1: {mail.StepMail, 1}, 2: {mail.StepData, 2}} {
		t.Run(string(want.step), func(t *testing.T) {
			t.Parallel()
			s := startSink(t, nil)
			p := open(t, configFor(s.port))
			stopped := messageTo("b@example.com")
			taken := make(chan struct{})
			s.whenReceiving(func() { close(taken); s.whenReceiving(func() {}) })
			times := 0
			stopped.MayLeave = func() error {
				times++
				if times == 2 {
					<-taken // its commands have left, and the server has the content of the mail before it
				}
				if times == asked {
					return errors.New("its run was cancelled")
				}
				return nil
			}
			results := chained(t.Context(), p, messageTo("a@example.com"), stopped, messageTo("c@example.com"))
			for i, verdict := range []mail.Verdict{mail.Delivered, mail.Retry, mail.Delivered} {
				if r := results[i]; r.Verdict != verdict || r.Withheld != (i == 1) {
					t.Errorf("mail %d: %+v, want %s", i, r, verdict)
				}
			}
			if results[1].Step != want.step || s.connections.Load() != want.connections {
				t.Errorf("withheld at %s, over %d connections; want %+v", results[1].Step, s.connections.Load(), want)
			}
			var to []string
			for _, got := range s.mails() {
				if got.data != "" { // the sink keeps a content that breaks off, too
					to = append(to, got.to)
				}
			}
			if !slices.Equal(to, []string{"a@example.com", "c@example.com"}) {
				t.Errorf("received by %v", to)
			}
		})
	}
}

// A connection carries as many mails in a chain as otherwise.
func TestAChainEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, offersGroups(mailtest.Script{}))
	cfg := configFor(s.Port)
	cfg.Keep.Mails = 3 // a quarter less is rounded to three, too
	p := NewPool(cfg)
	for i, r := range chained(t.Context(), p, slices.Repeat([]mail.Message{messageTo("a@example.com")}, 7)...) {
		if r.Verdict != mail.Delivered {
			t.Errorf("mail %d: %+v", i, r)
		}
	}
	p.Close()
	if n := strings.Count(s.Verbs(), "connect"); n != 3 || strings.Count(s.Verbs(), "QUIT") != 3 {
		t.Errorf("seven mails of three a connection: %s", s.Verbs())
	}
}

// Whatever becomes of a mail that is chained, the one behind it begins as usual.
func TestAMailBehindAChainedOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		play  mailtest.Script // of the first connection
		to    string          // of the second mail
		heard string          // behind "connect EHLO MAIL RCPT DATA ."
	}{
		"RCPT is refused": {
			mailtest.Script{"RCPT after 1": "550 5.1.1 nobody"}, "", "MAIL RCPT DATA RSET MAIL RCPT DATA QUIT",
		},
		"DATA is refused": {
			mailtest.Script{"DATA after 1": "451 4.3.0 later"}, "", "MAIL RCPT DATA RSET MAIL RCPT DATA QUIT",
		},
		"MAIL is refused": {
			mailtest.Script{"MAIL after 1": "452 4.3.1 enough"}, "",
			"MAIL RCPT DATA QUIT connect EHLO MAIL RCPT DATA . MAIL RCPT DATA . QUIT",
		},
		"it waits for a content that nobody sends": {
			mailtest.Script{"RCPT after 1": "550 5.1.1 nobody", "DATA after 1": "354 go"}, "",
			"MAIL RCPT DATA connect EHLO MAIL RCPT DATA . QUIT",
		},
		"it says goodbye": {
			mailtest.Script{"MAIL after 1": "421 4.7.0 enough+" + mailtest.Drop}, "",
			"MAIL connect EHLO MAIL RCPT DATA . MAIL RCPT DATA . QUIT",
		},
		"it goes away": {
			mailtest.Script{"MAIL after 1": mailtest.Drop}, "", "MAIL connect EHLO MAIL RCPT DATA . MAIL RCPT DATA . QUIT",
		},
		"it is not ASCII":   {mailtest.Script{}, "josé@example.com", "MAIL RCPT DATA . QUIT"},
		"it can't be built": {mailtest.Script{}, "at example.com", "MAIL RCPT DATA . QUIT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mailtest.Start(t, offersGroups(c.play), offersGroups(mailtest.Script{}))
			p := open(t, configFor(s.Port))
			second := messageTo(cmp.Or(c.to, "b@example.com"))
			results := chained(t.Context(), p, messageTo("a@example.com"), second, messageTo("c@example.com"))
			p.Close()
			s.ExpectClosed(t)
			const front = "connect EHLO MAIL RCPT DATA . "
			if heard := s.Verbs(); heard != front+c.heard {
				t.Errorf("heard %s, want %s", heard, front+c.heard)
			}
			delivered := 0
			for _, r := range results {
				if r.Verdict == mail.Delivered {
					delivered++
				}
			}
			if dots := strings.Count(s.Verbs(), "."); results[0].Verdict != mail.Delivered || dots != delivered {
				t.Errorf("%d mails were sent to their end, and became %+v", dots, results)
			}
			if p.chained.isOff() {
				t.Error("no mails are chained any more")
			}
		})
	}
}

// A server takes groups, and not what comes behind a content. That loses no mail: one that the server has not taken is
// not delivered, and one that it may have taken is not sent again. After two such chains in a row, no mail is chained.
func TestAServerThatBreaksChains(t *testing.T) {
	t.Parallel()
	const two, ok, waits, early = "250 ok\r\n250 ok", "250 ok", "354 go", "503 5.5.1 MAIL first"
	for name, c := range map[string]struct {
		broken mailtest.Script
		first  mail.Verdict // of the mail in front
	}{
		"no reply to the content": {mailtest.Script{". after 1": mailtest.Skip}, mail.Unknown},
		"no reply to the content, and a refusal": {
			mailtest.Script{". after 1": mailtest.Skip, "RCPT after 1": "550 5.1.1 nobody"}, mail.Unknown,
		},
		"no reply to MAIL": {
			mailtest.Script{"MAIL after 1": mailtest.Skip, "RCPT after 1": ok, "DATA after 1": waits}, mail.Unknown,
		},
		"no reply to RCPT": {mailtest.Script{"RCPT after 1": mailtest.Skip, "DATA after 1": waits}, mail.Unknown},
		"no reply to DATA": {mailtest.Script{"DATA after 1": mailtest.Skip}, mail.Delivered},
		"no reply to any command": {
			mailtest.Script{"MAIL after 1": mailtest.Skip, "RCPT after 1": mailtest.Skip, "DATA after 1": mailtest.Skip},
			mail.Delivered,
		},
		"two replies to the content":   {mailtest.Script{". after 1": two}, mail.Delivered},
		"a refusal, and a reply to it": {mailtest.Script{". after 1": "451 4.3.0 later\r\n250 ok"}, mail.Retry},
		"a reply, and a refusal":       {mailtest.Script{". after 1": "250 ok\r\n451 4.3.0 later"}, mail.Unknown},
		"two replies to MAIL":          {mailtest.Script{"MAIL after 1": two}, mail.Delivered},
		"two replies to RCPT":          {mailtest.Script{"RCPT after 1": two}, mail.Delivered},
		"two replies to DATA":          {mailtest.Script{"DATA after 1": "354 go\r\n250 ok"}, mail.Delivered},
		"it loses MAIL": {
			mailtest.Script{"MAIL after 1": early, "RCPT after 1": early, "DATA after 1": early}, mail.Delivered,
		},
		"it hangs up": {mailtest.Script{"RCPT after 1": mailtest.Drop}, mail.Delivered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mailtest.Start(t, offersGroups(c.broken), offersGroups(mailtest.Script{}))
			cfg := configFor(s.Port)
			cfg.Timeouts.Reply = 5 * time.Second
			p := open(t, cfg)
			p.soon = cfg.Timeouts.Reply
			p.chained.wrong.Store(tolerated - 1)
			results := chained(t.Context(), p, messageTo("a@example.com"), messageTo("b@example.com"))
			whole := 0 // mails that the server may have
			for _, r := range results {
				if r.Verdict == mail.Delivered || r.Verdict == mail.Unknown {
					whole++
				}
			}
			taken := strings.Count(s.Verbs(), ".")
			if results[0].Verdict == mail.Retry {
				taken-- // refused
			}
			if results[0].Verdict != c.first || taken != whole {
				t.Errorf("%d mails were taken, and became %+v; want %s of the one in front: %s", taken, results, c.first, s.Verbs())
			}
			if !p.chained.isOff() || p.group.isOff() {
				t.Errorf("chains are off: %v; groups are off: %v", p.chained.isOff(), p.group.isOff())
			}
			p.renew()
			last := p.Build(t.Context(), messageTo("c@example.com"), func(r mail.Result) {
				if r.Verdict != mail.Delivered {
					t.Errorf("without a chain: %+v", r)
				}
			})
			p.SendChain(t.Context(), last, func() *Mail {
				t.Error("a mail is to be chained")
				return nil
			})
		})
	}
}

// One wrong chain may have another reason. The next right one clears it.
func TestOneWrongChainIsForgiven(t *testing.T) {
	t.Parallel()
	broken := offersGroups(mailtest.Script{"RCPT after 1": mailtest.Drop})
	s := mailtest.Start(t, broken, offersGroups(mailtest.Script{}), broken)
	p := open(t, configFor(s.Port))
	for i, want := range []int32{1, 0, 1, tolerated} {
		if i == 2 {
			p.renew()
		}
		chained(t.Context(), p, messageTo("a@example.com"), messageTo("b@example.com"))
		if wrong := p.chained.wrong.Load(); wrong != want {
			t.Errorf("after %d chains, %d in a row are wrong, want %d", i+1, wrong, want)
		}
	}
}

// A server may refuse a content before it has all of it. Its reply is read although the rest can't be sent any more.
func TestAReplyBeforeTheEndOfAContent(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]mail.Verdict{
		"552 5.3.4 too big": mail.Refused, "421 4.3.2 going down": mail.Throttled, "250 2.0.0 thanks": mail.Retry,
	} {
		t.Run(reply, func(t *testing.T) {
			t.Parallel()
			s := mailtest.Start(t, mailtest.Script{"content": reply})
			cfg := configFor(s.Port)
			cfg.Timeouts.Content = 2 * time.Second
			p := open(t, cfg)
			m := messageTo("a@example.com")
			m.Content.HTML = mailtest.Fault{Verb: "content"}.Content()
			if r := p.Send(t.Context(), m); r.Verdict != want || r.Step != mail.StepData || p.Connected() != 0 {
				t.Errorf("%+v, want %s; %d connections are kept", r, want, p.Connected())
			}
			s.Free()
		})
	}
}

// A content is transported as net/textproto would do it.
func TestContentIsDotted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.SampledFrom([]string{".", "..", "a", "é", " ", "\r\n", "\n", "\r\n.", "\r\n\r\n"}))
		content := "x" + strings.Join(pieces.Draw(t, "pieces"), "")
		var want bytes.Buffer
		buffered := bufio.NewWriter(&want)
		w := textproto.NewWriter(buffered).DotWriter()
		_, _ = io.WriteString(w, content)
		_ = w.Close()
		if got := appendContent(nil, []byte(content)); string(got) != want.String() {
			t.Fatalf("%q became %q, want %q", content, got, want.String())
		}
	})
}
