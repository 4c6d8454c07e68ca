package part

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/nats-io/nats.go"
	gomail "github.com/wneessen/go-mail"
)

// The subjects of the floor. No stream has them.
const (
	EchoIn  = "bench.echo.in"
	EchoOut = "bench.echo.out"
)

// echo receives a message, sends one mail with the same bytes as the pipeline's mail, and publishes the message again.
type echo struct {
	Mail string `required:"" type:"existingfile" help:"The mail to send, as received over SMTP."`
}

// Run is called by kong.
func (e echo) Run(ctx context.Context, out io.Writer) error {
	s, err := readSettings()
	if err != nil {
		return err
	}
	file, err := os.ReadFile(e.Mail)
	if err != nil {
		return fmt.Errorf("read the mail: %w", err)
	}
	mailer, err := newMailer(ctx, s)
	if err != nil {
		return err
	}
	nc, err := nats.Connect(s.natsURL)
	if err != nil {
		return fmt.Errorf("connect to the broker: %w", err)
	}
	defer nc.Close()
	failed := make(chan error, 1)
	for range s.connections {
		msg, err := gomail.EMLToMsgFromString(string(file))
		if err != nil {
			return fmt.Errorf("read the mail: %w", err)
		}
		_, err = nc.QueueSubscribe(EchoIn, "echo", func(m *nats.Msg) {
			err := mailer.send(msg)
			if err == nil {
				err = nc.Publish(EchoOut, m.Data)
			}
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
		if err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
	}
	if err := nc.Flush(); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	ready(out)
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}
