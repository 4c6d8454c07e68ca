package identity

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func from(remote string, headers ...string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", nil)
	r.RemoteAddr = remote
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// Headers count from the addresses in the settings, and from nowhere else.
func TestHeadersCountFromTheProxyOnly(t *testing.T) {
	t.Parallel()
	trusted, err := ParsePrefixes("10.0.0.5, 10.1.0.0/24, ::1")
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewProxy(ProxyConfig{
		Trusted: trusted, NameHeader: "X-User", GroupsHeader: "X-Groups", Groups: Groups{Prefix: "portal-"},
	})
	if err != nil {
		t.Fatal(err)
	}
	const name, groups, office = "X-User", "X-Groups", "portal-office:acme"
	nora := func(remote string, more ...string) *http.Request {
		return from(remote, append([]string{name, "Nora", groups, office}, more...)...)
	}
	for name, c := range map[string]struct {
		request *http.Request
		code    int // 0: let in
	}{
		"the proxy":                    {nora("10.0.0.5:9"), 0},
		"a network of proxies":         {nora("10.1.0.77:9"), 0},
		"the proxy by IPv6":            {nora("[::1]:9"), 0},
		"the proxy in IPv6's clothes":  {nora("[::ffff:10.0.0.5]:9"), 0},
		"somebody else":                {nora("10.0.0.6:9"), http.StatusUnauthorized},
		"somebody who says the proxy":  {nora("8.8.8.8:9", "X-Forwarded-For", "10.0.0.5"), http.StatusUnauthorized},
		"no address":                   {nora("@"), http.StatusUnauthorized},
		"two names":                    {nora("10.0.0.5:9", name, "Eve"), http.StatusBadRequest},
		"two groups":                   {nora("10.0.0.5:9", groups, "portal-ops"), http.StatusBadRequest},
		"the proxy without a name":     {from("10.0.0.5:9", groups, office), http.StatusUnauthorized},
		"the proxy with an empty name": {from("10.0.0.5:9", name, " ", groups, office), http.StatusForbidden},
		"nobody's group":               {from("10.0.0.5:9", name, "Nora", groups, "ops,staff"), http.StatusForbidden},
		"read only, but nothing to see": {
			from("10.0.0.5:9", name, "Nora", groups, "portal-read-only"), http.StatusForbidden,
		},
	} {
		who, err := p.Who(c.request)
		refused, is := errors.AsType[*RefusedError](err)
		switch {
		case c.code == 0 && (err != nil || !who.Sees("acme") || who.Sees("zenith") || who.CSRF() == ""):
			t.Errorf("%s: %+v, %v", name, who, err)
		case c.code != 0 && (!is || refused.Code != c.code):
			t.Errorf("%s: %+v, %v, want %d", name, who, err, c.code)
		}
	}
	for _, list := range []string{"", "any", "0.0.0.0/0", "::/0", "10.0.0.5,", "10.0.0.0/33"} {
		if got, err := ParsePrefixes(list); err == nil {
			t.Errorf("%q is taken for %v", list, got)
		}
	}
}

// Groups give rights, and nothing else does.
func TestRights(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		groups                                 []string
		sees, invites, replays, other, operate bool
	}{
		{[]string{"p-office:acme"}, true, true, true, false, false},
		{[]string{"p-office:acme", "p-read-only"}, true, false, false, false, false},
		{[]string{"p-ops"}, true, false, true, true, true},
		{[]string{"p-ops", "p-read-only"}, true, false, false, true, false},
		{[]string{"p-office:zenith"}, false, false, false, true, false},
	} {
		who, err := Groups{Prefix: "p-"}.Who("Nora", c.groups)
		if err != nil {
			t.Fatal(err)
		}
		got := []bool{who.Sees("acme"), who.Invites("acme"), who.Replays("acme"), who.Sees("zenith"), who.Operates()}
		if want := []bool{c.sees, c.invites, c.replays, c.other, c.operate}; !slices.Equal(got, want) {
			t.Errorf("%q: sees, invites, replays, sees another, operates: %v, want %v", c.groups, got, want)
		}
	}
}

