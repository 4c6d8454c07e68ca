package part

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"portal-invites/bench/internal/rig"
	"portal-invites/internal/standalone/smtpsink"
)

type sink struct {
	Addr string        `required:"" help:"The address to listen on for SMTP."`
	Each time.Duration `default:"25ms" help:"How much later everything arrives, each way, at the far address."`
}

// Run is called by kong.
func (s sink) Run(ctx context.Context, out io.Writer) error {
	box := &box{recipients: map[string]bool{}}
	server, err := smtpsink.Start(smtpsink.Config{Addr: s.Addr, Deliver: box.deliver, Logger: zerolog.Nop()})
	if err != nil {
		return err
	}
	defer server.Stop() //nolint:contextcheck // it waits for mails in transit, even after the context has ended
	far, stop, err := startDistance(ctx, server.Addr(), s.Each)
	if err != nil {
		return err
	}
	defer stop()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for control requests: %w", err)
	}
	control := &http.Server{Handler: box.handler(), ReadHeaderTimeout: time.Second}
	defer func() { _ = control.Close() }()
	go func() { _ = control.Serve(listener) }()
	ready(out, server.Addr(), listener.Addr(), far.listener.Addr())
	untilStopped(ctx)
	return nil
}

// box counts mails and keeps the last one. mu guards the other fields.
type box struct {
	mu         sync.Mutex
	mails      int
	recipients map[string]bool
	last       []byte
}

func (b *box) deliver(e smtpsink.Envelope) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mails++
	b.recipients[e.To[0]] = true
	b.last = e.Data
	return nil
}

func (b *box) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /count", func(w http.ResponseWriter, _ *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		_ = json.NewEncoder(w).Encode(rig.Mails{Mails: b.mails, Recipients: len(b.recipients)})
	})
	mux.HandleFunc("GET /last", func(w http.ResponseWriter, _ *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		_, _ = w.Write(b.last)
	})
	mux.HandleFunc("GET /reset", func(http.ResponseWriter, *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.mails, b.recipients, b.last = 0, map[string]bool{}, nil
	})
	return mux
}
