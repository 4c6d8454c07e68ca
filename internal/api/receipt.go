package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/address"
	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/wording"
)

// ReceiptRequest asks what became of an event.
type ReceiptRequest struct {
	Source   string `json:"source"`             // its ce-source
	ID       string `json:"id"`                 // its ce-id
	Sequence uint64 `json:"sequence,omitempty"` // in PORTAL_EVENTS, as the acknowledgement has it
	// Wait is how long to wait until the event is done, as in 5s; at most LongestPoll. Left out: do not wait.
	Wait   string `json:"wait,omitempty"`
	Locale string `json:"locale,omitempty"` // the language of the words, as a tag; English if left out
}

// ReceiptState is what became of an event.
type ReceiptState string

// The states of an event.
const (
	EventUnknown    ReceiptState = "unknown"     // nobody has seen it, or it is a fact that has no sequence here
	EventStored     ReceiptState = "stored"      // the stream has it, and no worker has handled it yet
	EventWaits      ReceiptState = "waits"       // a request that waits for earlier facts of its firm
	EventDeadLetter ReceiptState = "dead_letter" // it could not be handled
	EventDecided    ReceiptState = "decided"     // a request whose recipients are sent, skipped, failed or pending
	EventApplied    ReceiptState = "applied"     // a fact
	EventOlder      ReceiptState = "older"       // a fact about something of which a newer one is known
)

// ReceiptAnswer is what became of an event.
type ReceiptAnswer struct {
	State ReceiptState `json:"state"`
	Done  bool         `json:"done"` // nothing more follows by itself: everybody has an outcome
	Type  events.Type  `json:"type,omitempty"`

	Time       time.Time      `json:"time,omitzero"`      // of a decided request: its ce-time
	Sequence   uint64         `json:"sequence,omitempty"` // in PORTAL_EVENTS, if it was found there
	StoredAt   time.Time      `json:"stored_at,omitzero"`
	WaitsFor   *WaitsFor      `json:"waits_for,omitempty"` // the first fact that is missing
	Letter     *ReceiptLetter `json:"letter,omitempty"`
	Recipients []RunRecipient `json:"recipients,omitempty"` // of a request that names them, in its order
	Run        *ReceiptRun    `json:"run,omitempty"`        // of a bulk request or a replay
}

// WaitsFor is a fact that is not applied yet.
type WaitsFor struct {
	Type     events.Type `json:"type"`
	Sequence uint64      `json:"sequence"`
	StoredAt time.Time   `json:"stored_at"`
}

// ReceiptLetter is the dead letter of an event.
type ReceiptLetter struct {
	ID     uuid.UUID   `json:"id"`
	Reason string      `json:"reason"`
	At     time.Time   `json:"at"`
	State  LetterState `json:"state"` // open or discarded
}

// ReceiptRun has the sums of a run.
type ReceiptRun struct {
	RunID    uuid.UUID `json:"run_id"`
	State    RunState  `json:"state"`
	Selected int       `json:"selected"`
	Sent     int       `json:"sent"`
	Skipped  int       `json:"skipped"`
	Failed   int       `json:"failed"`
	Pending  int       `json:"pending"`
}

func (s *server) receipt(ctx context.Context, c *call) (any, error) {
	r, err := decode[ReceiptRequest](c.body)
	if err != nil {
		return nil, err
	}
	wait, err := r.check()
	if err != nil {
		return nil, err
	}
	catalog, err := s.catalogOf(ctx, c.firm, r.Locale)
	if err != nil {
		return nil, err
	}
	answer, err := s.receiptOf(ctx, c.firm, r, catalog)
	if err != nil || wait == 0 || answer.Done {
		return answer, err
	}
	return nil, &later{
		until: c.waitUntil(wait),
		watch: func() (<-chan struct{}, func(), error) {
			return s.news.watch(c.firm, events.OutcomeSubjects(c.firm, nil, nil))
		},
		look: func(ctx context.Context) (any, bool, error) {
			answer, err := s.receiptOf(ctx, c.firm, r, catalog)
			return answer, answer.Done, err
		},
	}
}

