package portal

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for address, wrong := range map[string]string{
		"https://portal.acme.example":           "",
		"https://portal.acme.example:8443/a/b/": "",
		"https://portal_1.acme.example":         "",
		"https://portal.acme.example:":          "",
		"https://portal.acme.example:65535":     "",
		"https://b\u00fccher.example/b\u00fcro": "",
		"https://[2001:db8::1]:8443":            "",
		"https://192.0.2.1":                     "",
		"http://localhost:8080":                 "",
		"http://[::1]/portal":                   "",
		"http://127.0.0.1:8080":                 "",

		"":                            "must be an https address",
		"http://portal.acme.example":  "must be an https address",
		"https://":                    "must be an https address",
		"https://u@portal.example":    "must be an https address",
		"https://portal.example/?a=1": "must be an https address",
		"https://portal.example/#a":   "must be an https address",
		"https://a b.example":         "must be an https address",
		`https://evil.example\@a.b`:   "must be an https address",

		"https://portal.acme.example:65536":          "has a port above 65535",
		"https://portal.acme.example:99999999999999": "has a port above 65535",
		"https://[fe80::1%25eth0]":                   "has a zone",
		"https://b%C3%BCcher.example":                "has a zone or an escaped character",
		"https://portal.example/\u202egpj":           "nobody sees",
		"https://portal\u202e.example":               "nobody sees",
		"https://portal.example/\u200f":              "nobody sees",
		"https://portal.example/\u2066a":             "nobody sees",
		"https://por\u200btal.example":               "nobody sees",
		"https://portal.example/\u0085":              "nobody sees",
		"https://portal.example/\u2028":              "nobody sees",
		"https://\u0301\u00fc.example":               "can't be written in ASCII",
		`https://"portal".example`:                   "that no host name has",
		"https://portal<b>.example":                  "that no host name has",
		"https://portal,evil.example":                "that no host name has",
	} {
		err := Check(address)
		if wrong == "" && err != nil || wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)) {
			t.Errorf("Check(%+q) = %v, want an error with %q", address, err, wrong)
		}
		if err != nil && len(address) > 10 && strings.Contains(err.Error(), address) {
			t.Errorf("the error repeats the address: %v", err)
		}
	}
}

func TestInASCII(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://portal.acme.example/invite/k1.A_-": "https://portal.acme.example/invite/k1.A_-",
		"https://B\u00fccher.example:8443/a":        "https://xn--bcher-kva.example:8443/a",
		"https://p\u0430ypal.com":                   "https://xn--pypal-4ve.com",
		"https://portal。example/invite/x":           "https://portal.example/invite/x",
		"https://acme.example/b\u00fcro":            "https://acme.example/b%C3%BCro",
		"not an address \u00fc":                     "not an address \u00fc",
	} {
		if got := InASCII(address); got != want {
			t.Errorf("InASCII(%q) = %q, want %q", address, got, want)
		}
	}
}
