package events

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// contactReaders is how many parts of the stream are read at the same time. A reader asks for one message after the
// other, because no other way is open to a worker (docs/security.md).
const contactReaders = 16

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
	last := stream.CachedInfo().State.LastSeq
	share := (last-min(after, last))/contactReaders + 1
	parts := make([][]*Contact, contactReaders)
	reading, readingCtx := errgroup.WithContext(ctx)
	for n := range parts {
		from := after + uint64(n)*share
		reading.Go(func() (err error) {
			parts[n], err = contactsBetween(readingCtx, stream, subject, from, min(from+share, last))
			return err
		})
	}
	err = reading.Wait()
	return slices.Concat(parts...), err
}

// contactsBetween reads the contacts after one sequence and up to another.
func contactsBetween(
	ctx context.Context, stream jetstream.Stream, subject string, after, upTo uint64,
) (contacts []*Contact, err error) {
	for after < upTo {
		next, err := nextMessage(ctx, stream, subject, after)
		if err != nil || next == nil || next.Sequence > upTo {
			return contacts, err
		}
		after = next.Sequence
		fact, err := Decode(next.Subject, next.Header, next.Data)
		if contact, isOne := fact.Data.(*Contact); isOne && err == nil {
			contacts = append(contacts, contact)
		}
	}
	return contacts, nil
}
