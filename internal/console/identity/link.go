package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"net/http"
	"net/netip"
	"sync"
)

// Link lets in whoever opens a link that was printed on this machine. Each link works once, and from this machine only.
type Link struct {
	sessions *Sessions
	base     string         // the address of the console
	who      Who            // whom a link lets in
	from     []netip.Prefix // where links work, besides this machine

	mu    sync.Mutex
	token string
	used  func(next string) // is told of the next link when one was used; may be nil
}

// NewLink returns a source with its first link. from are the networks, besides this machine, where links work. used is
// called with the next link, each time that one was used.
func NewLink(base string, who Who, from []netip.Prefix, used func(next string)) *Link {
	return &Link{sessions: NewSessions(false), base: base, who: who, from: from, token: rand.Text(), used: used}
}

// URL is the link that lets the next person in.
func (l *Link) URL() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.base + "/login/" + l.token
}

// Who returns the person of the session.
func (l *Link) Who(r *http.Request) (Who, error) {
	if !l.isNear(r) {
		return Who{}, &RefusedError{http.StatusForbidden, "The console answers on its own machine only."}
	}
	return l.sessions.Who(r)
}

// Routes adds the link.
func (l *Link) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /login/{token}", l.open)
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		l.sessions.End(w, r)
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	})
}

func (l *Link) open(w http.ResponseWriter, r *http.Request) {
	if !l.isNear(r) || !l.take(r.PathValue("token")) {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	l.sessions.Begin(w, r, l.who)
	if l.used != nil {
		l.used(l.URL())
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// take uses a token up.
func (l *Link) take(token string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !hmac.Equal([]byte(token), []byte(l.token)) {
		return false
	}
	l.token = rand.Text()
	return true
}

// isNear says whether a request comes from this machine, or a network that counts as such. No header has a say in it.
func (l *Link) isNear(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && (from.Addr().Unmap().IsLoopback() || contains(l.from, from.Addr()))
}
