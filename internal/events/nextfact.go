package events

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// orderedFacts are the types of facts that requests wait for. Reports about mails are the only others.
var orderedFacts = typesThat(func(r row) bool { return r.prefix == Facts && r.typ != MailReported })

// ReportsTurn is how long a request or a question waits for its firm's reports about mails (ADR 117).
const ReportsTurn = 500 * time.Millisecond

// subject is the subject of a firm's facts of this type.
func (t Type) subject(firm string) string {
	return "portal." + string(Facts) + "." + firm + "." + string(t)
}

// nextFact returns a firm's first fact between two sequences, or nil. It returns a report about a mail only if the firm
// has no other fact there: there may be thousands of reports before the first other fact.
func nextFact(
	ctx context.Context, stream jetstream.Stream, firm string, after, before uint64,
) (next *jetstream.RawStreamMsg, isReport bool, err error) {
	next, err = nextMessage(ctx, stream, Facts.Of(firm), after)
	if err != nil || next == nil || next.Sequence >= before {
		return nil, false, err
	}
	if !strings.HasSuffix(next.Subject, "."+string(MailReported)) {
		return next, false, nil
	}
	others := make([]*jetstream.RawStreamMsg, len(orderedFacts))
	asking, askingCtx := errgroup.WithContext(ctx)
	for i, t := range orderedFacts {
		asking.Go(func() (err error) {
			others[i], err = nextMessage(askingCtx, stream, t.subject(firm), after)
			return err
		})
	}
	if err := asking.Wait(); err != nil {
		return nil, false, err
	}
	if i := firstOf(others, before); i >= 0 {
		return others[i], false, nil
	}
	return next, true, nil
}

// firstOf returns the place of the message that the stream has first, of those before a sequence; -1 for none.
func firstOf(msgs []*jetstream.RawStreamMsg, before uint64) int {
	place := -1
	for i, msg := range msgs {
		if msg != nil && msg.Sequence < before {
			place, before = i, msg.Sequence
		}
	}
	return place
}
