package upkeep_test

import (
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/upkeep"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

// Many invites are held if a mail server dies under load. They are looked at page by page.
func TestEveryPageOfHeldInvitesIsLookedAt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := r.Config()
	cfg.OnUnknown = pipeline.HoldUnknown
	r.StartWorker(pipeline.NewInviteWorker(cfg))
	r.Office(1)
	r.Mailbox.DropReplies(1)
	r.Publish(events.InviteRequested, testkit.InviteData("c0", testkit.Contact("k0")))
	r.Attempted(1)
	watch := upkeep.NewHeldWatch(r.upkeep(cfg))
	if after, err := watch.Look(r.Ctx); err != nil || after != uuid.Nil {
		t.Errorf("behind a short page it goes on at %s, %v", after, err)
	}
	page, err := r.heldPage(uuid.Nil)
	if err != nil || len(page) != 1 {
		t.Fatalf("%d held, %v", len(page), err)
	}
	if page, err = r.heldPage(page[0].ID); err != nil || len(page) != 0 {
		t.Errorf("behind the last: %d held, %v", len(page), err)
	}
}

func (r *rig) heldPage(after uuid.UUID) (page []store.HeldInvite, err error) {
	err = r.Store.Read(r.Ctx, func(tx *store.Tx) error {
		page, err = tx.HeldPage(r.Ctx, store.IndividualLane, after, upkeep.HeldBatch)
		return err
	})
	return page, err
}
