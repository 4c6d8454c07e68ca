package link

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/uuid"
)

const invite = "0192f3a1-7c55-7d11-9b2e-4f6a5c1d2e3f"

// keyText is a key of 32 equal bytes, so that a table of tests is readable.
func keyText(id string, fill byte) string {
	return id + ":" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(fill), keySize)))
}

func ring(tb testing.TB, s string) Keyring {
	tb.Helper()
	r, err := ParseKeyring(s)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestParseKeyringAccepts(t *testing.T) {
	t.Parallel()
	bytes32 := []byte(strings.Repeat("\xfb\xff", 16))
	for name, text := range map[string]string{
		"padded":                "k1:" + base64.StdEncoding.EncodeToString(bytes32),
		"unpadded":              "k1:" + base64.RawStdEncoding.EncodeToString(bytes32),
		"URL alphabet":          "k1:" + base64.URLEncoding.EncodeToString(bytes32),
		"a file's last newline": keyText("k1", 'a') + "\n",
		"blanks after a comma":  keyText("k2", 'b') + ", " + keyText("k1", 'a'),
		"a generated key":       NewKey(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := ParseKeyring(text); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestParseKeyringRefuses(t *testing.T) {
	t.Parallel()
	secret := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", keySize)))
	for name, c := range map[string]struct{ text, says string }{
		"nothing":          {" ", "empty"},
		"no id":            {secret, "no colon"},
		"empty id":         {":" + secret, "the id must be"},
		"halves swapped":   {secret + ":k1", "the id must be"},
		"dot in the id":    {"k.1:" + secret, "the id must be"},
		"not base64":       {"k1:" + secret[:20] + "!" + secret[21:], "not base64"},
		"too short":        {"k1:" + secret[:40], "30 bytes instead of 32"},
		"one id twice":     {"k1:" + secret + ",k1:" + secret, "entry 2: its id is used twice"},
		"a trailing comma": {"k1:" + secret + ",", "entry 2: no colon"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseKeyring(c.text)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "openssl rand") {
				t.Errorf("error %q should say %q and give an example", err, c.says)
			}
			if strings.Contains(err.Error(), secret[:20]) {
				t.Errorf("error repeats the key: %q", err)
			}
		})
	}
}

func TestKeyringNeverPrintsItsKeys(t *testing.T) {
	t.Parallel()
	config := struct{ Link Keyring }{ring(t, keyText("k1", 's'))}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		text := fmt.Sprintf(verb, config)
		if strings.Contains(text, "ssss") || strings.Contains(text, "115") || strings.Contains(text, "0x73") {
			t.Errorf("%s prints the key: %s", verb, text)
		}
	}
}

func TestTokenRoundTrip(t *testing.T) {
	t.Parallel()
	r, id := ring(t, keyText("k1", 'a')), uuid.MustParse(invite)
	for _, nonce := range []int64{0, 1, 127, 128, math.MaxInt64, -1, math.MinInt64} {
		token := r.Token(id, nonce)
		if token != r.Token(id, nonce) {
			t.Error("a retry must send the same link")
		}
		if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || len(token) > 60 {
			t.Errorf("token is not short and URL-safe: %s", token)
		}
		gotID, gotNonce, err := r.Open(token)
		if err != nil || gotID != id || gotNonce != nonce {
			t.Errorf("Open(Token(%d)) = %v %d %v", nonce, gotID, gotNonce, err)
		}
	}
}

// Everyone who has a link relies on the layout. A change that breaks this test ends every link that is already in a
// mailbox.
func TestTokenLayoutIsStable(t *testing.T) {
	t.Parallel()
	got := ring(t, keyText("k1", 'a')).Token(uuid.MustParse(invite), 3)
	const want = "k1.AZLzoXxVfRGbLk9qXB0uPwN0rbuqm5wYjunoW4_5poT5"
	if got != want {
		t.Errorf("token = %s, want %s", got, want)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse(invite)
	before := ring(t, keyText("k1", 'a'))
	during := ring(t, keyText("k2", 'b')+","+keyText("k1", 'a'))
	after := ring(t, keyText("k2", 'b'))
	old := before.Token(id, 1)
	if _, _, err := during.Open(old); err != nil {
		t.Errorf("a link made before the rotation must open: %v", err)
	}
	if _, _, err := after.Open(during.Token(id, 1)); err != nil {
		t.Errorf("the first key must sign: %v", err)
	}
	if _, _, err := after.Open(old); !errors.Is(err, ErrInvalid) {
		t.Errorf("a dropped key must not open: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	r, id := ring(t, keyText("k1", 'a')), uuid.MustParse(invite)
	good := r.Token(id, 1)
	for name, token := range map[string]string{
		"nothing":              "",
		"no key id":            good[3:],
		"another key, same id": ring(t, keyText("k1", 'b')).Token(id, 1),
		"unknown key id":       "k9" + good[2:],
		"cut short":            good[:len(good)-1],
		"only a key id":        "k1.",
		"a line break":         good[:10] + "\n" + good[10:],
		"something appended":   good + "AAAA",
		"a token in a text":    good[:10] + " " + good[10:],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, _, err := r.Open(token); !errors.Is(err, ErrInvalid) {
				t.Errorf("Open(%q) = %v", token, err)
			}
		})
	}
}

func TestOpenLeavesOutWhatReadersStickToALink(t *testing.T) {
	t.Parallel()
	r, id := ring(t, keyText("k1", 'a')), uuid.MustParse(invite)
	good := r.Token(id, 1)
	for _, text := range []string{
		good + ".", good + ">", good + ",", good + " ", good + "\r\n", good + ">.", "<" + good + ">", " " + good,
		good + ")", good + "”", good + "…", good + "\u00a0", good + "%20", good + "%3E", good + "&gt;", good + "/",
		good + "?a=b", good + "=",
	} {
		if got, nonce, err := r.Open(text); got != id || nonce != 1 || err != nil {
			t.Errorf("Open(%q) = %v %d %v", text, got, nonce, err)
		}
	}
}

// Open must notice every changed character. The last one counts, too, although its low bits are outside the encoded
// bytes.
func TestOpenNoticesEveryCharacter(t *testing.T) {
	t.Parallel()
	r := ring(t, keyText("k1", 'a'))
	good := r.Token(uuid.MustParse(invite), 1)
	for i := range good {
		for _, c := range "AQgw9-_b" {
			changed := good[:i] + string(c) + good[i+1:]
			if _, _, err := r.Open(changed); changed != good && !errors.Is(err, ErrInvalid) {
				t.Errorf("a token changed at %d still opens: %s", i, changed)
			}
		}
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	r, id := ring(t, keyText("k1", 'a')), uuid.MustParse(invite)
	token := r.Token(id, 1)
	for portal, want := range map[string]string{
		"https://portal.example.com":        "https://portal.example.com/invite/" + token,
		"https://portal.example.com/":       "https://portal.example.com/invite/" + token,
		"https://example.com/acme%20cpa/":   "https://example.com/acme%20cpa/invite/" + token,
		"http://127.0.0.1:8080/portal":      "http://127.0.0.1:8080/portal/invite/" + token,
		"https://xn--bcher-kva.example/a/b": "https://xn--bcher-kva.example/a/b/invite/" + token,
	} {
		if got, err := r.URL(portal, id, 1); err != nil || got != want {
			t.Errorf("URL(%q) = %q, %v; want %q", portal, got, err, want)
		}
	}
	for _, portal := range []string{
		"", "portal.example.com", "/invite", "javascript:alert(1)", "ftp://example.com", "https://",
		"https://user:hunter2@example.com", "https://example.com/?a=b", "https://example.com/?", "https://example.com/#x",
		"https://%zz",
	} {
		got, err := r.URL(portal, id, 1)
		if err == nil {
			t.Errorf("URL(%q) = %q, want an error", portal, got)
			continue
		}
		if !strings.Contains(err.Error(), "portal_url") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("URL(%q): %v", portal, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	r := ring(f, keyText("k2", 'b')+","+keyText("k1", 'a'))
	f.Add(r.Token(uuid.MustParse(invite), 1))
	f.Add(ring(f, keyText("k1", 'a')).Token(uuid.Nil, math.MinInt64))
	f.Add("k1.")
	f.Add("")
	// A token that opens was made with one of this keyring's keys. Making it again from its id and nonce, with the key it
	// names, must give the same text.
	f.Fuzz(func(t *testing.T, token string) {
		id, nonce, err := r.Open(token)
		if err != nil {
			return
		}
		keyID, _, _ := strings.Cut(token, ".")
		k, _ := r.find(keyID)
		if again := (Keyring{keys: []key{k}}).Token(id, nonce); again != token {
			t.Errorf("%q opens, but its token is %q", token, again)
		}
	})
}
