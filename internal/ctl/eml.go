package ctl

import (
	"cmp"
	"fmt"
	"io"

	"github.com/wneessen/go-mail"

	"portal-invites/internal/api"
)

// The preview does not know the addresses: the sender's is a setting of the workers, and the recipient's is masked.
// Names under .invalid never exist (RFC 2606, section 2).
const (
	previewSender    = "portal@preview.invalid"
	previewRecipient = "recipient@preview.invalid"
)

// writeEML writes the mail as a file that mail programs open.
func writeEML(w io.Writer, preview api.PreviewAnswer) error {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := msg.FromFormat(preview.FromName, previewSender); err != nil {
		return fmt.Errorf("write the mail's sender: %w", err)
	}
	recipient := cmp.Or(preview.Recipient.Name, preview.Recipient.EmailMasked)
	if err := msg.AddToFormat(recipient, previewRecipient); err != nil {
		return fmt.Errorf("write the mail's recipient: %w", err)
	}
	if preview.ReplyTo != "" {
		if err := msg.ReplyTo(preview.ReplyTo); err != nil {
			return fmt.Errorf("write the mail's reply address: %w", err)
		}
	}
	msg.Subject(preview.Subject)
	msg.SetBodyString(mail.TypeTextPlain, preview.Text)
	msg.AddAlternativeString(mail.TypeTextHTML, preview.HTML)
	if _, err := msg.WriteTo(w); err != nil {
		return fmt.Errorf("write the mail: %w", err)
	}
	return nil
}
