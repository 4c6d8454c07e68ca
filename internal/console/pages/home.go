package pages

import (
	"net/http"

	"portal-invites/internal/api"
	"portal-invites/internal/console/identity"
	"portal-invites/internal/console/line"
	"portal-invites/internal/events"
)

// loginPage says how to log in.
type loginPage struct {
	*frame
	By string
}

func (s *Site) loginPage(w http.ResponseWriter, r *http.Request) {
	f, err := s.frameOf(r)
	switch {
	case err == nil:
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case err != identity.ErrNobody: //nolint:errorlint // the source returns it as it is
		s.showError(w, f, err)
	default:
		f.Title = f.T("login.title")
		s.render(w, f, http.StatusOK, loginPage{f, s.LoginBy})
	}
}

// firmsPage lets a person choose one of their firms.
type firmsPage struct {
	*frame
	Firms   []api.Firm
	Unknown string // an id that was asked for and can't be one
	Next    string
	Free    bool // any firm may be named
}

// home leads to the only firm of a person, or lists theirs.
func (s *Site) home(f *frame) (any, error) {
	if asked := f.value("firm"); asked != "" {
		if events.CheckFirm(asked) == nil && f.Who.Sees(asked) {
			return seeOther("/f/" + asked + "/runs"), nil
		}
		return s.listFirms(f, asked)
	}
	if !f.Who.Ops && !f.Who.EveryFirm && len(f.Who.Firms) == 1 {
		return seeOther("/f/" + f.Who.Firms[0] + "/runs"), nil
	}
	return s.listFirms(f, "")
}

func (s *Site) listFirms(f *frame, unknown string) (any, error) {
	f.Title, f.Section = f.T("firms.title"), "firms"
	page := firmsPage{frame: f, Unknown: unknown, Free: f.Who.Ops || f.Who.EveryFirm}
	if !page.Free {
		for _, firm := range f.Who.Firms {
			page.Firms = append(page.Firms, api.Firm{FirmID: firm, Name: firm})
		}
		return page, nil
	}
	if !s.Lines.Has(line.Ops) {
		return page, nil
	}
	if err := f.connect(api.AllFirms); err != nil {
		return nil, err
	}
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Firms(ctx, api.AllFirms, api.FirmsRequest{Page: api.Page{Cursor: f.value("cursor")}})
	page.Firms, page.Next = answer.Firms, answer.Next
	return page, err
}

func (s *Site) firmHome(f *frame) (any, error) { return seeOther(f.URL("runs")), nil }
