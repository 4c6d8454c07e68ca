package smtp

import (
	"bytes"

	"portal-invites/internal/mail"
)

// write sends a content, with the commands of the next mail behind it. left says whether the whole content has left:
// from then on, the server may have taken the mail.
func (c *conn) write(content []byte, behind []command) (left bool, err error) {
	c.out = appendContent(c.out[:0], content)
	end := len(c.out)
	for _, command := range behind {
		c.out = append(append(c.out, command.line...), "\r\n"...)
	}
	c.session.allow(c.cfg.Timeouts.Content)
	n, err := c.session.lines.Write(c.out)
	return n >= end, err
}

// accepted reads the reply to the content. If something could not be sent, the server may have said why before it
// closed the connection.
func (c *conn) accepted(left bool, sent error) (said string, err error) {
	s := c.session
	if !left {
		s.astray = true // the server waits for the rest
		s.allow(quitPatience)
		if _, _, err := s.client.Text.ReadResponse(250); refused(err) {
			return "", at(mail.StepData, err)
		}
		return "", at(mail.StepData, sent)
	}
	s.left--
	s.allow(c.cfg.Timeouts.Accept)
	_, said, err = s.client.Text.ReadResponse(250)
	return said, at(mail.StepBody, err)
}

// appendContent appends a content as DATA transports it (RFC 5321, sections 2.3.8 and 4.5.2): lines end with CR and LF,
// a leading dot is doubled, and a line with one dot is the end.
func appendContent(out, content []byte) []byte {
	for len(content) > 0 {
		if content[0] == '.' {
			out = append(out, '.')
		}
		line, rest, _ := bytes.Cut(content, []byte("\n"))
		out = append(append(out, bytes.TrimSuffix(line, []byte("\r"))...), "\r\n"...)
		content = rest
	}
	return append(out, ".\r\n"...)
}
