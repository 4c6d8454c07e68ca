package pages

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/console/identity"
	"portal-invites/internal/console/words"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// frame is what every page has: who looks, at which firm, and in which words.
type frame struct {
	words.Printer
	Who      identity.Who
	Firm     string // "" on pages about no single firm
	FirmName string
	// FirmKnown says whether the firm's settings have arrived.
	FirmKnown bool
	Path      string // of this page, with its query

	Section string // which entry of the navigation is the present one
	Title   string
	Crumbs  []crumb
	Live    string // the address of the page's stream; "" for a page that is not live
	Watch   string // the run that the page is about, if it is about one
	Popup   bool   // the page has a form whose receipt is shown as a pop-up

	request    *http.Request
	ctx        context.Context //nolint:containedctx // a frame lives exactly as long as its request
	client     api.Client
	credential string
	leave      func()
	site       *Site
}

// crumb is a step of the way to a page.
type crumb struct{ Name, Path string }

// frameOf finds out who looks at what. A firm that the person may not see does not exist for them.
func (s *Site) frameOf(r *http.Request) (*frame, error) {
	language := ""
	if c, err := r.Cookie(languageCookie); err == nil {
		language = c.Value
	}
	l := words.Choose(language, r.Header.Get("Accept-Language"))
	f := &frame{
		Printer: words.NewPrinter(l, time.UTC, time.Now()), Path: r.URL.RequestURI(), request: r, ctx: r.Context(), site: s,
		leave: func() {},
	}
	who, err := s.Source.Who(r)
	if err != nil {
		return f, err
	}
	f.Who = who
	if err := r.ParseForm(); err != nil {
		return f, errBadInput
	}
	firm := r.PathValue("firm")
	if firm == "" {
		return f, nil
	}
	if firm != api.AllFirms && events.CheckFirm(firm) != nil || !who.Sees(firm) || firm == api.AllFirms && !who.Ops {
		return f, errNoPage
	}
	f.Firm = firm
	if err := f.connect(firm); err != nil {
		return f, err
	}
	return f, f.settle() //nolint:contextcheck // the frame has the context of the request
}

// connect takes the connection with which a firm is asked, until the request ends.
func (f *frame) connect(firm string) error {
	name, ok := f.site.Lines.Of(firm, f.Who.Ops)
	if !ok {
		return errNoPage
	}
	nc, leave, err := f.site.Lines.Take(f.ctx, name)
	if err != nil {
		return err
	}
	context.AfterFunc(f.ctx, leave)
	f.client, f.credential = api.NewClient(nc), name
	if !nc.IsConnected() {
		return errAway
	}
	return nil
}

// settle reads the firm's name and time zone. A firm that is not set up yet goes by its id.
func (f *frame) settle() error {
	firm, err := f.site.firms.of(f)
	if err != nil {
		return err
	}
	f.FirmName, f.FirmKnown = firm.Name, firm.Name != f.Firm
	if zone := rules.Location(firm.TimeZone); zone != nil {
		f.Printer = words.NewPrinter(f.Lang, zone, time.Now())
	}
	return nil
}

// URL is the address of a page about the firm. pairs are names and values of its query.
func (f *frame) URL(path string, pairs ...string) string {
	return f.at("/f/"+f.Firm+"/"+path, pairs...)
}

func (f *frame) at(path string, pairs ...string) string {
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// value is a value of the page's query or form.
func (f *frame) value(name string) string { return f.request.FormValue(name) }

// patiently returns a context for questions to the services.
func (f *frame) patiently() (context.Context, context.CancelFunc) {
	return context.WithTimeout(f.ctx, patience)
}

// firmCache remembers settings of firms for a moment, since every page needs them.
type firmCache struct {
	mu  sync.Mutex
	all map[[2]string]cachedFirm // by credential and firm
}

type cachedFirm struct {
	api.Firm
	read time.Time
}

// remembered is how long settings of a firm are believed.
const remembered = 20 * time.Second

func (c *firmCache) of(f *frame) (api.Firm, error) {
	unnamed := api.Firm{FirmID: f.Firm, Name: f.Firm}
	if f.Firm == api.AllFirms {
		return unnamed, nil
	}
	key := [2]string{f.credential, f.Firm}
	c.mu.Lock()
	found, has := c.all[key]
	c.mu.Unlock()
	if has && time.Since(found.read) < remembered {
		return found.Firm, nil
	}
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Firms(ctx, f.Firm, api.FirmsRequest{})
	switch {
	case isNotFound(err):
		return unnamed, nil
	case err != nil:
		return unnamed, err
	case len(answer.Firms) != 1:
		return unnamed, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil || len(c.all) > 10_000 {
		c.all = map[[2]string]cachedFirm{}
	}
	c.all[key] = cachedFirm{answer.Firms[0], time.Now()}
	return answer.Firms[0], nil
}

// Language is what the page offers as another language.
type offered struct {
	Tag, Name, Path string
	Chosen          bool
}

// Languages are the languages that a reader may choose.
func (f *frame) Languages() (list []offered) {
	for _, l := range words.Languages() {
		list = append(list, offered{
			string(l), l.OwnName(), f.at("/language/"+string(l), "back", f.Path), l == f.Lang,
		})
	}
	return list
}

const languageCookie = "portal-console-language"

// chooseLanguage keeps a choice and leads back.
func (s *Site) chooseLanguage(w http.ResponseWriter, r *http.Request) {
	l := words.Choose(r.PathValue("language"), "")
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // a language is no secret, and the console may be reached by http
		Name: languageCookie, Value: string(l), Path: "/", MaxAge: 365 * 24 * 3600,
		SameSite: http.SameSiteLaxMode, HttpOnly: true,
	})
	w.Header().Set("Location", local(r.FormValue("back")))
	w.WriteHeader(http.StatusSeeOther)
}
