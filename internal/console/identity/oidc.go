package identity

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// OIDCConfig says who logs people in.
type OIDCConfig struct {
	Issuer       string
	ClientID     string
	ClientSecret string
	Base         string // the address of the console, which the issuer leads back to
	GroupsClaim  string
	Groups       Groups
}

// loginLasts is how long a person may take to log in.
const loginLasts = 10 * time.Minute

// OIDC lets in whom an issuer of OpenID Connect has logged in.
type OIDC struct {
	OIDCConfig
	sessions *Sessions

	mu       sync.Mutex
	provider *oidc.Provider // nil until the issuer has answered once
}

// NewOIDC returns a source. It asks the issuer when the first person logs in.
func NewOIDC(cfg OIDCConfig) *OIDC {
	return &OIDC{OIDCConfig: cfg, sessions: NewSessions(strings.HasPrefix(cfg.Base, "https://"))}
}

// Who returns the person of the session.
func (o *OIDC) Who(r *http.Request) (Who, error) { return o.sessions.Who(r) }

// Routes adds the way to the issuer and back.
func (o *OIDC) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /login/begin", o.begin)
	mux.HandleFunc("GET /login/back", o.back)
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		o.sessions.End(w, r)
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	})
}

func (o *OIDC) discover(ctx context.Context) (*oidc.Provider, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider != nil {
		return o.provider, nil
	}
	// The provider keeps the context for fetching keys later, so it must not end with this request.
	provider, err := oidc.NewProvider(context.WithoutCancel(ctx), o.Issuer)
	if err != nil {
		return nil, fmt.Errorf("ask the issuer %s: %w", o.Issuer, err)
	}
	o.provider = provider
	return provider, nil
}

func (o *OIDC) config(p *oidc.Provider) oauth2.Config {
	return oauth2.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: p.Endpoint(), RedirectURL: o.Base + "/login/back",
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", "groups"},
	}
}

// attempt is one login on its way. A cookie keeps it, so that only the browser that began it can end it.
type attempt struct {
	State, Nonce, Verifier string
}

func (o *OIDC) begin(w http.ResponseWriter, r *http.Request) {
	provider, err := o.discover(r.Context())
	if err != nil {
		http.Error(w, "The login service does not answer. Try again in a moment.", http.StatusBadGateway)
		return
	}
	a := attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	o.keep(w, strings.Join([]string{a.State, a.Nonce, a.Verifier}, "."), int(loginLasts/time.Second))
	config := o.config(provider)
	http.Redirect(w, r, config.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)),
		http.StatusSeeOther)
}

func (o *OIDC) cookie() string { return o.sessions.cookie() + "-login" }

func (o *OIDC) keep(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure is set wherever the console is reached by https
		Name: o.cookie(), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: o.sessions.secure, SameSite: http.SameSiteLaxMode,
	})
}

// back ends a login: it exchanges the code, checks the token, and begins a session with a new id.
func (o *OIDC) back(w http.ResponseWriter, r *http.Request) {
	who, err := o.finish(r)
	o.keep(w, "", -1)
	if refused, is := errors.AsType[*RefusedError](err); is {
		http.Error(w, refused.Message, refused.Code)
		return
	}
	if err != nil {
		http.Error(w, "The login did not succeed. Begin again.", http.StatusUnauthorized)
		return
	}
	o.sessions.Begin(w, r, who)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (o *OIDC) finish(r *http.Request) (Who, error) {
	kept, err := r.Cookie(o.cookie())
	if err != nil {
		return Who{}, &RefusedError{http.StatusBadRequest, "This browser has not begun to log in. Begin again."}
	}
	parts := strings.Split(kept.Value, ".")
	if len(parts) != 3 || r.FormValue("state") != parts[0] {
		return Who{}, &RefusedError{http.StatusBadRequest, "The answer belongs to another login. Begin again."}
	}
	a := attempt{parts[0], parts[1], parts[2]}
	provider, err := o.discover(r.Context())
	if err != nil {
		return Who{}, err
	}
	config := o.config(provider)
	token, err := config.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return Who{}, fmt.Errorf("exchange the code: %w", err)
	}
	raw, is := token.Extra("id_token").(string)
	if !is {
		return Who{}, errors.New("the issuer gave no id_token")
	}
	checked, err := provider.Verifier(&oidc.Config{ClientID: o.ClientID}).Verify(r.Context(), raw)
	if err != nil {
		return Who{}, fmt.Errorf("check the id_token: %w", err)
	}
	if checked.Nonce != a.Nonce {
		return Who{}, errors.New("the id_token is of another login")
	}
	return o.read(checked)
}

// read reads the person from the claims of a token.
func (o *OIDC) read(token *oidc.IDToken) (Who, error) {
	var claims map[string]json.RawMessage
	if err := token.Claims(&claims); err != nil {
		return Who{}, fmt.Errorf("read the claims: %w", err)
	}
	var name string
	for _, claim := range []string{"name", "preferred_username", "email", "sub"} {
		if err := json.Unmarshal(claims[claim], &name); err == nil && name != "" {
			break
		}
	}
	var groups []string
	if raw, has := claims[o.GroupsClaim]; has {
		if err := json.Unmarshal(raw, &groups); err != nil {
			return Who{}, fmt.Errorf("claim %s: %w", o.GroupsClaim, err)
		}
	}
	return o.Groups.Who(name, groups)
}
