package pages

import (
	"errors"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"portal-invites/internal/console/identity"
	"portal-invites/internal/console/line"
	"portal-invites/internal/console/live"
)

// Config has the parts of the console.
type Config struct {
	Lines  *line.Lines
	Source identity.Source
	// LoginBy is how people log in: link, proxy or oidc.
	LoginBy string
	// Hosts are the names by which the console may be opened. Another name would be that of a foreign website which leads
	// to this address.
	Hosts []string
	// ClientURL is the address of a client in the firm's own software: {firm_id} and {client_id} stand for the ids. "" for
	// none.
	ClientURL string
	// Edits is what may be corrected in the console: [EditContacts], or "" for nothing.
	Edits string
	Log   zerolog.Logger
}

// EditContacts is the value of [Config.Edits] that lets an office correct a contact: the console publishes it.
const EditContacts = "contacts"

// The values of [Config.LoginBy].
const (
	ByLink  = "link"
	ByProxy = "proxy"
	ByOIDC  = "oidc"
)

// Site is the console as an HTTP handler.
type Site struct {
	Config
	hub   *live.Hub
	firms firmCache
	http.Handler
}

// New returns a console. The caller must close it.
func New(cfg Config) (*Site, error) {
	if err := checkClientURL(cfg.ClientURL); err != nil {
		return nil, err
	}
	if cfg.Edits != "" && cfg.Edits != EditContacts {
		return nil, errors.New("CONSOLE_EDITS: must be contacts, or left out (example: contacts)")
	}
	s := &Site{Config: cfg}
	s.hub = live.NewHub(s.reader)
	mux := http.NewServeMux()
	s.routes(mux)
	protection := http.NewCrossOriginProtection()
	s.Handler = s.guard(protection.Handler(mux))
	return s, nil
}

// Close ends what reads outcomes for browsers.
func (s *Site) Close() { s.hub.Close() }

func (s *Site) routes(mux *http.ServeMux) {
	s.Source.Routes(mux)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /login", s.loginPage)
	mux.HandleFunc("GET /static/{name}", serveStatic)
	mux.HandleFunc("GET /language/{language}", s.chooseLanguage)
	mux.HandleFunc("GET /{$}", s.page(s.home))
	mux.HandleFunc("GET /ops", s.page(s.allFirms))
	mux.HandleFunc("POST /ops", s.action(s.pauseFirm))
	mux.HandleFunc("GET /ops/senders", s.page(s.senders))
	mux.HandleFunc("GET /f/{firm}", s.page(s.firmHome))
	mux.HandleFunc("GET /f/{firm}/live", s.live)
	mux.HandleFunc("GET /f/{firm}/runs", s.page(s.runs))
	mux.HandleFunc("GET /f/{firm}/runs/{run}", s.page(s.run))
	mux.HandleFunc("POST /f/{firm}/runs/{run}", s.action(s.instruct))
	mux.HandleFunc("GET /f/{firm}/runs/{run}/cancel", s.page(s.cancel))
	mux.HandleFunc("GET /f/{firm}/runs/{run}/people", s.page(s.runPeople))
	mux.HandleFunc("GET /f/{firm}/runs/{run}/people.csv", s.page(s.runCSV))
	mux.HandleFunc("GET /f/{firm}/clients", s.page(s.clients))
	mux.HandleFunc("GET /f/{firm}/clients.csv", s.page(s.clientsCSV))
	mux.HandleFunc("GET /f/{firm}/client", s.page(s.clientOf))
	mux.HandleFunc("GET /f/{firm}/person", s.page(s.person))
	mux.HandleFunc("GET /f/{firm}/edit", s.page(s.edit))
	mux.HandleFunc("POST /f/{firm}/edit", s.action(s.correct))
	mux.HandleFunc("GET /f/{firm}/mail", s.page(s.mail))
	mux.HandleFunc("GET /f/{firm}/request", s.page(s.ask))
	mux.HandleFunc("POST /f/{firm}/send", s.action(s.send))
	mux.HandleFunc("GET /f/{firm}/pick", s.page(s.pick))
	mux.HandleFunc("POST /f/{firm}/pick", s.action(s.sendPicked))
	mux.HandleFunc("GET /f/{firm}/done", s.page(s.done))
	mux.HandleFunc("GET /f/{firm}/bulk", s.page(s.bulk))
	mux.HandleFunc("POST /f/{firm}/bulk", s.action(s.sendBulk))
	mux.HandleFunc("GET /f/{firm}/fix", s.page(s.fix))
	mux.HandleFunc("POST /f/{firm}/fix", s.action(s.replay))
	mux.HandleFunc("GET /f/{firm}/preview", s.page(s.preview))
	mux.HandleFunc("GET /f/{firm}/templates", s.page(s.templatesOf))
	mux.HandleFunc("GET /f/{firm}/letters", s.page(s.letters))
	mux.HandleFunc("GET /f/{firm}/letters/{letter}", s.page(s.letter))
	mux.HandleFunc("POST /f/{firm}/letters/{letter}", s.action(s.markLetter))
	mux.HandleFunc("GET /f/{firm}/held", s.page(s.held))
	mux.HandleFunc("POST /f/{firm}/held", s.action(s.rule))
	mux.HandleFunc("/", s.page(func(*frame) (any, error) { return nil, errNoPage }))
}

// page makes a handler of what gathers a page's data. The data is the page: its type names the template.
func (s *Site) page(gather func(*frame) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, err := s.frameOf(r)
		var data any
		if err == nil {
			data, err = gather(f)
		}
		if errors.Is(err, identity.ErrNobody) {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		if err != nil {
			s.showError(w, f, err)
			return
		}
		s.answer(w, f, http.StatusOK, data)
	}
}

// answer writes what a page has gathered: a redirect, a file or a page.
func (s *Site) answer(w http.ResponseWriter, f *frame, code int, data any) {
	if to, is := data.(seeOther); is {
		w.Header().Set("Location", string(to))
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	if file, is := data.(interface{ write(w http.ResponseWriter) }); is {
		file.write(w)
		return
	}
	s.render(w, f, code, data)
}

// seeOther leads to another page of the console.
type seeOther string

// patience is how long a page waits for the services.
const patience = 8 * time.Second
