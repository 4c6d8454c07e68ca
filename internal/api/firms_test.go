package api

import (
	"errors"
	"net/http"
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// A firm reads its own settings. Whoever may call for all firms reads theirs, page by page.
func TestTheSettingsOfFirms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	for _, firm := range []string{acme, "zenith"} {
		r.publish(firm, events.FirmUpserted, object{
			"name": "The firm " + firm, "portal_url": "https://portal.example", "time_zone": "America/Denver",
			"locale": "es", "office_locale": "fr",
		})
		testenv.Eventually(t, testenvPatience, func() error {
			_, err := r.client.Firms(r.ctx, firm, FirmsRequest{})
			return err
		})
	}
	own, err := r.client.Firms(r.ctx, acme, FirmsRequest{})
	r.must(err)
	if want := (Firm{acme, "The firm acme", "America/Denver", "es", "fr"}); len(own.Firms) != 1 || own.Firms[0] != want {
		t.Errorf("acme reads %+v", own)
	}
	first, err := r.client.Firms(r.ctx, AllFirms, FirmsRequest{Page: Page{Limit: 1}})
	r.must(err)
	second, err := r.client.Firms(r.ctx, AllFirms, FirmsRequest{Page: Page{Limit: 1, Cursor: first.Next}})
	r.must(err)
	if len(first.Firms) != 1 || first.Firms[0].FirmID != acme || len(second.Firms) != 1 ||
		second.Firms[0].FirmID != "zenith" || second.Next != "" {
		t.Errorf("the pages are %+v and %+v", first, second)
	}
	_, err = r.client.Firms(r.ctx, "nobody", FirmsRequest{})
	if refused, is := errors.AsType[*Error](err); !is || refused.Code != http.StatusNotFound {
		t.Errorf("a firm that nobody has named: %v", err)
	}
	_, err = r.client.Firms(r.ctx, acme, FirmsRequest{Page: Page{Limit: 1, Cursor: first.Next}})
	if refused, is := errors.AsType[*Error](err); !is || refused.Code != http.StatusBadRequest {
		t.Errorf("the cursor of another question: %v", err)
	}
}
