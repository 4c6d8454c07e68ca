package answer

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// Requeue publishes the original of a dead letter again. It is the same event, with the same CloudEvents identity, so
// nothing happens twice.
func (a *Answers) Requeue(ctx context.Context, letter store.DeadLetter) error {
	msg := events.Requeued(letter.Subject, toHeader(letter.Headers), letter.Body)
	if _, err := a.JS.PublishMsg(ctx, msg); err != nil {
		return fmt.Errorf("publish dead letter %s again: %w", letter.ID, err)
	}
	return nil
}

func toHeader(kept map[string][][]byte) nats.Header {
	header := make(nats.Header, len(kept))
	for name, values := range kept {
		for _, value := range values {
			header[name] = append(header[name], string(value))
		}
	}
	return header
}
