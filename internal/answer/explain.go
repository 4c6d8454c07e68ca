package answer

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Explained is one recipient and what would become of them now.
type Explained struct {
	Ask        rules.Ask
	Decision   rules.Decision
	ClientName string
}

// Explain says what would become of each recipient of a request that nobody has published, in the order in which they would be
// decided, without writing anything. It begins behind after (of a selection or a replay; the zero Cursor is before the first).
// visit returns false when it has heard enough. tooOld is what a replay would leave out, counted from the beginning only.
//
// It asks what the stages ask, of the same facts: the same candidates, the same [rules.Book], claims entered one after the
// other. Facts that the stream holds and that no worker has applied yet are not waited for.
func (a *Answers) Explain(ctx context.Context, e events.Event, after store.Cursor, visit func(Explained) bool) (tooOld int, err error) {
	err = a.store().Read(ctx, func(tx *store.Tx) error {
		x := &explanation{
			policy: a.Ledger.Policy, tx: tx, now: a.Ledger.Now().UTC(), after: after, visit: visit,
			reserved: rules.NewBook(), recalled: map[string]bool{}, named: ledger.Duplicates{},
		}
		switch data := e.Data.(type) {
		case *events.Request:
			candidates, err := ledger.Recipients(ledger.RequestOf(e), e)
			if err != nil {
				return err
			}
			_, err = x.decide(ctx, candidates)
			return err
		case *events.BulkRequest:
			return x.walk(ctx, selection{tx: tx, request: ledger.RequestOf(e), bulk: *data})
		case *events.ReplayRequest:
			filter := ledger.ReplayFilterOf(e.Firm, data, x.now)
			if after == (store.Cursor{}) {
				if tooOld, err = tx.CountTooOld(ctx, filter); err != nil {
					return err
				}
			}
			return x.walk(ctx, replay{tx: tx, filter: filter})
		case *events.Firm, *events.Client, *events.RemovedClient, *events.Contact, *events.RemovedContact, *events.Grant,
			*events.Suppression, *events.Template:
			return fmt.Errorf("no explanation for %s", e.Type)
		}
		return nil
	})
	return tooOld, err
}

// Unpublished is an event that stands for a request nobody has published, for [Answers.Explain] and [Answers.Preview]: it has an
// identity of its own, so that nothing on record is taken for its own.
func Unpublished(firm string, t events.Type, data events.Data, raw json.RawMessage, now time.Time) events.Event {
	return events.Event{Firm: firm, Type: t, Source: "explain", ID: uuid.NewString(), Time: now, Data: data, Raw: raw}
}
