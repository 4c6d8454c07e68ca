package pipeline

import (
	"encoding/json"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
)

// reason is one rule that failed, as a dashboard reads it.
type reason struct {
	Code, Explanation, Remedy string
	Conflict                  *struct {
		ContactID string `json:"contact_id"`
		ClientID  string `json:"client_id"`
	}
}

// outcome is any outcome event, as a dashboard reads it.
type outcome struct {
	Type      events.Type `json:"-"`
	Subject   string      `json:"-"`
	EventID   string      `json:"-"`
	Raw       string      `json:"-"`
	InviteID  string      `json:"invite_id"`
	Revision  int         `json:"revision"`
	ClientID  string      `json:"client_id"`
	Lane      string      `json:"lane"`
	Reason    string      `json:"reason"`
	Reasons   []reason    `json:"reasons"`
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
	Selected     int                               `json:"selected"`
	Sent         int                               `json:"sent"`
	Skipped      int                               `json:"skipped"`
	Failed       int                               `json:"failed"`
	Pending      int                               `json:"pending"`
	ByReason     map[string]int                    `json:"by_reason"`
}

func (r *rig) read(msg jetstream.Msg) outcome {
	o := outcome{Subject: msg.Subject(), Raw: string(msg.Data())}
	if err := json.Unmarshal(msg.Data(), &o); err != nil {
		r.t.Errorf("outcome on %s: %v", msg.Subject(), err)
	}
	ceType := msg.Headers()["ce-type"][0]
	o.Type = events.Type(ceType[len("portal.") : len(ceType)-len(".v1")])
	o.EventID = msg.Headers()["ce-id"][0]
	return o
}

// outcomes subscribes to what comes out, from the beginning, as a dashboard does.
func (r *rig) outcomes() <-chan outcome {
	r.t.Helper()
	consumer, err := r.js.OrderedConsumer(r.ctx, events.OutcomesStream, jetstream.OrderedConsumerConfig{})
	r.must(err)
	out := make(chan outcome, 100_000)
	consuming, err := consumer.Consume(func(msg jetstream.Msg) { out <- r.read(msg) })
	r.must(err)
	r.t.Cleanup(func() {
		consuming.Stop()
		<-consuming.Closed()
	})
	return out
}

// await collects outcomes until n of the wanted types have come.
func (r *rig) await(out <-chan outcome, n int, types ...events.Type) []outcome {
	r.t.Helper()
	var got []outcome
	for len(got) < n {
		select {
		case o := <-out:
			for _, t := range types {
				if o.Type == t {
					got = append(got, o)
				}
			}
		case <-r.ctx.Done():
			r.t.Fatalf("waited for %d of %v, got %d", n, types, len(got))
		}
	}
	return got
}

// told reads everything that stands on the outcome stream now; only these types, where any are given.
func (r *rig) told(types ...events.Type) []outcome {
	r.t.Helper()
	consumer, err := r.js.OrderedConsumer(r.ctx, events.OutcomesStream, jetstream.OrderedConsumerConfig{})
	r.must(err)
	messages, err := consumer.Messages() // asks ahead: there may be many
	r.must(err)
	defer messages.Stop()
	var got []outcome
	for left := r.streamSize(events.OutcomesStream); left > 0; left-- {
		msg, err := messages.Next(jetstream.NextContext(r.ctx))
		r.must(err)
		o := r.read(msg)
		wanted := len(types) == 0
		for _, t := range types {
			wanted = wanted || o.Type == t
		}
		if wanted {
			got = append(got, o)
		}
	}
	return got
}

// standing is the newest outcome of each recipient, by "client/contact" or "client/masked email".
func (r *rig) standing() map[string]outcome {
	r.t.Helper()
	newest := map[string]outcome{}
	for _, o := range r.told(events.InviteSent, events.InviteSkipped, events.InviteFailed) {
		who := o.Recipient.ContactID
		if who == "" {
			who = o.Recipient.EmailMasked
		}
		newest[o.ClientID+"/"+who] = o
	}
	return newest
}

func (r *rig) streamSize(stream string) uint64 {
	r.t.Helper()
	s, err := r.js.Stream(r.ctx, stream)
	r.must(err)
	info, err := s.Info(r.ctx)
	r.must(err)
	return info.State.Msgs
}
