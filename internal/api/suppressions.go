package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"portal-invites/internal/address"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// SuppressionsRequest lists what stops mail to emails, or lifts it.
type SuppressionsRequest struct {
	Action string    `json:"action,omitempty"` // list (the default) or lift
	Cause  string    `json:"cause,omitempty"`  // bounce, complaint or manual; needed for lift
	Email  string    `json:"email,omitempty"`  // only this email
	From   time.Time `json:"from,omitzero"`    // only causes that arose at this time or later
	Until  time.Time `json:"until,omitzero"`   // only causes that arose before this time

	DryRun bool   `json:"dry_run,omitempty"` // of lift: count, and change nothing
	By     string `json:"by,omitempty"`      // who lifts; needed for lift; at most 300 characters
	Page          // of a list
}

// The actions on suppressions.
const (
	ListSuppressions = "list"
	LiftSuppressions = "lift" // mails may go to these emails again, unless another cause stops them
)

// SuppressionsAnswer is a page of suppressions, the newest first, or how many were lifted.
type SuppressionsAnswer struct {
	Count        int           `json:"count"` // all that the request selects: of a list, or that were or would be lifted
	Suppressions []Suppression `json:"suppressions"`
	Next         string        `json:"next,omitempty"`
}

// Suppression is one cause that stops mail to an email. An email may have several.
type Suppression struct {
	FirmID string    `json:"firm_id"`
	Email  string    `json:"email"` // masked
	Cause  string    `json:"cause"`
	Since  time.Time `json:"since,omitzero"` // when the cause arose; left out if that is not known

	place suppressionPlace
}

// suppressionPlace is the key of a cursor. It does not reveal the email.
type suppressionPlace struct {
	Since time.Time `json:"at"`
	ID    string    `json:"id"`
}

func (s *server) suppressions(ctx context.Context, firm string, r SuppressionsRequest) (SuppressionsAnswer, error) {
	none := SuppressionsAnswer{}
	filter, err := r.filter(firm)
	if err != nil {
		return none, err
	}
	switch r.Action {
	case "", ListSuppressions:
		return s.listSuppressions(ctx, filter, r)
	case LiftSuppressions:
		return s.liftSuppressions(ctx, filter, r)
	default:
		return none, invalid("action: must be one of: %s, %s", ListSuppressions, LiftSuppressions)
	}
}

func (r SuppressionsRequest) filter(firm string) (store.SuppressionFilter, error) {
	f := store.SuppressionFilter{FirmID: firm, Cause: r.Cause, From: r.From, Until: r.Until}
	if r.Cause != "" && !slices.Contains(store.Causes(), r.Cause) {
		return f, invalid("cause: must be one of: %s", strings.Join(store.Causes(), ", "))
	}
	if !r.From.IsZero() && !r.Until.IsZero() && !r.From.Before(r.Until) {
		return f, invalid("until: must be later than from")
	}
	if r.Email != "" {
		if f.Email = address.Parse(r.Email).Normal; f.Email == "" {
			return f, invalid("email: must be an email address")
		}
	}
	return f, nil
}

func (s *server) listSuppressions(
	ctx context.Context, f store.SuppressionFilter, r SuppressionsRequest,
) (SuppressionsAnswer, error) {
	none := SuppressionsAnswer{}
	page, err := newPager(r.Page, SuppressionsEndpoint, f.FirmID, r)
	if err != nil {
		return none, err
	}
	var last suppressionPlace
	if _, err := page.after(&last); err != nil {
		return none, err
	}
	var all []store.Suppression
	var count int
	err = s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
		if count, err = tx.CountSuppressions(ctx, f); err != nil {
			return err
		}
		all, err = tx.ListSuppressions(ctx, f, store.Suppression{Since: last.Since, ID: last.ID}, page.limit+1)
		return err
	})
	if err != nil {
		return none, err
	}
	list := make([]Suppression, len(all))
	for i, found := range all {
		list[i] = Suppression{FirmID: f.FirmID, Email: rules.Email{Written: found.Email, Normal: found.Email}.Masked(),
			Cause: found.Cause, Since: utc(found.Since), place: suppressionPlace{found.Since, found.ID}}
	}
	n, next, err := cut(list, page, func(s Suppression) any { return s.place })
	return SuppressionsAnswer{Count: count, Suppressions: list[:n], Next: next}, err
}

// liftSuppressions lifts one cause only: a block that a person made never ends with one that a server's reply made.
func (s *server) liftSuppressions(
	ctx context.Context, f store.SuppressionFilter, r SuppressionsRequest,
) (SuppressionsAnswer, error) {
	answer := SuppressionsAnswer{Suppressions: []Suppression{}}
	if r.Cause == "" {
		return answer, invalid("cause: missing: say which cause is lifted: %s", strings.Join(store.Causes(), ", "))
	}
	if r.Limit != 0 || r.Cursor != "" {
		return answer, invalid("limit, cursor: are for a list only")
	}
	var err error
	if r.DryRun {
		err = s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
			answer.Count, err = tx.CountSuppressions(ctx, f)
			return err
		})
		return answer, err
	}
	if err := checkBy(r.By); err != nil {
		return answer, err
	}
	err = s.Reads.Tx(ctx, func(tx *store.Tx) (err error) {
		answer.Count, err = tx.LiftSuppressions(ctx, f, r.By)
		return err
	})
	return answer, err
}
