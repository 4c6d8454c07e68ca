package identity

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// issuer is an issuer of OpenID Connect, which logs everybody in at once.
type issuer struct {
	*httptest.Server
	signer jose.Signer
	nonce  string
	claims map[string]any // that a test adds, or has take the place of the right ones
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{claims: map[string]any{}}
	i.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, value any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value)
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
			"jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "RS256"}}})
	})
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		i.nonce = r.FormValue("nonce")
		back := r.FormValue("redirect_uri") + "?code=c&state=" + url.QueryEscape(r.FormValue("state"))
		http.Redirect(w, r, back, http.StatusSeeOther)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		claims := map[string]any{
			"iss": i.URL, "aud": "console", "sub": "1", "name": "Nora Whitfield", "nonce": i.nonce,
			"exp": time.Now().Add(time.Hour).Unix(), "groups": []string{"portal-office:acme"},
		}
		maps.Copy(claims, i.claims)
		token, err := jwt.Signed(i.signer).Claims(claims).Serialize()
		if err != nil || r.FormValue("code_verifier") == "" {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": token})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// A person logs in at the issuer, and has the rights of their groups. What the token gets wrong lets nobody in.
func TestOpenIDConnect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		claims map[string]any
		code   int
	}{
		"a person of an office":    {nil, http.StatusOK},
		"a person of no office":    {map[string]any{"groups": []string{"staff"}}, http.StatusForbidden},
		"a token for another":      {map[string]any{"aud": "other"}, http.StatusUnauthorized},
		"an expired token":         {map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}, http.StatusUnauthorized},
		"a token of another login": {map[string]any{"nonce": "x"}, http.StatusUnauthorized},
		"a token of another":       {map[string]any{"iss": "https://evil.example"}, http.StatusUnauthorized},
		"groups that are none":     {map[string]any{"groups": 7}, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			i.claims = c.claims
			mux := http.NewServeMux()
			console := httptest.NewServer(mux)
			t.Cleanup(console.Close)
			source := NewOIDC(OIDCConfig{
				Issuer: i.URL, ClientID: "console", ClientSecret: "s", Base: console.URL, GroupsClaim: "groups",
				Groups: Groups{Prefix: "portal-"},
			})
			source.Routes(mux)
			mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
				who, err := source.Who(r)
				if err != nil || who.Name != "Nora Whitfield" || !who.Invites("acme") || who.Sees("zenith") || who.Ops {
					http.Error(w, "not logged in", http.StatusTeapot)
				}
			})
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			open := func(client *http.Client, path string) int {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, console.URL+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				response, err := client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				_ = response.Body.Close()
				return response.StatusCode
			}
			if code := open(&http.Client{Jar: jar, Transport: transport}, "/login/begin"); code != c.code {
				t.Errorf("the login ends with %d, want %d", code, c.code)
			}
			// Another browser can't end a login that it has not begun, nor begin a session with it.
			stranger := &http.Client{Transport: transport}
			if code := open(stranger, "/login/back?code=c&state=x"); code != http.StatusBadRequest {
				t.Errorf("a login that nobody has begun ends with %d", code)
			}
		})
	}
}
