package upkeep

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

const (
	againBatch = 200
	againEvery = 5 * time.Second
)

// inviteAgain invites people at their new email, which has ended their pending invite, if the firm asks for it (ADR
// 129). It is a request of our own, once for each invite and email, in the name of the person who asked for the invite.
// An import may change thousands of emails at once, so the mails leave by the bulk lane.
func (c Config) inviteAgain(ctx context.Context) (bool, error) {
	found := 0
	err := c.Ledger.Commit(ctx, func(tx *ledger.Tx) error {
		ended, err := tx.EndedByNewEmail(ctx, againBatch)
		if err != nil || len(ended) == 0 {
			return err
		}
		found = len(ended)
		return inviteAll(ctx, tx, ended)
	})
	if err == nil && found < againBatch {
		loop.Wait(ctx, nil, againEvery)
	}
	return true, err
}

// inviteAll records and decides the requests for people whose email has changed.
func inviteAll(ctx context.Context, tx *ledger.Tx, ended []store.Reached) error {
	invites, ids := make([]store.Invite, len(ended)), make([]string, len(ended))
	for i, e := range ended {
		invites[i], ids[i] = e.Invite, againID(e.Invite.ID, e.Email)
	}
	originals, err := ledger.CandidatesOf(ctx, tx.Tx, invites)
	if err != nil {
		return err
	}
	times, err := requestedAt(ctx, tx, ids)
	if err != nil {
		return err
	}
	requests := make([]ledger.Request, len(originals))
	for i, original := range originals {
		e := ownEvent(original, events.InviteRequested, ids[i], times[i])
		data, err := requestAbout(original)
		if err != nil {
			return err
		}
		if e.Raw, err = json.Marshal(data); err != nil {
			return fmt.Errorf("encode an invite at a new email: %w", err)
		}
		e.Data = data
		if requests[i], err = ledger.NewRequestAt(original.Request.At, e); err != nil {
			return err
		}
	}
	candidates, _, err := tx.Record(ctx, requests)
	if err != nil {
		return err
	}
	for i := range candidates {
		if invite := &candidates[i].Invite; invite.State == "" {
			invite.Lane = store.BulkLane
		}
	}
	return tx.DecideAll(ctx, candidates)
}

// againID is the id of the event that asks for an invite at a new email. It does not say the email.
func againID(original uuid.UUID, email string) string {
	return fmt.Sprintf("invite-again/%s/%s", original, uuid.NewSHA1(original, []byte(email)))
}
