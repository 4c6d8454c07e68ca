package ledger

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// ReportAccepted reports that invited people have logged in. A person who was not invited by us has accepted nothing.
// The login may be told after the invite has expired. If it was in time, the invite was accepted all the same
// (ADR 143).
func (t *Tx) ReportAccepted(ctx context.Context, changes []store.AccessChange) error {
	return t.reportInvited(ctx, changes, func(c store.AccessChange, i store.Invite, about events.About, trace events.Trace,
	) error {
		if c.From != rules.Invited && (!c.InTime || i.State != store.Sent) {
			return nil
		}
		data := events.Accepted{About: about, AccessVersion: c.Version, AcceptedAt: c.LoggedInAt.UTC()}
		return t.report(events.AccessOutcome(events.InviteAccepted, about, accessOutcomeID(i, "accepted"), data, trace))
	})
}

// ReportExpired reports that invites have expired.
func (t *Tx) ReportExpired(ctx context.Context, changes []store.AccessChange) error {
	return t.reportInvited(ctx, changes, func(c store.AccessChange, i store.Invite, about events.About, trace events.Trace,
	) error {
		data := events.Expired{About: about, AccessVersion: c.Version, ExpiredAt: t.Now}
		return t.report(events.AccessOutcome(events.InviteExpired, about, accessOutcomeID(i, "expired"), data, trace))
	})
}

// reportInvited reports changes of access as outcomes of the invites behind them. report makes the outcome of one
// change.
func (t *Tx) reportInvited(ctx context.Context, changes []store.AccessChange,
	report func(store.AccessChange, store.Invite, events.About, events.Trace) error,
) error {
	invites, requests, err := t.origins(ctx, changes)
	if err != nil {
		return err
	}
	for _, c := range changes {
		invite, ours := invites[c.InviteID.UUID]
		if !ours {
			continue
		}
		request := requests[invite.RequestID]
		about := aboutInvite(request, invite)
		about.DecidedAt = t.Now
		if err := report(c, invite, about, traceOf(request)); err != nil {
			return err
		}
	}
	return nil
}

// accessOutcomeID is the id of the event that says what became of an invite's mail or access. An invite may be sent
// again after its mail came back. Then the id has the revision in it, because the same id is the same outcome.
func accessOutcomeID(i store.Invite, what string) string {
	if i.Returned == 0 {
		return i.ID.String() + "." + what
	}
	return fmt.Sprintf("%s.%d.%s", i.ID, i.Revision, what)
}

// ReportRemoved reports removed access, with the removal as the cause.
func (t *Tx) ReportRemoved(ctx context.Context, changes []store.AccessChange, cause store.Request) error {
	invites, _, err := t.origins(ctx, changes)
	if err != nil {
		return err
	}
	for _, c := range changes {
		about := events.About{FirmID: c.FirmID, ClientID: c.ClientID}
		if invite, ours := invites[c.InviteID.UUID]; ours {
			about = aboutInvite(cause, invite)
		}
		about.Recipient = events.OutcomePerson{
			ContactID: c.Person.ContactID(), EmailMasked: rules.Email{Normal: c.Email}.Masked(),
		}
		about.Cause, about.DecidedAt, about.RunID, about.ReplayID = causeOf(cause), t.Now, nil, nil
		data := events.Removed{About: about, AccessVersion: c.Version, Was: c.From, Why: c.Why, RemovedAt: t.Now}
		id := removalID(cause.ID, c.ClientID, c.Person).String()
		if err := t.report(events.AccessOutcome(events.RemovedAccess, about, id, data, traceOf(cause))); err != nil {
			return err
		}
	}
	return nil
}

// origins loads the invites that began accesses, and the requests of those invites.
func (t *Tx) origins(
	ctx context.Context, changes []store.AccessChange,
) (map[uuid.UUID]store.Invite, map[uuid.UUID]store.Request, error) {
	var ids []uuid.UUID
	for _, c := range changes {
		if c.InviteID.Valid {
			ids = append(ids, c.InviteID.UUID)
		}
	}
	if len(ids) == 0 {
		return nil, nil, nil
	}
	invites, err := t.LoadInvites(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	requestIDs := make([]uuid.UUID, 0, len(invites))
	for _, i := range invites {
		requestIDs = append(requestIDs, i.RequestID)
	}
	requests, err := t.LoadRequests(ctx, requestIDs)
	return invites, requests, err
}
