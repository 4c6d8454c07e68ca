package pipeline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// Max is added by email, and becomes a contact with that email later. He can't be invited as a contact while the email
// is the login of the added person. The remedy of the skip says what to do, and it works.
func TestARemovalByEmailEndsTheAccessOfThePersonAddedByIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.UpsertFirm()
	r.UpsertClient("c1")
	r.Invite("c1", testkit.Added("max@example.com", "Max Orr"))
	r.Settled()
	r.UpsertContact("max", "Max Orr", "Max@example.com")
	r.UpsertClient("c1", "*max")
	r.Invite("c1", testkit.Contact("max"))
	r.Settled()
	got := r.Newest()["c1/max"]
	const remedy = "If that is Max Orr, remove the portal access of this email on Client c1, then invite again. If not, " +
		"give Max Orr an email of their own."
	if got.Reason != "email_shared" || got.Reasons[0].Remedy != remedy {
		t.Errorf("invited as a contact: %s", got.Raw)
	}
	r.Publish(events.AccessRemovalRequested, testkit.InviteData("c1", testkit.Added("max@example.com", "Max Orr")))
	r.Settled()
	if published := r.Published(events.RemovedAccess); len(published) != 1 || published[0].Recipient.ContactID != "" {
		t.Errorf("AccessRemoved published: %+v", published)
	}
	r.Invite("c1", testkit.Contact("max"))
	r.Settled()
	if n := testkit.Query[int](r.Scene, `SELECT count(*) FROM access
		WHERE person = 'contact:max' AND state = 'invited' AND email = 'max@example.com'`); n != 1 {
		t.Errorf("after the remedy: %s", r.Newest()["c1/max"].Raw)
	}
}

// While a removal can't end the contact's access, the contact is there. Afterwards both are gone.
func TestAContactAndItsAccessAreRemovedTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.UpsertFirm()
	r.UpsertContact("kay", "Kay", "kay@example.com")
	tx, err := r.DB.Begin(r.Ctx)
	r.Must(err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(r.Ctx)) }()
	_, err = tx.Exec(r.Ctx, `LOCK TABLE removals IN EXCLUSIVE MODE`)
	r.Must(err)
	r.Publish(events.ContactRemoved, testkit.Object{"contact_id": "kay"})
	r.UpsertContact("behind", "Behind", "behind@example.com") // in the same batch, and waits for nothing
	r.StartInvites()
	there := func(id string) bool {
		return testkit.Query[bool](r.Scene, `SELECT EXISTS (SELECT FROM contacts WHERE contact_id = $1 AND NOT removed)`, id)
	}
	testenv.Eventually(t, time.Minute, func() error {
		if !there("behind") {
			return errors.New("the batch has not been applied")
		}
		return nil
	})
	if !there("kay") {
		t.Error("the contact is gone while the removal has not ended the access")
	}
	r.Must(tx.Rollback(r.Ctx))
	r.Handled(events.FactsDurable)
	if there("kay") {
		t.Error("the contact is still there")
	}
}
