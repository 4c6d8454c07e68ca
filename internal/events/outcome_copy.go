package events

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// outcomePage is how many outcomes one reading asks for.
	outcomePage = 1000
	// clocksDiffer is how far the clocks of the broker and the database may differ.
	clocksDiffer = time.Hour
)

// ReadOutcomesFrom reads the next outcomes of all firms, from a sequence on.
func ReadOutcomesFrom(ctx context.Context, js jetstream.JetStream, from uint64) (OutcomeBatch, error) {
	return ReadOutcomes(ctx, js, OutcomeQuery{Subject: Outcomes.All(), From: from, Most: outcomePage})
}

// StoredBefore says whether the stream of outcomes has an outcome up to a sequence as well. A publisher whose process
// stood still for minutes may publish its outcome once more, when the stream no longer recognises the copy.
func StoredBefore(ctx context.Context, js jetstream.JetStream, o StoredOutcome, upTo uint64) (bool, error) {
	query := OutcomeQuery{Subject: o.Subject, Since: o.Time.Add(-clocksDiffer), Most: outcomePage}
	for {
		batch, err := ReadOutcomes(ctx, js, query)
		if err != nil {
			return false, err
		}
		for _, other := range batch.Outcomes {
			if other.ID == o.ID && other.Sequence <= upTo {
				return true, nil
			}
		}
		if !batch.More || batch.Last >= upTo {
			return false, nil
		}
		query = OutcomeQuery{Subject: o.Subject, From: batch.Last + 1, Most: outcomePage}
	}
}
