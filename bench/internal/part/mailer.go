package part

import (
	"context"
	"fmt"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// mailer sends mails with go-mail over a fixed number of open connections. Each connection sends one mail at a time.
// conns holds the free ones, so that no lock is needed.
type mailer struct {
	client *gomail.Client
	conns  chan *smtp.Client
}

func newMailer(ctx context.Context, s settings) (*mailer, error) {
	client, err := gomail.NewClient(s.smtpHost, gomail.WithPort(s.smtpPort), gomail.WithTLSPolicy(gomail.NoTLS),
		gomail.WithoutNoop())
	if err != nil {
		return nil, fmt.Errorf("make go-mail's client: %w", err)
	}
	m := &mailer{client: client, conns: make(chan *smtp.Client, s.connections)}
	for range s.connections {
		conn, err := client.DialToSMTPClientWithContext(ctx)
		if err != nil {
			return nil, fmt.Errorf("connect to the mail server: %w", err)
		}
		m.conns <- conn
	}
	return m, nil
}

// send waits for a connection and sends one mail over it.
func (m *mailer) send(msg *gomail.Msg) error {
	conn := <-m.conns
	defer func() { m.conns <- conn }()
	if err := m.client.SendWithSMTPClient(conn, msg); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}
