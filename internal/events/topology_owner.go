package events

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// LedgerKey is the key of a stream's metadata that has the id of its ledger: of the one database whose workers may use
// the stream (ADR 92).
const LedgerKey = "portal-invites-ledger"

// OtherLedgerError says that a stream belongs to the workers of another database. If both used it, each would get a
// share of the events.
type OtherLedgerError struct{ Stream, Theirs, Ours string }

func (e OtherLedgerError) Error() string {
	return fmt.Sprintf("stream %s belongs to ledger %s, and the database is ledger %s; with two ledgers, "+
		"each would get only a share of the events", e.Stream, e.Theirs, e.Ours)
}

// Ours returns an [OtherLedgerError] if one of the streams belongs to another ledger. Writing the id into a stream is
// no compare-and-set: of two workers that do so at the same moment, one wins. So workers look again from time to time.
func (t Topology) Ours(ctx context.Context, js jetstream.JetStream) error {
	owners, err := Owners(ctx, js)
	if err != nil || t.Ledger == "" {
		return err
	}
	for _, stream := range slices.Sorted(maps.Keys(owners)) {
		if owner := owners[stream]; owner != "" && owner != t.Ledger {
			return OtherLedgerError{stream, owner, t.Ledger}
		}
	}
	return nil
}

// Owners returns the ledger of each stream that exists: an empty id if the stream has none yet.
func Owners(ctx context.Context, js jetstream.JetStream) (map[string]string, error) {
	owners := map[string]string{}
	for _, want := range (Topology{}).streams() {
		stream, err := js.Stream(ctx, want.Name)
		switch {
		case err == nil:
			owners[want.Name] = stream.CachedInfo().Config.Metadata[LedgerKey]
		case !errors.Is(err, jetstream.ErrStreamNotFound):
			return nil, fmt.Errorf("look up stream %s: %w", want.Name, err)
		}
	}
	return owners, nil
}

// Adopt writes the id of the ledger into every stream that exists, also over another id, and reads it back. It changes
// nothing else. It returns the ids from before.
func (t Topology) Adopt(ctx context.Context, js jetstream.JetStream) (before map[string]string, err error) {
	if before, err = Owners(ctx, js); err != nil {
		return nil, err
	}
	for name := range before {
		stream, err := js.Stream(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("look up stream %s: %w", name, err)
		}
		if _, err := js.UpdateStream(ctx, t.owned(stream.CachedInfo().Config)); err != nil {
			return nil, fmt.Errorf("write the ledger's id into stream %s: %w", name, err)
		}
	}
	return before, t.Ours(ctx, js)
}

// owned returns a stream's configuration with the id of the ledger.
func (t Topology) owned(stream jetstream.StreamConfig) jetstream.StreamConfig {
	if t.Ledger == "" {
		return stream
	}
	metadata := maps.Clone(stream.Metadata)
	if metadata == nil {
		metadata = map[string]string{}
	}
	metadata[LedgerKey] = t.Ledger
	stream.Metadata = metadata
	return stream
}
