package postfixtest

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// policy is what Postfix asks about each recipient, as it would ask a greylisting program (SMTPD_POLICY_README): it defers
// one domain until the test says otherwise, and rejects another.
type policy struct {
	listener net.Listener
	open     sync.WaitGroup // connections, one for each process of Postfix that asks

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
		p.open.Wait() // Postfix, stopped before, has hung up
	})
	return p
}

// answer reads requests, which are lines of name=value up to an empty one.
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

// about is an action of access(5).
func (p *policy) about(recipient string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch _, domain, _ := strings.Cut(recipient, "@"); {
	case domain == goneDomain:
		return "550 5.1.1 No such mailbox here"
	case domain == slowDomain && !p.lifted:
		return "450 4.2.0 Greylisted, try again later"
	default:
		return "DUNNO"
	}
}

// lift ends the greylisting.
func (p *policy) lift() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lifted = true
}
