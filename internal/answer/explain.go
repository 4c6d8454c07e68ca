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

// Explained is a recipient with what would be decided about them now.
type Explained struct {
	Ask        rules.Ask
	Decision   rules.Decision
	ClientName string
}

// Question is what [Answers.Explain] is asked.
type Question struct {
	Event   events.Event   // the unpublished request
	Assumed []events.Event // facts that count as applied, made by [Answers.Assumed]
	After   store.Cursor   // of a selection or a replay: where to begin; the zero Cursor is before the first recipient
}

// Explain says what would be decided about each recipient of an unpublished request, in the order of decisions. It
// writes nothing. It ends early when visit returns false. tooOld is how many invites a replay would leave out because
// of their age; it is counted only from the zero Cursor.
//
// It decides as the stages do: the same candidates, the same [rules.Book], and each reservation counts for the
// candidates behind it. It does not wait for facts that are on the stream and not applied yet: see
// [Answers.AwaitFacts].
func (a *Answers) Explain(
	ctx context.Context, q Question, visit func(Explained) bool,
) (tooOld int, err error) {
	e, after := q.Event, q.After
	err = a.store().Read(ctx, func(tx *store.Tx) error {
		if err := assume(ctx, tx, e.Firm, q.Assumed); err != nil {
			return err
		}
		x := &explanation{
			ledger: a.Ledger, tx: tx, now: a.Ledger.Now().UTC(), after: after, visit: visit,
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
			filter := ledger.ReplayFilterOf(e.Firm, data, x.now, store.Position{})
			if after == (store.Cursor{}) {
				if tooOld, err = tx.CountTooOld(ctx, filter); err != nil {
					return err
				}
			}
			return x.walk(ctx, replay{tx: tx, filter: filter})
		case *events.Firm, *events.Client, *events.RemovedClient, *events.Contact, *events.RemovedContact, *events.Merge,
			*events.Grant,
			*events.Suppression, *events.MailReport, *events.Template, *events.RemovedTemplate, *events.Instruction,
			*events.Schedule, *events.Erasure:
			return fmt.Errorf("no explanation for %s", e.Type)
		}
		return nil
	})
	return tooOld, err
}

// NothingToReplay says why a replay of a firm selects nobody.
type NothingToReplay string

// The reasons why a replay selects nobody.
const (
	NothingUndone NothingToReplay = "nothing_undone" // no invite was skipped or failed
	AllSettled    NothingToReplay = "all_settled"    // some were, and no replay decides any of them again
	NoMatch       NothingToReplay = "no_match"       // the filter, or max_age, leaves out all that can be decided again
)

// WhyNothing says why a replay of a firm that selects nobody does so.
func (a *Answers) WhyNothing(ctx context.Context, firm string) (why NothingToReplay, err error) {
	err = a.store().Read(ctx, func(tx *store.Tx) error {
		some, replayable, err := tx.Undone(ctx, firm)
		switch {
		case !some:
			why = NothingUndone
		case !replayable:
			why = AllSettled
		default:
			why = NoMatch
		}
		return err
	})
	return why, err
}

// Unpublished makes the event of an unpublished request, for [Answers.Explain] and [Answers.Preview]. Its identity is
// new, so no stored invite is taken for one of its own.
func Unpublished(firm string, t events.Type, data events.Data, raw json.RawMessage, now time.Time) events.Event {
	return events.Event{Firm: firm, Type: t, Source: "explain", ID: uuid.NewString(), Time: now, Data: data, Raw: raw}
}
