package standalone

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"

	"golang.org/x/net/html/charset"
)

// maxPartDepth limits how deep nested parts are read: a hostile mail may nest for ever.
const maxPartDepth = 8

// Headers are the headers that a list of mails shows, decoded (RFC 2047).
type Headers struct {
	MessageID string `json:"message_id"` // Without its angle brackets.
	From      string `json:"from"`
	To        string `json:"to"`
	ReplyTo   string `json:"reply_to,omitempty"`
	Subject   string `json:"subject"`
	Firm      string `json:"firm,omitempty"` // X-Portal-Firm: the firm whose invite it is.
}

// Content is a parsed mail.
type Content struct {
	Headers
	Text string `json:"text"` // The text/plain part, empty if there is none.
	HTML string `json:"html"` // The text/html part, as it was sent: not safe to show unchanged.
}

// ParseMail reads a whole mail. If the body is damaged, it returns an error and a Content with what could be read
// before.
func ParseMail(raw []byte) (Content, error) {
	message, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Content{}, fmt.Errorf("parse mail: %w", err)
	}
	content := Content{Headers: headersOf(message.Header)}
	part := mimePart{
		contentType: message.Header.Get("Content-Type"),
		encoding:    message.Header.Get("Content-Transfer-Encoding"),
		body:        message.Body,
	}
	if err := content.read(part, 0); err != nil {
		return content, fmt.Errorf("parse mail: %w", err)
	}
	return content, nil
}

// parseHeaders reads up to the first empty line.
func parseHeaders(r io.Reader) (Headers, error) {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return Headers{}, fmt.Errorf("parse headers: %w", err)
	}
	return headersOf(message.Header), nil
}

func headersOf(h mail.Header) Headers {
	return Headers{
		MessageID: strings.Trim(strings.TrimSpace(h.Get("Message-Id")), "<>"),
		From:      decodeWords(h.Get("From")),
		To:        decodeWords(h.Get("To")),
		ReplyTo:   decodeWords(h.Get("Reply-To")),
		Subject:   decodeWords(h.Get("Subject")),
		Firm:      h.Get("X-Portal-Firm"),
	}
}

// decodeWords decodes a header, or returns it unchanged if that fails.
func decodeWords(value string) string {
	decoder := mime.WordDecoder{CharsetReader: func(label string, r io.Reader) (io.Reader, error) {
		return charset.NewReaderLabel(label, r)
	}}
	if decoded, err := decoder.DecodeHeader(value); err == nil {
		return decoded
	}
	return value
}

type mimePart struct {
	contentType, encoding string
	body                  io.Reader
}

// read keeps the first text/plain and the first text/html part that it finds.
func (c *Content) read(part mimePart, depth int) error {
	mediaType, params, err := mime.ParseMediaType(part.contentType)
	if err != nil {
		mediaType = "text/plain" // RFC 2045, 5.2: the default for no header or a broken one.
	}
	switch {
	case strings.HasPrefix(mediaType, "multipart/") && depth < maxPartDepth:
		return c.readParts(multipart.NewReader(part.body, params["boundary"]), depth)
	case mediaType == "text/plain" && c.Text == "":
		c.Text, err = decodeBody(part, params["charset"])
		return err
	case mediaType == "text/html" && c.HTML == "":
		c.HTML, err = decodeBody(part, params["charset"])
		return err
	}
	return nil
}

func (c *Content) readParts(parts *multipart.Reader, depth int) error {
	for {
		// Raw, because NextPart decodes the part and hides which encoding it had.
		next, err := parts.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		part := mimePart{
			contentType: next.Header.Get("Content-Type"),
			encoding:    next.Header.Get("Content-Transfer-Encoding"),
			body:        next,
		}
		if err := c.read(part, depth+1); err != nil {
			return err
		}
	}
}

func decodeBody(part mimePart, label string) (string, error) {
	body := part.body
	switch strings.ToLower(strings.TrimSpace(part.encoding)) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	if label != "" && !strings.EqualFold(label, "utf-8") {
		converted, err := charset.NewReaderLabel(label, body)
		if err != nil {
			return "", err
		}
		body = converted
	}
	content, err := io.ReadAll(body)
	return string(content), err
}
