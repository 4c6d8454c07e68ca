package api

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// AllFirms takes the place of the firm in the subject of a call that is about no single firm. No firm has this id.
const AllFirms = "_"

// RecoverRequest asks about a database that went back to an earlier moment, or mends it. It is for [AllFirms].
type RecoverRequest struct {
	Action string `json:"action,omitempty"` // check (the default), recover, list, gaps or acknowledge
	From   uint64 `json:"from,omitempty"`   // of a check: the Next of the answer before
	Limit  int    `json:"limit,omitempty"`  // of a list: 1 to MaxLimit; DefaultLimit if left out
	By     string `json:"by,omitempty"`     // to acknowledge: who does
}

// The actions on a database that went back.
const (
	CheckLost   = "check"   // count what is lost, and change nothing
	RecoverLost = "recover" // take what is lost from the stream; call again until Done
	ListUnasked = "list"    // list the recovered invites that no request has asked for again

	ListGaps        = "gaps"        // list the events that passed out of the stream before they were handled
	AcknowledgeGaps = "acknowledge" // note that somebody knows of these events
)

// RecoverAnswer is how far a recovery has come, or a list.
type RecoverAnswer struct {
	Known uint64            `json:"known,omitempty"` // up to where the database knew the stream of outcomes
	Read  uint64            `json:"read,omitempty"`  // up to where the stream is read
	Last  uint64            `json:"last,omitempty"`  // the end of the stream
	Lost  map[string]int    `json:"lost,omitempty"`  // the lost outcomes that were read, by type
	Next  uint64            `json:"next,omitempty"`  // of a check: where the next call goes on; 0 at the end
	Done  bool              `json:"done,omitempty"`  // the workers go on
	Reset map[string]uint64 `json:"reset,omitempty"` // from which sequence each durable is read again

	Total   int          `json:"total,omitempty"`   // of a list: how many invites there are
	Invites []LostInvite `json:"invites,omitempty"` // of a list: the oldest

	Gaps []EventGap `json:"gaps,omitempty"` // to gaps and acknowledge: the newest first
}

// EventGap is a part of the stream of events that the broker has deleted before a durable had handled it.
type EventGap struct {
	Durable        string    `json:"durable"`
	First          uint64    `json:"first"` // sequences
	Last           uint64    `json:"last"`
	Events         uint64    `json:"events"`             // at most so many
	HandledUntil   time.Time `json:"handled_until"`      // when the durable was last known to be before the first
	KeptFrom       time.Time `json:"kept_from,omitzero"` // when the oldest event came that the stream still had
	NoticedAt      time.Time `json:"noticed_at"`
	AcknowledgedBy string    `json:"acknowledged_by,omitempty"`
	AcknowledgedAt time.Time `json:"acknowledged_at,omitzero"`
}

// LostInvite is an invite that only the stream of outcomes knows. Its request is on no stream any more.
type LostInvite struct {
	FirmID    string      `json:"firm_id"`
	InviteID  uuid.UUID   `json:"invite_id"`
	ClientID  string      `json:"client_id"`
	ContactID string      `json:"contact_id,omitempty"`
	Outcome   events.Type `json:"outcome"`
	Sequence  uint64      `json:"sequence"` // of the outcome in its stream
}

func (s *server) recover(ctx context.Context, firm string, r RecoverRequest) (RecoverAnswer, error) {
	none := RecoverAnswer{}
	if firm != AllFirms {
		return none, invalid("firm: a database has no part for one firm: call %s", Subject(AllFirms, RecoverEndpoint))
	}
	if r.Limit == 0 {
		r.Limit = DefaultLimit
	}
	if r.Limit < 1 || r.Limit > MaxLimit {
		return none, invalid("limit: must be 1 to %d", MaxLimit)
	}
	switch r.Action {
	case "", CheckLost:
		return s.recoverLost(ctx, true, r.From)
	case RecoverLost:
		return s.recoverLost(ctx, false, 0)
	case ListUnasked:
		return s.listUnasked(ctx, r.Limit)
	case ListGaps:
		return s.gaps(ctx)
	case AcknowledgeGaps:
		if err := checkBy(r.By); err != nil {
			return none, err
		}
		return s.acknowledgeGaps(ctx, r.By)
	default:
		return none, invalid("action: must be one of: %s, %s, %s, %s, %s", CheckLost, RecoverLost, ListUnasked, ListGaps,
			AcknowledgeGaps)
	}
}

func (s *server) gaps(ctx context.Context) (a RecoverAnswer, err error) {
	var gaps []store.EventGap
	err = s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
		gaps, err = tx.Gaps(ctx)
		return err
	})
	for _, g := range gaps {
		gap := EventGap{
			Durable: g.Durable, First: g.First, Last: g.Last, Events: g.Events(), HandledUntil: g.HandledAt.UTC(),
			NoticedAt: g.NoticedAt.UTC(), AcknowledgedBy: g.AcknowledgedBy,
		}
		gap.KeptFrom, gap.AcknowledgedAt = utc(g.KeptFrom), utc(g.AcknowledgedAt)
		a.Gaps = append(a.Gaps, gap)
	}
	return a, err
}

func (s *server) acknowledgeGaps(ctx context.Context, by string) (RecoverAnswer, error) {
	var n int
	err := s.Reads.Tx(ctx, func(tx *store.Tx) (err error) {
		n, err = tx.AcknowledgeGaps(ctx, by, s.Answers.Ledger.Now())
		return err
	})
	if err != nil {
		return RecoverAnswer{}, err
	}
	if n == 0 {
		return RecoverAnswer{}, conflict("no gap is open: every event was handled, or somebody has acknowledged the gaps")
	}
	s.Log.Info().Str("by", by).Int("gaps", n).Msg("acknowledged that events passed out of the stream unhandled")
	return s.gaps(ctx)
}

func (s *server) recoverLost(ctx context.Context, check bool, from uint64) (RecoverAnswer, error) {
	began := time.Now()
	r, err := s.Answers.Recover(ctx, check, from)
	if errors.Is(err, answer.ErrNothingKnown) {
		return RecoverAnswer{}, conflict("%s: nothing can be lost", err)
	}
	if err != nil {
		return RecoverAnswer{}, err
	}
	a := RecoverAnswer{Known: r.Known, Read: r.Read, Last: r.Last, Lost: r.Lost, Done: r.Done, Reset: r.Resets}
	if check && r.Read < r.Last {
		a.Next = r.Read + 1
	}
	if !check {
		s.Log.Info().Uint64("read", r.Read).Uint64("last", r.Last).Bool("done", r.Done).Stringer("took", time.Since(began)).
			Msg("recovered outcomes from the stream")
	}
	return a, nil
}

func (s *server) listUnasked(ctx context.Context, limit int) (RecoverAnswer, error) {
	unasked, err := s.Answers.Unasked(ctx, limit)
	if err != nil {
		return RecoverAnswer{}, err
	}
	a := RecoverAnswer{Total: unasked.Total, Invites: make([]LostInvite, len(unasked.First))}
	for i, o := range unasked.First {
		a.Invites[i] = lostInvite(o)
	}
	return a, nil
}

func lostInvite(o store.RecoveredOutcome) LostInvite {
	return LostInvite{
		FirmID: o.FirmID, InviteID: o.About, ClientID: o.ClientID, ContactID: o.ContactID, Outcome: events.Type(o.Type),
		Sequence: o.Sequence,
	}
}
