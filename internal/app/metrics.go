package app

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// metrics counts what the pipeline does, for /metrics. No label contains a firm, a person or an id, so the number of
// series does not grow with the data. The label sender has the senders that SMTP_SENDERS names.
type metrics struct {
	registry  *prometheus.Registry
	handled   *prometheus.CounterVec
	batches   *prometheus.HistogramVec
	buried    *prometheus.CounterVec
	decided   *prometheus.CounterVec
	reports   *prometheus.CounterVec
	leftOut   *prometheus.CounterVec
	attempts  *prometheus.HistogramVec
	announced *prometheus.CounterVec
	pruned    *prometheus.CounterVec
	waiting   *prometheus.GaugeVec
	clock     *prometheus.GaugeVec
	queued    *prometheus.GaugeVec
	oldest    *prometheus.GaugeVec
	calls     *prometheus.HistogramVec
	epochs    *prometheus.GaugeVec
	ahead     *prometheus.GaugeVec
	stalled   *prometheus.GaugeVec
	wentBack  *prometheus.GaugeVec
	missed    *prometheus.GaugeVec
	oldestAge *prometheus.GaugeVec
	sent      *prometheus.CounterVec
	ofSender  *prometheus.GaugeVec
	oldestOf  *prometheus.GaugeVec
	unknown   *prometheus.GaugeVec
	paused    *prometheus.GaugeVec

	senders     senderNotes
	gaps        missedNotes
	standstills standstills

	past   atomic.Pointer[error]                // why nothing is decided or sent, or nil; read like stream
	stream atomic.Pointer[pipeline.StreamState] // nil before the first comparison; read by each request for readiness
}

