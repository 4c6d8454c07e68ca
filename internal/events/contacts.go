package events

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// ContactsOf reads the facts about a firm's contacts after a sequence, in the stream's order. It leaves out those that
// can't be read.
func ContactsOf(ctx context.Context, js jetstream.JetStream, firm string, after uint64) ([]*Contact, error) {
	stream, err := js.Stream(ctx, EventsStream)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", EventsStream, err)
	}
	subject, err := Subject(firm, ContactUpserted)
	if err != nil {
		return nil, err
	}
	var contacts []*Contact
	for {
		next, err := nextMessage(ctx, stream, subject, after)
		if err != nil || next == nil {
			return contacts, err
		}
		after = next.Sequence
		fact, err := Decode(next.Subject, next.Header, next.Data)
		if contact, isOne := fact.Data.(*Contact); isOne && err == nil {
			contacts = append(contacts, contact)
		}
	}
}
