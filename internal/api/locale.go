package api

import (
	"context"

	"portal-invites/internal/events"
	"portal-invites/internal/wording"
)

// catalogOf is the catalog for the language that a caller asks for, else for that of the firm's office, else English.
// It passes over a language that there is no catalog for.
func (s *server) catalogOf(ctx context.Context, firm, locale string) (*wording.Catalog, error) {
	if locale != "" && !events.IsLanguageTag(locale) {
		return nil, invalid("locale: must be a language tag (example: es)")
	}
	office, err := s.Reads.OfficeLocale(ctx, firm)
	return wording.In(locale, office), err
}
