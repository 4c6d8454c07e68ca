package smtp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"

	gosmtp "github.com/wneessen/go-mail/smtp"
)

// login takes the first mechanism that both sides know. Under TLS the plain ones come first, because every server gets
// them right. Without TLS the ones that do not reveal the password come first; the others are for this machine only.
func login(ctx context.Context, client *gosmtp.Client, cfg Config, encrypted bool) error {
	_, list := client.Extension("AUTH")
	offered := strings.Fields(strings.ToUpper(list))
	order := []string{"PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5"}
	switch {
	case cfg.Token != nil:
		order = []string{"XOAUTH2"}
	case !encrypted:
		order = []string{"SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN"}
	}
	for _, mechanism := range order {
		if slices.Contains(offered, mechanism) {
			return loginBy(ctx, client, cfg, mechanism, encrypted)
		}
	}
	return fmt.Errorf("SMTP_USERNAME is set, but the server offers none of the login mechanisms that we know (%s)",
		strings.Join(order, ", "))
}

var errUnencrypted = errors.New("the connection is not encrypted, so the login is not sent")

// loginBy uses go-mail's mechanisms where the server's challenge matters. The others are said here: go-mail insists on
// an initial response and on prompts in base64, and old servers have neither.
func loginBy(ctx context.Context, client *gosmtp.Client, cfg Config, mechanism string, encrypted bool) error {
	switch mechanism {
	case "SCRAM-SHA-256":
		return client.Auth(gosmtp.ScramSHA256Auth(cfg.Username, cfg.Password))
	case "CRAM-MD5":
		return client.Auth(gosmtp.CRAMMD5Auth(cfg.Username, cfg.Password))
	}
	if !encrypted && !isThisMachine(cfg.Host) {
		return errUnencrypted
	}
	switch mechanism {
	case "LOGIN":
		return say(client.Text, "AUTH LOGIN", cfg.Username, cfg.Password)
	case "XOAUTH2":
		token, err := cfg.Token(ctx)
		if err != nil {
			return err
		}
		return withInitial(client.Text, mechanism, "user="+cfg.Username+"\x01auth=Bearer "+token+"\x01\x01")
	default:
		return withInitial(client.Text, mechanism, "\x00"+cfg.Username+"\x00"+cfg.Password)
	}
}

// withInitial logs in with one response. It goes with the command (RFC 4954, section 4). If the server does not take it
// there, it follows in a line of its own.
func withInitial(text *textproto.Conn, mechanism, response string) error {
	err := say(text, "AUTH "+mechanism+" "+base64.StdEncoding.EncodeToString([]byte(response)))
	switch code, _ := replyIn(err); code {
	case 334:
		if mechanism == "XOAUTH2" { // the challenge says what is wrong with the token; an empty line gets the reply
			return ask(text, "", 235)
		}
		return ask(text, base64.StdEncoding.EncodeToString([]byte(response)), 235)
	case 501:
		return say(text, "AUTH "+mechanism, response)
	default:
		return err
	}
}

// say sends a command that begins a login, and a response to each prompt, whatever the prompt says.
func say(text *textproto.Conn, begin string, responses ...string) error {
	lines := []string{begin}
	for _, response := range responses {
		lines = append(lines, base64.StdEncoding.EncodeToString([]byte(response)))
	}
	for i, line := range lines {
		want := 334
		if i == len(lines)-1 {
			want = 235
		}
		if err := ask(text, line, want); err != nil {
			return err
		}
	}
	return nil
}
