package api

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// PausesRequest lists paused firms, pauses one, or ends its pause. It is for [AllFirms], so that only operators may
// call it (ADR 116).
type PausesRequest struct {
	Action string `json:"action,omitempty"`  // list (the default), pause or resume
	FirmID string `json:"firm_id,omitempty"` // which firm to pause or resume
	Lane   string `json:"lane,omitempty"`    // individual or bulk: only that lane of it; left out: the firm as a whole
	Reason string `json:"reason,omitempty"`  // why; needed to pause and to resume; at most 1,000 characters
	By     string `json:"by,omitempty"`      // who does it; needed to pause and to resume; at most 300 characters
	Page          // of a list
}

// The actions on pauses.
const (
	ListPauses = "list"
	PauseFirm  = "pause"  // no mail of the firm, or of the lane, leaves from now on
	ResumeFirm = "resume" // these mails leave again; after a pause of the firm as a whole, failures are counted anew
)

// PausesAnswer is a page of pauses in the order of firm and lane, or the one pause that was begun or ended.
type PausesAnswer struct {
	Firms []Pause `json:"firms"`
	Next  string  `json:"next,omitempty"`
}

// Pause says why the mails of a firm wait, since when, and who has decided so.
type Pause struct {
	FirmID  string    `json:"firm_id"`
	Lane    string    `json:"lane,omitempty"` // only this lane; left out: both
	Paused  bool      `json:"paused"`         // it has not ended
	Cause   string    `json:"cause"`          // operator, bounces or complaints
	Since   time.Time `json:"since"`
	By      string    `json:"by,omitempty"` // the operator
	Reason  string    `json:"reason"`
	Resumed *Resumed  `json:"resumed,omitempty"` // how it ended
}

// Resumed says how a pause ended.
type Resumed struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

func pauseOf(p store.Pause) Pause {
	pause := Pause{
		FirmID: p.FirmID, Lane: string(p.Lane), Paused: p.Paused, Cause: p.Cause, Since: utc(p.At), By: p.By,
		Reason: p.Reason,
	}
	if !p.Paused {
		pause.Resumed = &Resumed{At: utc(p.ResumedAt), By: p.ResumedBy, Reason: p.ResumedBecause}
	}
	return pause
}

// String says it in a sentence, for whoever comes second.
func (p Pause) String() string {
	at := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
	switch {
	case p.Resumed != nil:
		return fmt.Sprintf("%s has resumed it at %s: %s", p.Resumed.By, at(p.Resumed.At), p.Resumed.Reason)
	case p.By == "":
		return fmt.Sprintf("paused by itself at %s: %s", at(p.Since), p.Reason)
	default:
		return fmt.Sprintf("%s has paused it at %s: %s", p.By, at(p.Since), p.Reason)
	}
}

func (s *server) pauses(ctx context.Context, firm string, r PausesRequest) (PausesAnswer, error) {
	none := PausesAnswer{Firms: []Pause{}}
	if firm != AllFirms {
		return none, invalid("firm: operators pause firms: call %s", Subject(AllFirms, PausesEndpoint))
	}
	switch r.Action {
	case "", ListPauses:
		return s.listPauses(ctx, r)
	case PauseFirm, ResumeFirm:
		if err := s.checkPause(ctx, r); err != nil {
			return none, err
		}
		return s.changePause(ctx, r)
	default:
		return none, invalid("action: must be one of: %s, %s, %s", ListPauses, PauseFirm, ResumeFirm)
	}
}

// pauseKey is the position of an entry in a list of pauses.
type pauseKey struct {
	Firm string `json:"f"`
	Lane string `json:"l"`
}

