package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// FirmFilter says which firms are read. A field that is left out matches all of them.
type FirmFilter struct {
	FirmID  string
	AfterID string // only firms whose ids come later
}

// FirmSettings are the settings of a firm that its office sees.
type FirmSettings struct {
	FirmID       string
	Name         string
	TimeZone     string // "" for none
	Locale       string
	OfficeLocale string
}

// Firms returns firms in the order of their ids.
func (s *Store) Firms(ctx context.Context, f FirmFilter, limit int) ([]FirmSettings, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT firm_id, name, time_zone, locale, office_locale
		FROM firms WHERE ($1 = '' OR firm_id = $1) AND firm_id > $2
		ORDER BY firm_id LIMIT $3`, f.FirmID, f.AfterID, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[FirmSettings])
}
