package api

import (
	"portal-invites/internal/events"
	"portal-invites/internal/wording"
)

// catalogOf is the catalog for the language that a caller asks for; English for none, and for a language that there is
// no catalog for.
func catalogOf(locale string) (*wording.Catalog, error) {
	if locale != "" && !events.IsLanguageTag(locale) {
		return nil, invalid("locale: must be a language tag (example: es)")
	}
	return wording.In(locale), nil
}
