// Package mailtest is a mail server that misbehaves on request, and the table of all ways to misbehave. What the sender
// makes of each is tested with the sender, and what becomes of the invite with the pipeline. The package also draws
// hostile text, for the tests of composing and of sending. It is for tests only.
package mailtest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a scripted server can do instead of a reply.
const (
	Drop = "drop" // closes the connection
	Hang = "hang" // sends nothing any more, and goes on reading
	Skip = "skip" // sends no reply to this command, but to the next
	Half = "half" // sends its line without the end, and closes the connection
	Long = "long" // sends a line that does not end for a long time
)

// Script has the replies of a server by what it receives: the command's verb, "greet" for the connection itself,
// "handshake" for TLS, "EHLO/tls" for the EHLO within it, "content" for the first line of the content, "." for its end.
// "MAIL after 2" is for a MAIL on a connection that has carried two mails, "content after 2" for the third content, and
// ". after 2" for the end of the second. Everything else gets a good server's reply.
type Script map[string]string

var manners = Script{
	"greet": "220 scripted.example", "EHLO": "250-scripted.example\r\n250 AUTH PLAIN", "HELO": "250 scripted.example",
	"STARTTLS": "220 go", "EHLO/tls": "250-scripted.example\r\n250 AUTH PLAIN",
	"AUTH": "235 2.7.0 welcome", "*": "501 never mind", "MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok", "DATA": "354 go",
	".":    "250 2.0.0 queued as 42",
	"RSET": "250 ok", "QUIT": "221 bye",
}

// tooLong is more octets than the sender reads of one reply.
const tooLong = 256 << 10

// Server is a server that misbehaves on request.
type Server struct {
	Port int // on 127.0.0.1

	tls   *tls.Config // for STARTTLS
	conns sync.WaitGroup
	freed chan struct{} // until it is closed, a connection that hangs in the content does not read on

	mu     sync.Mutex // guards all below
	heard  []string   // verbs, of all connections in order; "connect" for each connection
	open   map[net.Conn]bool
	ended  chan struct{} // closed and replaced when a connection ends
	onHang func()
}

// Start serves each connection by the next script, and all later ones by the last, until the test ends.
func Start(tb testing.TB, scripts ...Script) *Server {
	tb.Helper()
	return StartTLS(tb, nil, scripts...)
}

// StartTLS does the same with a certificate for STARTTLS.
func StartTLS(tb testing.TB, config *tls.Config, scripts ...Script) *Server {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{
		Port: PortOf(tb, listener), tls: config, freed: make(chan struct{}),
		open: map[net.Conn]bool{}, ended: make(chan struct{}), onHang: func() {},
	}
	var running sync.WaitGroup
	running.Go(func() {
		for i := 0; ; i++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			play := scripts[min(i, len(scripts)-1)]
			s.mu.Lock()
			s.open[conn] = true
			s.mu.Unlock()
			s.conns.Go(func() {
				s.serve(conn, play)
				s.end(conn)
			})
		}
	})
	tb.Cleanup(func() {
		_ = listener.Close()
		s.mu.Lock()
		for conn := range s.open {
			_ = conn.Close()
		}
		s.mu.Unlock()
		running.Wait()
		s.conns.Wait()
	})
	return s
}

func (s *Server) end(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
	close(s.ended)
	s.ended = make(chan struct{})
}

func (s *Server) serve(conn net.Conn, play Script) {
	if !s.react(conn, play["greet"], "greet", "connect") {
		return
	}
	lines, inData, mails, sequence := linesOf(conn), false, 0, sequence{}
	for lines.Scan() {
		if inData && lines.Text() != "." {
			if !s.reactToContent(conn, play[play.key("content", mails)]) {
				return
			}
			continue
		}
		if lines.Text() == "." {
			mails++
		}
		verb := verbIn(conn, lines.Text())
		text := sequence.reply(play, verb, play.key(verb, mails))
		inData = verb == "DATA" && text[0] == '3'
		if !s.react(conn, text, verb, verb) {
			return
		}
		if text == Hang {
			s.listen(lines)
			return
		}
		if s.startsTLS(play, verb) {
			if play["handshake"] != "" && !s.misshake(conn, play) {
				return
			}
			conn = tls.Server(conn, s.tls)
			lines = linesOf(conn)
		}
	}
}

