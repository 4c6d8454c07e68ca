package standalone

import (
	"net/http"
	"net/smtp"
	"net/url"
	"strings"
	"testing"
)

func trySend(c *Catcher, to string) error {
	return smtp.SendMail(c.SMTPAddr(), nil, "firm@example.com", []string{to}, []byte("Subject: a test\r\n\r\nHello.\r\n"))
}

// The mail server fails in the way that was asked for, until it is asked to work again.
func TestTheMailServerMakesTroubleAsAsked(t *testing.T) {
	t.Parallel()
	c := startCatcher(t, t.TempDir())
	ask := func(name, value string, want int) {
		t.Helper()
		if code, body := post(t, c.URL()+"/api/trouble", url.Values{name: {value}}, ""); code != want {
			t.Fatalf("%s=%s: %d %s", name, value, code, body)
		}
	}
	kept := func(want int) {
		t.Helper()
		if got := c.Count(); got != want {
			t.Fatalf("%d mails are kept, want %d", got, want)
		}
	}

	ask("refuse", "Cora@example.com", http.StatusNoContent)
	if err := trySend(c, "cora@example.com"); err == nil || !strings.Contains(err.Error(), "5.1.1 no such user") {
		t.Errorf("refused: %v", err)
	}
	if err := trySend(c, "dana@example.com"); err != nil {
		t.Errorf("another address: %v", err)
	}
	kept(1)
	ask("accept", "cora@example.com", http.StatusNoContent)
	if err := trySend(c, "cora@example.com"); err != nil {
		t.Errorf("accepted again: %v", err)
	}
	kept(2)

	ask("lose", "1", http.StatusNoContent)
	ask("lose", "1", http.StatusNoContent)
	for range 2 {
		if err := trySend(c, "dana@example.com"); err == nil {
			t.Error("there was an answer")
		}
	}
	kept(4) // the mails were kept
	if err := trySend(c, "dana@example.com"); err != nil {
		t.Errorf("the mail after the lost answers: %v", err)
	}

	address := c.SMTPAddr()
	ask("down", "true", http.StatusNoContent)
	ask("down", "true", http.StatusNoContent)
	if err := trySend(c, "dana@example.com"); err == nil {
		t.Error("it accepts a mail while it is down")
	}
	ask("down", "false", http.StatusNoContent)
	if err := trySend(c, "dana@example.com"); err != nil || c.SMTPAddr() != address {
		t.Errorf("up again at %s: %v", c.SMTPAddr(), err)
	}
	kept(6)

	for name, value := range map[string]string{"down": "maybe", "lose": "-1", "refuse": "", "lsoe": "1"} {
		ask(name, value, http.StatusBadRequest)
	}
}

// A catcher that is down can be stopped like any other.
func TestStopWhileDown(t *testing.T) {
	t.Parallel()
	c := startCatcher(t, t.TempDir())
	if code, body := post(t, c.URL()+"/api/trouble", url.Values{"down": {"true"}}, ""); code != http.StatusNoContent {
		t.Fatal(code, body)
	}
	c.Stop()
}
