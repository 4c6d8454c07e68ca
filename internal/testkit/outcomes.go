package testkit

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
)

// Outcome is any outcome event, as a dashboard reads it.
type Outcome struct {
	Type      events.Type `json:"-"`
	Subject   string      `json:"-"`
	EventID   string      `json:"-"`
	Stored    time.Time   `json:"-"` // when it came onto the stream
	Sequence  uint64      `json:"-"` // on the stream
	Raw       string      `json:"-"`
	InviteID  string      `json:"invite_id"`
	Revision  int         `json:"revision"`
	ClientID  string      `json:"client_id"`
	Lane      string      `json:"lane"`
	Reason    string      `json:"reason"`
	Reasons   []Reason    `json:"reasons"`
	Recipient struct {
		ContactID   string `json:"contact_id"`
		EmailMasked string `json:"email_masked"`
	} `json:"recipient"`
	Cause        struct{ Source, ID, Type string } `json:"cause"`
	RunID        string                            `json:"run_id"`
	ReplayID     string                            `json:"replay_id"`
	Kind         string                            `json:"kind"`
	MessageID    string                            `json:"message_id"`
	Attempt      int                               `json:"attempt"`
	Stage        string                            `json:"stage"`
	SMTPCode     int                               `json:"smtp_code"`
	EnhancedCode string                            `json:"enhanced_code"`
	Explanation  string                            `json:"explanation"`
	Remedy       string                            `json:"remedy"`
	Was          string                            `json:"was"`
	Why          string                            `json:"why"`
	AcceptedAt   time.Time                         `json:"accepted_at"`

	AccessVersion int `json:"access_version"`

	Selected int `json:"selected"`
	Sent     int `json:"sent"`
	Skipped  int `json:"skipped"`
	Failed   int `json:"failed"`
	Pending  int `json:"pending"`
	// Of outcomes of runs that were told something.
	Cancelled   bool           `json:"cancelled"`
	NotReached  int            `json:"not_reached"`
	InFlight    int            `json:"in_flight"`
	RequestedBy string         `json:"requested_by"`
	StartAt     time.Time      `json:"start_at"`
	ByReason    map[string]int `json:"by_reason"`
	Warnings    []struct{ About, Explanation string }
}

// Reason is one rule that failed, as a dashboard reads it.
type Reason struct {
	Code, Explanation, Remedy string
	InviteID                  string `json:"invite_id"`
	Conflict                  *struct {
		ContactID string `json:"contact_id"`
		ClientID  string `json:"client_id"`
	}
}

func (s *Scene) read(msg jetstream.Msg) Outcome {
	o := Outcome{Subject: msg.Subject(), Raw: string(msg.Data())}
	if err := json.Unmarshal(msg.Data(), &o); err != nil {
		s.TB.Errorf("outcome on %s: %v", msg.Subject(), err)
	}
	ceType := msg.Headers()["ce-type"][0]
	o.Type = events.Type(strings.TrimSuffix(strings.TrimPrefix(ceType, "portal."), ".v1"))
	o.EventID = msg.Headers()["ce-id"][0]
	meta, err := msg.Metadata()
	s.Must(err)
	o.Stored, o.Sequence = meta.Timestamp, meta.Sequence.Stream
	return o
}

// Outcomes subscribes to all outcomes, from the first one on, as a dashboard does.
func (s *Scene) Outcomes() <-chan Outcome {
	s.TB.Helper()
	consumer, err := s.JS.OrderedConsumer(s.Ctx, events.OutcomesStream, jetstream.OrderedConsumerConfig{})
	s.Must(err)
	out := make(chan Outcome, 100_000)
	consuming, err := consumer.Consume(func(msg jetstream.Msg) { out <- s.read(msg) })
	s.Must(err)
	s.TB.Cleanup(func() {
		consuming.Stop()
		<-consuming.Closed()
	})
	return out
}

// Await collects outcomes until n of the wanted types have come.
func (s *Scene) Await(out <-chan Outcome, n int, types ...events.Type) []Outcome {
	s.TB.Helper()
	var got []Outcome
	for len(got) < n {
		select {
		case o := <-out:
			if slices.Contains(types, o.Type) {
				got = append(got, o)
			}
		case <-s.Ctx.Done():
			s.TB.Fatalf("waited for %d of %v, got %d", n, types, len(got))
		}
	}
	return got
}

// Published reads all outcomes that are on the stream now, or only those of some types.
func (s *Scene) Published(types ...events.Type) []Outcome {
	s.TB.Helper()
	consumer, err := s.JS.OrderedConsumer(s.Ctx, events.OutcomesStream, jetstream.OrderedConsumerConfig{})
	s.Must(err)
	messages, err := consumer.Messages() // it fetches ahead, because there may be many
	s.Must(err)
	defer messages.Stop()
	var got []Outcome
	for left := s.StreamSize(events.OutcomesStream); left > 0; left-- {
		msg, err := messages.Next(jetstream.NextContext(s.Ctx))
		s.Must(err)
		if o := s.read(msg); len(types) == 0 || slices.Contains(types, o.Type) {
			got = append(got, o)
		}
	}
	return got
}

// Newest returns the newest outcome of each recipient, by "client/contact" or "client/masked email".
func (s *Scene) Newest() map[string]Outcome {
	s.TB.Helper()
	newest := map[string]Outcome{}
	for _, o := range s.Published(events.InviteSent, events.InviteSkipped, events.InviteFailed) {
		recipient := o.Recipient.ContactID
		if recipient == "" {
			recipient = o.Recipient.EmailMasked
		}
		newest[o.ClientID+"/"+recipient] = o
	}
	return newest
}

// StreamSize returns how many messages a stream has.
func (s *Scene) StreamSize(stream string) uint64 {
	s.TB.Helper()
	opened, err := s.JS.Stream(s.Ctx, stream)
	s.Must(err)
	return opened.CachedInfo().State.Msgs
}
