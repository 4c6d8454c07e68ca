package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// Sink is an SMTP server in a separate process. It counts mails and keeps the last one.
type Sink struct {
	*Process
	SMTP    string // host:port
	far     string // host:port: the same server, 25 ms away
	isFar   bool
	control string // URL
	rig     *Rig
}

// Mails counts the mails that a sink has received since its last reset.
type Mails struct {
	Mails      int // accepted
	Recipients int // different recipients
}

func (r *Rig) startSink(ctx context.Context, addr string) (*Sink, error) {
	p, addresses, err := r.Part(ctx, nil, "sink", "--addr", addr)
	if err != nil {
		return nil, err
	}
	all := strings.Fields(addresses)
	if len(all) != 3 {
		return nil, fmt.Errorf("the sink says %q, want three addresses", addresses)
	}
	return &Sink{Process: p, SMTP: all[0], control: "http://" + all[1], far: all[2], rig: r}, nil
}

// HostPort returns the address to which contenders send.
func (s *Sink) HostPort() (host, port string) {
	address := s.SMTP
	if s.isFar {
		address = s.far
	}
	host, port, _ = net.SplitHostPort(address)
	return host, port
}

// FarAway lets contenders send from afar: everything takes 25 ms each way. They get another number of connections. The
// returned function takes it back.
func (r *Rig) FarAway(connections int) (back func()) {
	before := r.Connections
	r.Connections, r.Sink.isFar = connections, true
	return func() { r.Connections, r.Sink.isFar = before, false }
}

// Away kills the sink. The returned function starts a new one at the same address.
func (s *Sink) Away() (back func(context.Context) error) {
	s.Kill()
	return func(ctx context.Context) error {
		next, err := s.rig.startSink(ctx, s.SMTP)
		if err != nil {
			return err
		}
		*s = *next
		return nil
	}
}

// Reset sets the counts to zero.
func (s *Sink) Reset(ctx context.Context) error {
	_, err := s.ask(ctx, "/reset")
	return err
}

// Count returns the counts since the last reset.
func (s *Sink) Count(ctx context.Context) (Mails, error) {
	var m Mails
	body, err := s.ask(ctx, "/count")
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	return m, err
}

// Last returns the last mail that arrived, header and body.
func (s *Sink) Last(ctx context.Context) ([]byte, error) { return s.ask(ctx, "/last") }

func (s *Sink) ask(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.control+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask the sink: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the sink: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("ask the sink: %w", err)
	}
	return body, nil
}
