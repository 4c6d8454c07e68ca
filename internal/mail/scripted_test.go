package mail

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a scripted server does in place of a reply.
const (
	drop = "drop" // closes the connection
	hang = "hang" // says nothing, and goes on listening
)

// script gives the replies of a server by what it hears: the command's verb,
// "greet" for the connection itself, "." for the end of the content. What it
// leaves out is answered as a good server would.
type script map[string]string

var manners = script{
	"greet": "220 scripted.example", "EHLO": "250-scripted.example\r\n250 AUTH PLAIN", "HELO": "250 scripted.example",
	"AUTH": "235 2.7.0 welcome", "MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok", "DATA": "354 go", ".": "250 2.0.0 queued as 42",
	"RSET": "250 ok", "QUIT": "221 bye",
}

// scripted is a server that misbehaves as told.
type scripted struct {
	port  int
	conns sync.WaitGroup

	mu     sync.Mutex
	heard  []string // verbs, of all connections in order; "connect" for each connection
	open   []net.Conn
	onHang func()
}

// startScripted serves each connection by the next script, and the last one
// from then on.
func startScripted(t *testing.T, scripts ...script) *scripted {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{port: portOf(t, listener), onHang: func() {}}
	var running sync.WaitGroup
	running.Go(func() {
		for i := 0; ; i++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			play := scripts[min(i, len(scripts)-1)]
			s.mu.Lock()
			s.open = append(s.open, conn)
			s.mu.Unlock()
			s.conns.Go(func() { s.serve(conn, play) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		s.mu.Lock()
		for _, conn := range s.open {
			_ = conn.Close()
		}
		s.mu.Unlock()
		running.Wait()
		s.conns.Wait()
	})
	return s
}

func (s *scripted) serve(conn net.Conn, play script) {
	defer func() { _ = conn.Close() }()
	if !s.react(conn, play, "greet", "connect") {
		return
	}
	lines, inData := bufio.NewScanner(conn), false
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		verb, _, _ := strings.Cut(lines.Text(), " ")
		if inData && lines.Text() != "." {
			continue
		}
		inData = verb == "DATA" && reply(play, verb)[0] == '3'
		if !s.react(conn, play, verb, verb) {
			return
		}
	}
}

func reply(play script, verb string) string {
	if text, ok := play[verb]; ok {
		return text
	}
	return manners[verb]
}

// react answers one command, and says whether to go on.
func (s *scripted) react(conn net.Conn, play script, verb, note string) bool {
	s.mu.Lock()
	s.heard = append(s.heard, note)
	onHang := s.onHang
	s.mu.Unlock()
	text := reply(play, verb)
	switch text {
	case hang:
		onHang()
		return true
	case drop:
		return false
	}
	text, dropAfter := strings.CutSuffix(text, "+"+drop)
	_, err := conn.Write([]byte(text + "\r\n"))
	return err == nil && !dropAfter && verb != "QUIT"
}

// expectClosed fails the test if the client leaves a connection open.
func (s *scripted) expectClosed(t *testing.T) {
	t.Helper()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.conns.Wait()
	}()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the client leaves its connection open")
	}
}

// whenHanging sets what is called when the server has begun to say nothing.
func (s *scripted) whenHanging(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onHang = f
}

// verbs is what the server has heard so far.
func (s *scripted) verbs() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.heard, " ")
}