// listen reads to the end of a connection on which the server says nothing any more.
func (s *Server) listen(lines *bufio.Scanner) {
	for lines.Scan() {
	}
}

// sequence is how far a transaction has come. A server refuses a command that comes too early, unless the script has a
// reply for it.
type sequence struct{ mail, rcpt bool }

func (q *sequence) reply(play Script, verb, key string) string {
	text, scripted := play[key]
	if !scripted {
		text = manners[verb]
	}
	if early := verb == "RCPT" && !q.mail || verb == "DATA" && !q.rcpt; early && !scripted {
		return "503 5.5.1 not yet"
	}
	switch verb {
	case "MAIL":
		q.mail = text[0] == '2'
	case "RCPT":
		q.rcpt = text[0] == '2'
	case ".", "RSET":
		*q = sequence{}
	}
	return text
}

// verbIn is the verb of a command, as in [Script].
func verbIn(conn net.Conn, line string) string {
	verb, _, _ := strings.Cut(line, " ")
	if _, encrypted := conn.(*tls.Conn); encrypted && verb == "EHLO" {
		return "EHLO/tls"
	}
	return verb
}

// key is where the script has the reply to a verb on a connection that has carried so many mails.
func (p Script) key(verb string, mails int) string {
	if later := fmt.Sprintf("%s after %d", verb, mails); p[later] != "" {
		return later
	}
	return verb
}

// startsTLS says whether a command begins TLS.
func (s *Server) startsTLS(play Script, verb string) bool {
	answer, scripted := play[verb]
	return verb == "STARTTLS" && s.tls != nil && (!scripted || answer == "220")
}

// misshake answers TLS with something else, once the client has begun TLS. Anything before that would belong to the
// reply to STARTTLS, and be thrown away.
func (s *Server) misshake(conn net.Conn, play Script) bool {
	_, err := conn.Read(make([]byte, 1))
	return err == nil && s.react(conn, play["handshake"], "handshake", "handshake")
}

func linesOf(conn net.Conn) *bufio.Scanner {
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, 1<<20)
	return lines
}

// reactToContent does what the text says about a content, and says whether the connection goes on. A server that
// replies before the end reads no more of it.
func (s *Server) reactToContent(conn net.Conn, text string) bool {
	switch text {
	case "":
		return true
	case Drop:
		return false
	case Hang:
	default:
		_, _ = conn.Write([]byte(text + "\r\n"))
	}
	<-s.freed
	return false
}

// react answers one command with a text, or does what the text says. An empty text stands for a good server's. It says
// whether the connection goes on.
func (s *Server) react(conn net.Conn, text, verb, note string) bool {
	s.mu.Lock()
	s.heard = append(s.heard, note)
	onHang := s.onHang
	s.mu.Unlock()
	switch text {
	case "":
		text = manners[verb]
	case Skip:
		return true
	case Hang:
		onHang()
		return true
	case Drop:
		return false
	case Half:
		_, _ = conn.Write([]byte(manners[verb]))
		return false
	case Long:
		text = manners[verb] + strings.Repeat("x", tooLong)
	}
	text, dropAfter := strings.CutSuffix(text, "+"+Drop)
	_, err := conn.Write([]byte(text + "\r\n"))
	return err == nil && !dropAfter && verb != "QUIT"
}

// ExpectClosed fails the test if the client leaves a connection open, or has made none.
func (s *Server) ExpectClosed(tb testing.TB) {
	tb.Helper()
	patience := time.After(time.Minute)
	for {
		s.mu.Lock()
		open, heard, ended := len(s.open), len(s.heard), s.ended
		s.mu.Unlock()
		if open == 0 && heard > 0 {
			return
		}
		select {
		case <-ended:
		case <-patience:
			tb.Errorf("the client leaves %d connections open", open)
			return
		}
	}
}

// WhenHanging sets a function that is called when the server begins to hang.
func (s *Server) WhenHanging(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onHang = f
}

// Verbs is what the server has received so far.
func (s *Server) Verbs() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.heard, " ")
}

// Free lets connections go on that hang in the content.
func (s *Server) Free() { close(s.freed) }

// PortOf is the port of a listener on this machine.
func PortOf(tb testing.TB, listener net.Listener) int {
	tb.Helper()
	address, err := netip.ParseAddrPort(listener.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	return int(address.Port())
}
