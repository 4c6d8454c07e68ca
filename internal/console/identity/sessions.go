package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	sessionLasts = 12 * time.Hour
	sessionIdle  = 2 * time.Hour
	mostSessions = 10_000
)

// Sessions are the people who are logged in. They are kept in memory, so a restart of the console logs everybody out.
type Sessions struct {
	secure bool // the console is reached by https

	mu  sync.Mutex
	all map[[sha256.Size]byte]*session // by the hash of the cookie, so that a dump of memory opens none
}

type session struct {
	who         Who
	began, used time.Time
}

// NewSessions returns an empty set of sessions.
func NewSessions(secure bool) *Sessions {
	return &Sessions{secure: secure, all: map[[sha256.Size]byte]*session{}}
}

// cookie is the name of the cookie. With __Host-, a browser accepts it only over https and from this very host.
func (s *Sessions) cookie() string {
	if s.secure {
		return "__Host-portal-console"
	}
	return "portal-console"
}

// Begin logs a person in. The session always has a new id: what the browser brought along counts for nothing.
func (s *Sessions) Begin(w http.ResponseWriter, r *http.Request, who Who) {
	s.End(w, r)
	id := rand.Text()
	who.csrf = rand.Text()
	now := time.Now()
	s.mu.Lock()
	s.forgetOld(now)
	s.all[sha256.Sum256([]byte(id))] = &session{who: who, began: now, used: now}
	s.mu.Unlock()
	s.set(w, id, int(sessionLasts/time.Second))
}

func (s *Sessions) set(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure is set wherever the console is reached by https
		Name: s.cookie(), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode,
	})
}

// End logs the sender of a request out.
func (s *Sessions) End(w http.ResponseWriter, r *http.Request) {
	for _, id := range s.ids(r) {
		s.mu.Lock()
		delete(s.all, sha256.Sum256([]byte(id)))
		s.mu.Unlock()
		s.set(w, "", -1)
	}
}

// Who returns the person of a request's session.
func (s *Sessions) Who(r *http.Request) (Who, error) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.ids(r) {
		found := s.all[sha256.Sum256([]byte(id))]
		if found == nil || found.isOver(now) {
			continue
		}
		found.used = now
		return found.who, nil
	}
	return Who{}, ErrNobody
}

// ids returns the cookies of the request. A neighbour on the same host may have set a second one.
func (s *Sessions) ids(r *http.Request) (ids []string) {
	for _, c := range r.CookiesNamed(s.cookie()) {
		if strings.TrimSpace(c.Value) != "" {
			ids = append(ids, c.Value)
		}
	}
	return ids
}

func (s *session) isOver(now time.Time) bool {
	return now.Sub(s.began) > sessionLasts || now.Sub(s.used) > sessionIdle
}

// forgetOld removes the sessions that are over, and the oldest ones if there are too many.
func (s *Sessions) forgetOld(now time.Time) {
	for id, found := range s.all {
		if found.isOver(now) {
			delete(s.all, id)
		}
	}
	for len(s.all) >= mostSessions {
		var oldest [sha256.Size]byte
		at := now
		for id, found := range s.all {
			if !found.used.After(at) {
				oldest, at = id, found.used
			}
		}
		delete(s.all, oldest)
	}
}