func (r ReceiptRequest) check() (wait time.Duration, err error) {
	switch {
	case r.Source == "":
		return 0, invalid("source: missing: it is the ce-source of the event")
	case r.ID == "":
		return 0, invalid("id: missing: it is the ce-id of the event")
	}
	return pollOf(r.Wait)
}

// receiptOf looks once.
func (s *server) receiptOf(
	ctx context.Context, firm string, r ReceiptRequest, catalog *wording.Catalog,
) (ReceiptAnswer, error) {
	found, err := s.Answers.ReceiptOf(ctx, firm, r.Source, r.ID, r.Sequence)
	if err != nil {
		return ReceiptAnswer{}, err
	}
	a := ReceiptAnswer{
		State: ReceiptState(found.State), Type: found.Type, Time: utc(found.Time), Sequence: found.Sequence,
	}
	if found.Stored != nil {
		a.Sequence, a.StoredAt = found.Stored.Sequence, utc(found.Stored.At)
	}
	if found.WaitsFor != nil {
		a.WaitsFor = &WaitsFor{found.WaitsFor.Type, found.WaitsFor.Sequence, utc(found.WaitsFor.At)}
	}
	if l := found.Letter; l != nil {
		if found.State == answer.EventDeadLetter {
			a.Sequence = l.At.Sequence
		}
		a.Letter = &ReceiptLetter{ID: l.ID, Reason: l.Reason, At: utc(l.BuriedAt), State: LetterState(l.State)}
	}
	switch found.State {
	case answer.EventDecided:
		err = s.addDecided(ctx, firm, found, catalog, &a)
	case answer.EventDeadLetter, answer.EventApplied, answer.EventOlder:
		a.Done = true
	case answer.EventUnknown, answer.EventStored, answer.EventWaits:
	}
	return a, err
}

// addDecided adds what became of the recipients, or of the run.
func (s *server) addDecided(
	ctx context.Context, firm string, found answer.Receipt, catalog *wording.Catalog, a *ReceiptAnswer,
) error {
	if found.RunID != uuid.Nil {
		return s.addRun(ctx, firm, found.RunID, a)
	}
	a.Done = true
	if found.Removal != nil {
		for _, r := range found.Removal.Recipients {
			a.Recipients = append(a.Recipients, removed(found.Removal.ClientID, r))
		}
		return nil
	}
	list, err := s.runRecipients(ctx, firm, found.Recipients, catalog)
	for _, r := range list {
		a.Done = a.Done && r.Outcome != PendingOutcome
	}
	a.Recipients = list
	return err
}

func (s *server) addRun(ctx context.Context, firm string, id uuid.UUID, a *ReceiptAnswer) error {
	var list []store.RunReport
	err := s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
		list, err = tx.Runs(ctx, store.RunFilter{FirmID: firm, RunID: uuid.NullUUID{UUID: id, Valid: true}}, 1)
		return err
	})
	if err != nil || len(list) == 0 {
		return err
	}
	run := runOf(list[0], s.Answers.Ledger.Now())
	a.Run = &ReceiptRun{
		RunID: run.RunID, State: run.State, Selected: run.Selected, Sent: run.Sent, Skipped: run.Skipped, Failed: run.Failed,
		Pending: run.Pending,
	}
	a.Done = run.State == Completed
	return nil
}

// removed is a recipient of a removal. Each has the outcome, also if there was no access.
func removed(clientID string, r events.Recipient) RunRecipient {
	return RunRecipient{
		ClientID: clientID, Outcome: RemovedOutcome,
		Recipient: Person{
			ContactID: r.ContactID, Name: rules.NameOnly(r.Name), EmailMasked: address.Parse(r.Email).Masked(),
		},
	}
}