func newMetrics() *metrics {
	registry := prometheus.NewRegistry()
	registered := promauto.With(registry)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return registered.NewCounterVec(prometheus.CounterOpts{Namespace: "portal_invites", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return registered.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "portal_invites", Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return registered.NewGaugeVec(prometheus.GaugeOpts{Namespace: "portal_invites", Name: name, Help: help}, labels)
	}
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &metrics{
		registry: registry,
		handled:  counter("messages_handled_total", "Messages that a durable has handled.", "durable"),
		batches:  histogram("batch_seconds", "From a batch's arrival to its acknowledgement.", "durable"),
		buried:   counter("dead_letters_total", "Messages that went to the dead letters.", "durable"),
		decided:  counter("decisions_total", "Recipients decided; reason is empty for a queued invite.", "lane", "reason"),
		leftOut: counter("fact_fields_left_out_total", "Fields of facts that could not be used and were left out.",
			"type", "field"),
		reports:   counter("mail_reports_total", "Reports about mails, and what became of them.", "kind", "fate"),
		attempts:  histogram("send_seconds", "One attempt to hand a mail over, by its verdict.", "lane", "verdict"),
		announced: counter("outcomes_published_total", "Outcome events on the stream.", "type"),
		pruned:    counter("pruned_total", "Rows deleted because of their age, and open dead letters.", "kind"),
		waiting:   gauge("stage_waiting", "1 while a stage waits for the database, the broker or the mail server.", "stage"),
		clock:     gauge("clock_ahead_seconds", "How far this machine's clock is ahead of the database's."),
		queued:    gauge("queue_invites", "Invites in the queue of a lane, counted every 15 seconds.", "lane"),
		oldest:    gauge("queue_oldest_seconds", "How long the oldest due invite of a lane has been due, or 0.", "lane"),
		calls:     histogram("call_seconds", "One call of a service; code is its error's, or 0.", "endpoint", "code"),
		epochs:    gauge("stream_epochs", "1, and one more for each time the stream of events went back."),
		stalled:   gauge("durable_standing_seconds", "For how long a durable has stood still, or 0.", "durable"),
		sent:      counter("sender_attempts_total", "Attempts by a sender of SMTP_SENDERS.", "lane", "sender", "verdict"),
		ofSender:  gauge("sender_queue_invites", "Invites that wait for a sender of SMTP_SENDERS.", "lane", "sender"),
		oldestOf:  gauge("sender_queue_oldest_seconds", "How long the oldest of them has been due, or 0.", "lane", "sender"),
		unknown:   gauge("sender_unknown_invites", "Invites that wait for a sender that is not configured.", "lane"),
		paused:    gauge("paused_firms", "Firms whose mails wait because they are paused."),
		wentBack:  gauge("database_went_back", "1 while the database lacks outcomes of the stream; nothing is sent."),
		missed: gauge("events_missed", "How many events passed out of the stream before the durable handled them, until "+
			"that is acknowledged.", "durable"),
		oldestAge: gauge("oldest_event_share", "How old the durable's oldest event is that is not handled, as a share of "+
			"EVENTS_KEEP.", "durable"),
		ahead: gauge("durable_ahead", "1 while a durable is ahead of the stream of events, and gets nothing.", "durable"),
	}
}

func (m *metrics) Handled(durable string, n int, took time.Duration) {
	m.handled.WithLabelValues(durable).Add(float64(n))
	m.batches.WithLabelValues(durable).Observe(took.Seconds())
}

func (m *metrics) Buried(durable string) { m.buried.WithLabelValues(durable).Inc() }

// LeftOut counts a field of a fact that could not be used.
func (m *metrics) LeftOut(t events.Type, field string) {
	m.leftOut.WithLabelValues(string(t), field).Inc()
}

func (m *metrics) StreamCompared(state pipeline.StreamState) {
	m.stream.Store(&state)
	m.epochs.WithLabelValues().Set(float64(state.Epochs))
	m.ahead.Reset()
	for durable := range state.Ahead {
		m.ahead.WithLabelValues(durable).Set(1)
	}
}

// streamReady is a readiness check. It returns an error if a durable is ahead of the stream.
func (m *metrics) streamReady(context.Context) error {
	if state := m.stream.Load(); state != nil && len(state.Ahead) > 0 {
		return shownError{state.String()}
	}
	return nil
}

// OutcomesCompared is what a worker reports about the database.
func (m *metrics) OutcomesCompared(wentBack error) {
	if wentBack == nil {
		m.past.Store(nil)
		m.wentBack.WithLabelValues().Set(0)
		return
	}
	m.past.Store(&wentBack)
	m.wentBack.WithLabelValues().Set(1)
}

// databaseKnows is a readiness check. It returns an error if the database went back.
func (m *metrics) databaseKnows(context.Context) error {
	if wentBack := m.past.Load(); wentBack != nil {
		return shownError{(*wentBack).Error()}
	}
	return nil
}

// tellFor is how long readiness mentions that the stream went back.
const tellFor = 24 * time.Hour

// streamNote says that the stream went back, or nothing.
func (m *metrics) streamNote() string {
	state := m.stream.Load()
	if state == nil || state.WentBack.IsZero() || time.Since(state.WentBack) > tellFor {
		return ""
	}
	return fmt.Sprintf("note: the stream of events went back at %s; publish again what it has lost",
		state.WentBack.UTC().Format("2006-01-02 15:04 UTC"))
}

func (m *metrics) Decided(lane store.Lane, reason rules.Code) {
	m.decided.WithLabelValues(string(lane), string(reason)).Inc()
}

func (m *metrics) Reported(kind events.ReportKind, fate pipeline.ReportFate) {
	m.reports.WithLabelValues(string(kind), string(fate)).Inc()
}

func (m *metrics) Attempted(lane store.Lane, sender string, verdict mail.Verdict, took time.Duration) {
	m.attempts.WithLabelValues(string(lane), string(verdict)).Observe(took.Seconds())
	if sender != "" {
		m.sent.WithLabelValues(string(lane), sender, string(verdict)).Inc()
	}
}

func (m *metrics) Called(endpoint string, code int, took time.Duration) {
	m.calls.WithLabelValues(endpoint, strconv.Itoa(code)).Observe(took.Seconds())
}

func (m *metrics) Announced(t events.Type, n int) {
	m.announced.WithLabelValues(string(t)).Add(float64(n))
}

// Paused is what a worker reports about paused firms.
func (m *metrics) Paused(firms int) { m.paused.WithLabelValues().Set(float64(firms)) }

func (m *metrics) Pruned(what string, n int) { m.pruned.WithLabelValues(what).Add(float64(n)) }

func (m *metrics) ClockAhead(ahead time.Duration) { m.clock.WithLabelValues().Set(ahead.Seconds()) }

func (m *metrics) Waiting(stage string, waiting bool) {
	value := 0.0
	if waiting {
		value = 1
	}
	m.waiting.WithLabelValues(stage).Set(value)
	m.senders.waiting(stage, waiting)
}
