package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"portal-invites/internal/pipeline"
)

// check returns why a process is not ready, or nil.
type check func(context.Context) error

// health serves /livez, /readyz and /metrics.
type health struct {
	server *http.Server // nil if HTTP_ADDR is empty
	pulse  *pipeline.Pulse
	checks map[string]check
	note   func() string // lines for whoever asks, if the process is ready; may be empty
	ready  atomic.Bool   // set by started, read by each request
}

func serveHealth(ctx context.Context, addr string, metrics *metrics, log zerolog.Logger,
	pulse *pipeline.Pulse, checks map[string]check) (*health, error) {
	h := &health{pulse: pulse, checks: checks, note: metrics.notes}
	if addr == "" {
		return h, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, Usagef("HTTP_ADDR: can't listen on %s (example: 127.0.0.1:8080, or empty for nowhere): %w", addr, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", h.livez)
	mux.HandleFunc("GET /readyz", h.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics.registry, promhttp.HandlerOpts{}))
	h.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := h.server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			log.Error().Err(err).Msg("stopped serving health and metrics")
		}
	}()
	log.Info().Str("addr", listener.Addr().String()).Msg("serving /livez, /readyz and /metrics")
	return h, nil
}

func (h *health) started() { h.ready.Store(true) }

func (h *health) stop() {
	if h.server != nil {
		_ = h.server.Close()
	}
}

// standsFor is how long a stage may be within one batch. Every statement and every question to the broker ends earlier
// by itself, so no outage of either takes that long.
const standsFor = 2 * time.Minute

// livez answers 200 unless a stage stands still. Then only a restart helps, and the other workers do its work.
func (h *health) livez(w http.ResponseWriter, _ *http.Request) {
	if stage, lasts := h.pulse.Oldest(); lasts > standsFor {
		http.Error(w, fmt.Sprintf("%s has stood still for %s: restart this process", stage, lasts.Round(time.Second)),
			http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "alive")
}

// readyz answers 200 if the process has started and can reach the database and the broker. Otherwise it answers 503
// with the reasons. It does not ask the mail server (ADR 42).
func (h *health) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	var problems []string
	if !h.ready.Load() {
		problems = append(problems, "starting: the database and the streams are not prepared yet")
	}
	for name, check := range h.checks {
		if err := check(ctx); err != nil {
			problems = append(problems, name+": "+shown(err))
		}
	}
	if len(problems) > 0 {
		slices.Sort(problems)
		http.Error(w, strings.Join(problems, "\n"), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
	if note := h.note(); note != "" {
		fmt.Fprintln(w, note)
	}
}

// shownError is an error that /readyz shows.
type shownError struct{ text string }

func (e shownError) Error() string { return e.text }

// shown is what /readyz says about an error. Other errors may name hosts and users; they are in the log.
func shown(err error) string {
	if e, ok := errors.AsType[shownError](err); ok {
		return e.Error()
	}
	return "away"
}

// askReady asks the process that serves an address on this machine whether it is ready.
func askReady(ctx context.Context, addr string) error {
	return askHealth(ctx, "HTTP_ADDR", addr, "/readyz")
}

// askHealth asks a process on this machine for a page of its health. setting is the variable with the address.
func askHealth(ctx context.Context, setting, addr, page string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return Usagef("%s: must be host:port (example: 127.0.0.1:8080)", setting)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+page, nil)
	if err != nil {
		return fmt.Errorf("ask for readiness: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask for readiness: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", response.Status)
	}
	return nil
}
