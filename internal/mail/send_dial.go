package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// dial connects, encrypts as the policy says, and logs in. It uses go-mail's
// protocol client step by step: the dialler on top of it would neither say
// which step failed nor close the connection when one does.
func dial(ctx context.Context, cfg Config) (*session, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)))
	if err != nil {
		return nil, at(StageConnect, err)
	}
	release := closeWhenDone(ctx, raw)
	defer release()
	client, err := handshake(ctx, raw, cfg)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return &session{raw: raw, client: client, used: time.Now()}, nil
}

func handshake(ctx context.Context, raw net.Conn, cfg Config) (*smtp.Client, error) {
	implicit := cfg.Port == implicitTLSPort && cfg.TLS != TLSNone
	conn := raw
	if implicit {
		encrypted := tls.Client(raw, tlsConfig(cfg))
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return nil, at(StageTLS, err)
		}
		conn = encrypted
	}
	client, err := smtp.NewClient(conn, cfg.Host)
	if err != nil {
		return nil, at(StageConnect, err)
	}
	if err := client.Hello(helloName(cfg)); err != nil {
		return nil, at(StageConnect, err)
	}
	if !implicit {
		if err := startTLS(client, cfg); err != nil {
			return nil, at(StageTLS, err)
		}
	}
	if cfg.Username != "" {
		if err := login(client, cfg); err != nil {
			return nil, at(StageAuth, err)
		}
	}
	return client, nil
}

func startTLS(client *smtp.Client, cfg Config) error {
	offered, _ := client.Extension("STARTTLS")
	switch {
	case cfg.TLS == TLSNone, cfg.TLS == TLSOpportunistic && !offered:
		return nil
	case !offered:
		return errors.New("the server does not offer STARTTLS, and SMTP_TLS is mandatory")
	}
	return client.StartTLS(tlsConfig(cfg))
}

func tlsConfig(cfg Config) *tls.Config {
	return &tls.Config{ServerName: cfg.Host, RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12}
}

// login takes the first mechanism that both sides know. Under TLS the plain
// ones come first, for every server gets them right; without it only those
// that do not show the password, and go-mail refuses to show it.
func login(client *smtp.Client, cfg Config) error {
	_, list := client.Extension("AUTH")
	offered := strings.Fields(strings.ToUpper(list))
	_, encrypted := client.TLSConnectionState()
	order := []string{"PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5"}
	if !encrypted {
		order = []string{"SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN"}
	}
	for _, mechanism := range order {
		if slices.Contains(offered, mechanism) {
			return client.Auth(authBy(mechanism, cfg))
		}
	}
	return fmt.Errorf("SMTP_USERNAME is set, but the server offers none of the ways to log in that we know (%s)", strings.Join(order, ", "))
}

func authBy(mechanism string, cfg Config) smtp.Auth {
	switch mechanism {
	case "LOGIN":
		return smtp.LoginAuth(cfg.Username, cfg.Password, cfg.Host, false)
	case "SCRAM-SHA-256":
		return smtp.ScramSHA256Auth(cfg.Username, cfg.Password)
	case "CRAM-MD5":
		return smtp.CRAMMD5Auth(cfg.Username, cfg.Password)
	default:
		return smtp.PlainAuth("", cfg.Username, cfg.Password, cfg.Host, false)
	}
}

func helloName(cfg Config) string {
	if cfg.HelloName != "" {
		return cfg.HelloName
	}
	name, err := os.Hostname()
	if err != nil || strings.ContainsAny(name, " \t\r\n") {
		return "localhost"
	}
	return name
}
