package upkeep

import (
	"context"
	"fmt"
	"time"

	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// pauseEvery is how soon a firm is paused whose mails come back too often.
const pauseEvery = 5 * time.Second

// PauseLimits says when a firm is paused by itself (ADR 116): at least Mails have left in a day, at least so many of
// them have no mailbox, or are complained about, and they are at least such a share, from 0 to 1. If Mails is 0, no
// firm is.
type PauseLimits struct {
	Mails                       int
	Bounces, Complaints         int
	BounceShare, ComplaintShare float64
}

// pauseFirms pauses the firms that are over a limit.
func (c Config) pauseFirms(ctx context.Context) (bool, error) {
	suspects, err := c.Ledger.Store.Suspects(ctx, c.Pause.Bounces, c.Pause.Complaints)
	if err != nil {
		return false, err
	}
	for _, s := range suspects {
		cause, reason := c.Pause.judge(s)
		if cause == "" {
			continue
		}
		var paused bool
		err := c.Ledger.Tx(ctx, func(tx *store.Tx) (err error) {
			paused, err = tx.PauseFirm(ctx, store.Pause{FirmID: s.FirmID, Cause: cause, Reason: reason})
			return err
		})
		if err != nil {
			return false, err
		}
		if paused { // another worker may have been faster
			c.Log.Error().Str("firm", s.FirmID).Str("reason", "firm_paused").Int("mails", s.Mails).
				Int("bounces", s.Bounces).Int("complaints", s.Complaints).
				Msg("a firm is paused, because too many of its mails came back or were complained about; its mails wait, and " +
					`nobody is skipped; find out why, then end the pause with "invitectl firm resume"`)
		}
	}
	if err := c.Ledger.Store.ForgetCounts(ctx); err != nil {
		return false, err
	}
	loop.Wait(ctx, nil, pauseEvery)
	return true, nil
}

// judge says whether a firm is over a limit, and which one.
func (l PauseLimits) judge(s store.Suspect) (cause, reason string) {
	over := func(n, least int, share float64) bool {
		return s.Mails >= l.Mails && n >= least && float64(n) >= share*float64(s.Mails)
	}
	percent := func(n int) float64 { return 100 * float64(n) / float64(s.Mails) }
	switch {
	case over(s.Bounces, l.Bounces, l.BounceShare):
		return store.PausedByBounces, fmt.Sprintf(
			"the mailboxes of %d of %d mails in a day do not exist (%.1f %%)", s.Bounces, s.Mails, percent(s.Bounces))
	case over(s.Complaints, l.Complaints, l.ComplaintShare):
		return store.PausedByComplaints, fmt.Sprintf(
			"the readers of %d of %d mails in a day complained (%.2f %%)", s.Complaints, s.Mails, percent(s.Complaints))
	default:
		return "", ""
	}
}
