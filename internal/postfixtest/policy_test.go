package postfixtest

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// policy is the program that Postfix asks about each recipient, like a greylisting program (SMTPD_POLICY_README). It
// defers one domain until lift is called, and rejects another. mu guards lifted.
type policy struct {
	listener net.Listener
	open     sync.WaitGroup // connections, one for each Postfix process

	mu     sync.Mutex
	lifted bool
}

func startPolicy(t *testing.T) *policy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &policy{listener: listener}
	p.open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed: the test is over
			}
			p.open.Go(func() { p.answer(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.open.Wait() // Postfix has stopped before and closed its connections
	})
	return p
}

// answer reads requests. A request is lines of name=value, with an empty line at its end.
func (p *policy) answer(conn net.Conn) {
	defer conn.Close()
	recipient := ""
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		switch name {
		case "recipient":
			recipient = value
		case "":
			fmt.Fprintf(conn, "action=%s\n\n", p.about(recipient))
		}
	}
}

// about returns the action (access(5)) for a recipient.
func (p *policy) about(recipient string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch _, domain, _ := strings.Cut(recipient, "@"); {
	case domain == goneDomain:
		return "550 5.1.1 No such mailbox here"
	case domain == limitedDomain && !p.lifted:
		return "550 You have exceeded your hourly sending limit"
	case domain == slowDomain && !p.lifted:
		return "450 4.2.0 Greylisted, try again later"
	default:
		return "DUNNO"
	}
}

// lift ends the greylisting and the limit.
func (p *policy) lift() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lifted = true
}
