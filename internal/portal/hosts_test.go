package portal

import (
	"errors"
	"strings"
	"testing"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	h, err := ParseHosts("*.portal.example, acme.example,*.B\u00fccher.example,localhost")
	if err != nil {
		t.Fatal(err)
	}
	for address, allowed := range map[string]bool{
		"https://acme.portal.example":                  true,
		"https://a.b.portal.example:8443/x":            true,
		"https://ACME.Portal.Example":                  true,
		"https://acme.portal.example.":                 true,
		"https://acme.example":                         true,
		"https://a.b\u00fccher.example":                true,
		"https://a.xn--bcher-kva.example":              true,
		"http://localhost:8080":                        true,
		"https://portal.example":                       false,
		"https://evilportal.example":                   false,
		"https://acme.portal.example.evil.com":         false,
		"https://evil.com/acme.portal.example":         false,
		"https://evil.com\\.portal.example":            false,
		"https://portal.acme.example":                  false,
		"https://.portal.example":                      false,
		"https://acme.portal.example@evil.com":         false,
		"https://\u0430cme.example":                    false,
		"":                                             false,
		"https://[::1]":                                false,
		"https://evil.com%2f.portal.example":           false,
		"https://evil.com%00.portal.example":           false,
		"https://acme.example:443@evil.com/?x=.portal": false,
	} {
		if err := h.Check(address); (err == nil) != allowed || err != nil && !errors.Is(err, ErrHost) {
			t.Errorf("Check(%q) = %v, allowed: %t", address, err, allowed)
		}
	}
	if none := (Hosts{}); none.Check("https://evil.com") != nil || !none.All() {
		t.Error("without a setting, every host is allowed")
	}
	for _, setting := range []string{
		"*", "*.example", "https://a.example", "a.example:443", "a.*.example", "a,,b", "a b.example",
	} {
		if _, err := ParseHosts(setting); err == nil || !strings.HasPrefix(err.Error(), "PORTAL_HOSTS: ") {
			t.Errorf("ParseHosts(%q): %v", setting, err)
		}
	}
	if got := Host("https://B\u00fccher.example:8443/x"); got != "xn--bcher-kva.example:8443" {
		t.Errorf("Host = %q", got)
	}
}
