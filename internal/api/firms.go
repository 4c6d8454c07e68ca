package api

import (
	"context"

	"portal-invites/internal/store"
)

// FirmsRequest asks for a firm's settings. [AllFirms] in the subject asks for all firms.
type FirmsRequest struct {
	Page // of all firms
}

// FirmsAnswer is the firm that was asked about, or a page of all firms in the order of their ids.
type FirmsAnswer struct {
	Firms []Firm `json:"firms"`
	Next  string `json:"next,omitempty"`
}

// Firm is what a page or a report about a firm needs to know of its settings.
type Firm struct {
	FirmID       string `json:"firm_id"`
	Name         string `json:"name"`
	TimeZone     string `json:"time_zone,omitempty"`     // a name of the IANA database; left out: UTC
	Locale       string `json:"locale,omitempty"`        // of its mails
	OfficeLocale string `json:"office_locale,omitempty"` // of what its office reads
}

func (s *server) listFirms(ctx context.Context, firm string, r FirmsRequest) (FirmsAnswer, error) {
	none := FirmsAnswer{Firms: []Firm{}}
	page, err := newPager(r.Page, FirmsEndpoint, firm, r)
	if err != nil {
		return none, err
	}
	var last string
	if _, err := page.after(&last); err != nil {
		return none, err
	}
	filter := store.FirmFilter{AfterID: last}
	if firm != AllFirms {
		filter.FirmID = firm
	}
	found, err := s.Reads.Firms(ctx, filter, page.limit+1)
	if err != nil {
		return none, err
	}
	if len(found) == 0 && firm != AllFirms {
		return none, notFound("firm: no FirmUpserted has named this firm; publish one")
	}
	list := make([]Firm, len(found))
	for i, f := range found {
		list[i] = Firm(f)
	}
	n, next, err := cut(list, page, func(f Firm) any { return f.FirmID })
	return FirmsAnswer{Firms: list[:n], Next: next}, err
}
