package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTokenIsReadAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	for name, s := range map[string]SMTP{
		"a file":    {TokenFile: file},
		"a command": {TokenCommand: "cat " + file},
	} {
		get, err := s.token()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ content, want, says string }{
			{"first\n", "first", ""}, {"second", "second", ""}, {"", "", "gives no token"}, {"two words", "", "gives no token"},
		} {
			if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := get(t.Context()); got != c.want || (err == nil) != (c.says == "") ||
				err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, %q: %q, %v", name, c.content, got, err)
			}
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if _, err := get(t.Context()); err == nil || !strings.Contains(err.Error(), "SMTP_OAUTH_TOKEN_") {
			t.Errorf("%s without a file: %v", name, err)
		}
	}
}

func TestSMTPFilesSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	valid := SMTP{Host: "smtp.example.com", Port: 587, From: "p@mail.example.com", Connections: 1, ConnectionIdle: 30e9,
		ConnectionAge: 600e9, ConnectionMails: 10}
	for says, change := range map[string]func(*SMTP){
		"":                                      func(*SMTP) {},
		"SMTP_CA: open ":                        func(s *SMTP) { s.CA = empty + ".none" },
		"SMTP_CA: " + empty + " has no":         func(s *SMTP) { s.CA = empty },
		"SMTP_CLIENT_KEY: empty":                func(s *SMTP) { s.ClientCert = empty },
		"SMTP_CLIENT_CERT: empty":               func(s *SMTP) { s.ClientKey = empty },
		"SMTP_CLIENT_CERT, SMTP_CLIENT_KEY: ":   func(s *SMTP) { s.ClientCert, s.ClientKey = empty, empty },
		"SMTP_OAUTH_TOKEN_COMMAND: is set":      func(s *SMTP) { s.Username, s.TokenFile, s.TokenCommand = "p", "x", "y" },
		"SMTP_USERNAME: empty, while a token":   func(s *SMTP) { s.TokenFile = "x" },
		"SMTP_PASSWORD: can't be combined with": func(s *SMTP) { s.Username, s.Password, s.TokenFile = "p", "secret", "x" },
		"SMTP_HELLO: \"a b\" is not":            func(s *SMTP) { s.Hello = "a b" },
	} {
		s := valid
		change(&s)
		if _, err := s.config(); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", says, err)
		}
	}
}