func (s *server) listPauses(ctx context.Context, r PausesRequest) (PausesAnswer, error) {
	none := PausesAnswer{Firms: []Pause{}}
	if r.FirmID != "" || r.Lane != "" || r.Reason != "" || r.By != "" {
		return none, invalid("firm_id, lane, reason, by: are to pause or resume a firm")
	}
	page, err := newPager(r.Page, PausesEndpoint, AllFirms, r)
	if err != nil {
		return none, err
	}
	var last pauseKey
	if _, err := page.after(&last); err != nil {
		return none, err
	}
	found, err := s.Reads.Paused(ctx, store.Pause{FirmID: last.Firm, Lane: store.Lane(last.Lane)}, page.limit+1)
	if err != nil {
		return none, err
	}
	list := make([]Pause, len(found))
	for i, p := range found {
		list[i] = pauseOf(p)
	}
	n, next, err := cut(list, page, func(p Pause) any { return pauseKey{p.FirmID, p.Lane} })
	return PausesAnswer{Firms: list[:n], Next: next}, err
}

func (s *server) checkPause(ctx context.Context, r PausesRequest) error {
	switch {
	case r.FirmID == "":
		return invalid("firm_id: missing: say which firm")
	case r.Lane != "" && r.Lane != string(store.IndividualLane) && r.Lane != string(store.BulkLane):
		return invalid("lane: must be one of: %s, %s; leave it out for both", store.IndividualLane, store.BulkLane)
	case r.Reason == "":
		return invalid("reason: missing: say why")
	case utf8.RuneCountInString(r.Reason) > longestNote:
		return invalid("reason: is longer than %d characters", longestNote)
	case r.Limit != 0 || r.Cursor != "":
		return invalid("limit, cursor: are for a list only")
	}
	if err := events.CheckFirm(r.FirmID); err != nil {
		return invalid("firm_id: %s", err)
	}
	if err := checkBy(r.By); err != nil {
		return err
	}
	known, err := s.Reads.KnowsFirm(ctx, r.FirmID)
	if err == nil && !known {
		return notFound("firm_id: no FirmUpserted has come for a firm %s", r.FirmID)
	}
	return err
}

// changePause pauses or resumes a firm or a lane of it. If somebody else was faster, the error says what they did.
func (s *server) changePause(ctx context.Context, r PausesRequest) (PausesAnswer, error) {
	none := PausesAnswer{Firms: []Pause{}}
	var now store.Pause
	lane := store.Lane(r.Lane)
	what := "firm " + r.FirmID
	if lane != "" {
		what = fmt.Sprintf("the %s lane of firm %s", lane, r.FirmID)
	}
	err := s.Reads.Tx(ctx, func(tx *store.Tx) (err error) {
		var changed bool
		if r.Action == PauseFirm {
			changed, err = tx.PauseFirm(ctx,
				store.Pause{FirmID: r.FirmID, Lane: lane, Cause: store.PausedByOperator, By: r.By, Reason: r.Reason})
		} else {
			changed, err = tx.ResumeFirm(ctx, r.FirmID, lane, r.By, r.Reason)
		}
		if err != nil {
			return err
		}
		if now, err = tx.LockPause(ctx, r.FirmID, lane); err != nil || changed {
			return err
		}
		switch {
		case now.FirmID == "":
			return conflict("%s is not paused, and never was%s", what, s.otherPauses(ctx, r.FirmID))
		case now.Paused:
			return conflict("%s is paused already: %s", what, pauseOf(now))
		default:
			return conflict("%s is not paused any more: %s%s", what, pauseOf(now), s.otherPauses(ctx, r.FirmID))
		}
	})
	if err != nil {
		return none, err
	}
	s.Log.Warn().Str("firm", r.FirmID).Str("lane", r.Lane).Str("action", r.Action).Str("by", r.By).Str("reason", r.Reason).
		Msg("an operator has paused or resumed the mails of a firm")
	return PausesAnswer{Firms: []Pause{pauseOf(now)}}, nil
}

// otherPauses names what of a firm is paused, for whoever wants to end a pause that there is not.
func (s *server) otherPauses(ctx context.Context, firm string) string {
	pauses, err := s.Reads.PausesOf(ctx, firm)
	if err != nil || len(pauses) == 0 {
		return ""
	}
	var names []string
	for _, p := range pauses {
		names = append(names, cmp.Or(string(p.Lane), "the firm as a whole (leave out lane)"))
	}
	return "; paused now: " + strings.Join(names, ", ")
}
