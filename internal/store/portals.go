package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// FirmPortal is the address of a firm's portal.
type FirmPortal struct {
	FirmID, PortalURL string
}

// PortalsBefore returns the stored portals of the firms that the facts will change, with their rows locked: so no other
// worker changes one meanwhile. It leaves out firms that are new, or of which a newer fact is stored.
func (t *Tx) PortalsBefore(ctx context.Context, facts *Facts) ([]FirmPortal, error) {
	rows := facts.firms.list(always)
	if len(rows) == 0 {
		return nil, nil
	}
	return collect(ctx, t, "read the portals of firms", pgx.RowToStructByPos[FirmPortal], `
		SELECT f.firm_id, f.portal_url
		FROM unnest($1::text[], $2::timestamptz[], $3::bigint[]) AS n (firm_id, stream, sequence)
		JOIN firms f USING (firm_id)
		WHERE (f.stream, f.sequence) < (n.stream, n.sequence)
		ORDER BY f.firm_id FOR NO KEY UPDATE OF f`,
		column(rows, func(f factRow[rules.Firm]) string { return f.firmID }),
		column(rows, func(f factRow[rules.Firm]) time.Time { return f.at.Stream }),
		column(rows, func(f factRow[rules.Firm]) int64 { return int64(f.at.Sequence) }))
}

// PortalOf returns the address that the facts give a firm's portal.
func (f *Facts) PortalOf(firmID string) string { return f.firms[thing{firmID: firmID}].fact.PortalURL }
