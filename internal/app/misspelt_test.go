package app

import (
	"slices"
	"testing"

	"github.com/alecthomas/kong"
)

func TestAMisspeltVariableIsNamed(t *testing.T) {
	t.Parallel()
	var cli struct {
		Connections int    `env:"SMTP_CONNECTIONS"`
		Host        string `env:"SMTP_HOST"`
		Key         string `env:"NATS_KEY"`
		NKey        string `env:"NATS_NKEY"`
		TTL         string `env:"INVITE_TTL"`
	}
	parser, err := kong.New(&cli)
	if err != nil {
		t.Fatal(err)
	}
	for variable, meant := range map[string]string{
		"SMTP_CONECTIONS": "SMTP_CONNECTIONS", "SMTP_CONNECTIONS": "", "SMTP_CONNECITONS": "SMTP_CONNECTIONS",
		"SMTP_HOTS": "SMTP_HOST", "SMTP_HOST_FILE": "", "SMTP_HOST_FIL": "SMTP_HOST_FILE", "INVIT_TTL": "INVITE_TTL",
		"NATS_NKEY": "", "NATS_KEYS": "NATS_KEY",
		"PATH": "", "HOME": "", "SMTP_ACCOUNTS": "", "OTHER_TTL": "", "SMTP": "", "": "",
	} {
		var want []string
		if meant != "" {
			want = []string{variable + ": there is no such setting, so it does nothing. Is " + meant + " meant?"}
		}
		if got := misspelt(parser, []string{variable + "=1", "HOME=/root"}); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", variable, got, want)
		}
	}
}
