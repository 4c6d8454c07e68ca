package standalone

import (
	"net/smtp"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// Each CPU sends mails of 20 kB one after another over a connection of its own.
func BenchmarkCatcher(b *testing.B) {
	c, err := StartCatcher(CatcherConfig{Dir: b.TempDir(), Logger: zerolog.Nop()})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Stop()
	content := []byte("Subject: benchmark\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 280))
	b.RunParallel(func(pb *testing.PB) {
		client, err := smtp.Dial(c.SMTPAddr())
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = client.Close() }()
		for pb.Next() {
			if err := sendOn(client, content); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
}

func sendOn(client *smtp.Client, content []byte) error {
	if err := client.Mail("firm@example.com"); err != nil {
		return err
	}
	if err := client.Rcpt("a@example.com"); err != nil {
		return err
	}
	body, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := body.Write(content); err != nil {
		return err
	}
	return body.Close()
}
