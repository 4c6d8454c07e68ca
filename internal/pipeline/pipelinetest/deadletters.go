package pipelinetest

import (
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
)

// DeadLetters returns the reasons on the stream of dead letters, by the original's subject.
func (r *Rig) DeadLetters() map[string]string {
	r.TB.Helper()
	consumer, err := r.JS.OrderedConsumer(r.Ctx, events.DeadLettersStream, jetstream.OrderedConsumerConfig{})
	r.Must(err)
	reasons := map[string]string{}
	for n := range r.StreamSize(events.DeadLettersStream) {
		msg, err := consumer.Next(jetstream.FetchContext(r.Ctx))
		r.Must(err)
		from := msg.Headers()[events.DeadSubject][0]
		if _, twice := reasons[from]; twice {
			from += fmt.Sprintf(" #%d", n)
		}
		reasons[from] = msg.Headers()[events.DeadReason][0]
	}
	return reasons
}
