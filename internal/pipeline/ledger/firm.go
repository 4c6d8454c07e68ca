package ledger

import (
	"context"

	"portal-invites/internal/events"
	"portal-invites/internal/portal"
	"portal-invites/internal/store"
)

// Refused returns why the operator does not allow a fact: a firm's portal has a host that is not one of PORTAL_HOSTS.
func (l *Ledger) Refused(fact events.Event) error {
	if firm, isFirm := fact.Data.(*events.Firm); isFirm {
		return l.Portals.Check(firm.PortalURL)
	}
	return nil
}

// Refused is [Ledger.Refused] of the transaction's ledger.
func (t *Tx) Refused(fact events.Event) error { return t.ledger.Refused(fact) }

// ReportPortals reports the firms whose portal gets another host, and notes it for the firm's warnings (ADR 148).
// before has the portals as they were, and causes the facts of the firms.
func (t *Tx) ReportPortals(
	ctx context.Context, before []store.FirmPortal, facts *store.Facts, causes map[string]store.Request,
) error {
	for _, f := range before {
		was, is := portal.Host(f.PortalURL), portal.Host(facts.PortalOf(f.FirmID))
		if was == is {
			continue
		}
		if err := t.NotePortalHost(ctx, f.FirmID, was, t.Now); err != nil {
			return err
		}
		cause := causes[f.FirmID]
		data := events.ChangedFirm{FirmID: f.FirmID, Cause: causeOf(cause), OldHost: was, NewHost: is, ChangedAt: t.Now}
		if err := t.report(events.FirmOutcome(data, firmChangeID(cause.ID).String(), traceOf(cause))); err != nil {
			return err
		}
	}
	return nil
}
