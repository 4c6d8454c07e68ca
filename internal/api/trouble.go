package api

import (
	"context"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// EveryFirm takes the place of the firm in the subject of a call that asks about all firms. No firm's own id begins
// with _, so a role that may ask about its firm can't ask this.
const EveryFirm = "_all"

// checkFirm checks the firm of a call: a firm's id, or what stands for all of them.
func checkFirm(firm string) error {
	if firm == AllFirms || firm == EveryFirm {
		return nil
	}
	return events.CheckFirm(firm)
}

// TroubleRequest asks how the firms are. The firm of the call is [EveryFirm].
type TroubleRequest struct {
	Limit int `json:"limit,omitempty"` // 1 to MaxLimit; DefaultLimit if left out
}

// TroubleAnswer has the firms with something to look at, those with the most trouble first.
type TroubleAnswer struct {
	Firms []FirmNow `json:"firms"`
	More  bool      `json:"more,omitempty"` // there are more than the limit
}

// FirmNow is what operators look at of a firm: what waits, what failed, and what needs somebody.
type FirmNow struct {
	FirmID      string    `json:"firm_id"`
	Name        string    `json:"name,omitempty"`
	Trouble     int       `json:"trouble"` // Retrying, Held, DeadLetters, Failed and Complaints added up
	Paused      bool      `json:"paused,omitempty"`
	Queued      int       `json:"queued"` // wait for their turn, or for their next attempt
	Sending     int       `json:"sending"`
	Retrying    int       `json:"retrying"` // of Queued: the server did not accept their last attempt
	Held        int       `json:"held"`     // of Queued: they wait for a ruling
	OldestAt    time.Time `json:"oldest_at,omitzero"`
	DeadLetters int       `json:"dead_letters"` // open ones
	Failed      int       `json:"failed"`       // invites that failed in the last 24 hours
	Complaints  int       `json:"complaints"`   // mails of the last 24 hours whose readers complained
	Runs        int       `json:"runs"`         // that are not completed
}

// always says that an answer takes long.
func always([]byte) bool { return true }

func (s *server) trouble(ctx context.Context, firm string, r TroubleRequest) (TroubleAnswer, error) {
	none := TroubleAnswer{Firms: []FirmNow{}}
	switch {
	case firm != EveryFirm:
		return none, invalid("firm: operators ask about all firms: call %s", Subject(EveryFirm, TroubleEndpoint))
	case r.Limit == 0:
		r.Limit = DefaultLimit
	case r.Limit < 1 || r.Limit > MaxLimit:
		return none, invalid("limit: must be 1 to %d", MaxLimit)
	}
	found, err := s.Answers.Trouble(ctx, r.Limit+1)
	if err != nil {
		return none, err
	}
	more := len(found) > r.Limit
	list := make([]FirmNow, min(len(found), r.Limit))
	for i := range list {
		list[i] = firmNow(found[i])
	}
	return TroubleAnswer{Firms: list, More: more}, nil
}

func firmNow(f store.FirmNow) FirmNow {
	return FirmNow{
		FirmID: f.FirmID, Name: rules.NameOnly(f.Name), Trouble: f.Trouble, Paused: f.Paused, Queued: f.Queued,
		Sending: f.Sending, Retrying: f.Retrying, Held: f.Held, OldestAt: utc(f.Oldest), DeadLetters: f.DeadLetters,
		Failed: f.Failed, Complaints: f.Complaints, Runs: f.Runs,
	}
}