// A session has a new id, whatever the browser brought along, and ends.
func TestSessions(t *testing.T) {
	t.Parallel()
	s := NewSessions(true)
	fixed := from("127.0.0.1:9")
	fixed.AddCookie(&http.Cookie{Name: s.cookie(), Value: "chosen-by-the-attacker"})
	w := httptest.NewRecorder()
	s.Begin(w, fixed, Who{Name: "Nora"})
	cookies := w.Result().Cookies()
	set := cookies[len(cookies)-1]
	if set.Value == "chosen-by-the-attacker" || len(set.Value) < 20 || !set.HttpOnly || !set.Secure ||
		set.SameSite != http.SameSiteLaxMode || !strings.HasPrefix(set.Name, "__Host-") {
		t.Errorf("the cookie is %+v", set)
	}
	if _, err := s.Who(fixed); !errors.Is(err, ErrNobody) {
		t.Errorf("the attacker's session is somebody: %v", err)
	}
	r := from("127.0.0.1:9")
	r.AddCookie(set)
	who, err := s.Who(r)
	if err != nil || who.Name != "Nora" || !who.Wrote(who.CSRF()) || who.Wrote("") || who.Wrote("x") {
		t.Errorf("the session is %+v, %v", who, err)
	}
	s.End(httptest.NewRecorder(), r)
	if _, err := s.Who(r); !errors.Is(err, ErrNobody) {
		t.Errorf("after logging out: %v", err)
	}
	s.Begin(w, r, Who{Name: "Nora"})
	for _, one := range s.all {
		one.used = one.used.Add(-sessionIdle - time.Second)
	}
	for _, one := range w.Result().Cookies() {
		r.AddCookie(one)
	}
	if _, err := s.Who(r); !errors.Is(err, ErrNobody) {
		t.Errorf("after two hours without a request: %v", err)
	}
}

// A link lets one browser in, on this machine.
func TestALinkWorksOnceAndHere(t *testing.T) {
	t.Parallel()
	next := ""
	l := NewLink("http://127.0.0.1:1", Who{Name: "Nora"}, []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")},
		func(link string) { next = link })
	mux := http.NewServeMux()
	l.Routes(mux)
	open := func(link, remote string) (cookies []*http.Cookie) {
		w := httptest.NewRecorder()
		r := from(remote)
		r.URL.Path = strings.TrimPrefix(link, "http://127.0.0.1:1")
		mux.ServeHTTP(w, r)
		return w.Result().Cookies()
	}
	first := l.URL()
	if got := open(first, "192.168.1.7:9"); len(got) != 0 {
		t.Errorf("another machine is let in: %v", got)
	}
	if got := open("/login/wrong", "127.0.0.1:9"); len(got) != 0 {
		t.Errorf("a wrong link lets in: %v", got)
	}
	let := open(first, "127.0.0.1:9")
	if len(let) != 1 || next == "" || next == first || next != l.URL() {
		t.Fatalf("the link gives %v, and the next is %q", let, next)
	}
	if got := open(first, "127.0.0.1:9"); len(got) != 0 {
		t.Errorf("the link lets in twice: %v", got)
	}
	r := from("127.0.0.1:9")
	r.AddCookie(let[0])
	if who, err := l.Who(r); err != nil || who.Name != "Nora" {
		t.Errorf("%+v, %v", who, err)
	}
	r.RemoteAddr = "192.168.1.7:9"
	if refused, is := errors.AsType[*RefusedError](second(l.Who(r))); !is || refused.Code != http.StatusForbidden {
		t.Error("a session counts on another machine")
	}
	if got := open(next, "172.17.0.1:9"); len(got) != 1 {
		t.Error("a network in the settings is not let in")
	}
}

func second[A, B any](_ A, b B) B { return b }
