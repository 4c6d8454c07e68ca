package smtp

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"regexp"

	"portal-invites/internal/mail"
)

// fault is an error with the stage it happened at.
type fault struct {
	stage mail.Step
	err   error
}

func (f *fault) Error() string { return fmt.Sprintf("%s: %v", f.stage, f.err) }
func (f *fault) Unwrap() error { return f.err }

// at wraps err for its stage; nil stays nil.
func at(stage mail.Step, err error) error {
	if err == nil {
		return nil
	}
	return &fault{stage: stage, err: err}
}

// replyIn returns the server's code and words, if err is a reply.
func replyIn(err error) (code int, words string) {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return reply.Code, reply.Msg
	}
	return 0, ""
}

// isBroken tells a connection that failed, or spoke no SMTP, from a decision somebody took. A TLS alert comes as a net.OpError
// too, and is a decision.
func isBroken(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op != "remote error" && op.Op != "local error"
	}
	for _, broken := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrShortWrite, net.ErrClosed, errTooMuch} {
		if errors.Is(err, broken) {
			return true
		}
	}
	_, garbled := errors.AsType[textproto.ProtocolError](err)
	_, noChallenge := errors.AsType[base64.CorruptInputError](err)
	return garbled || noChallenge
}

var enhancedPattern = regexp.MustCompile(`(?m)^([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)`)

// splitEnhanced takes the enhanced code off the words; a reply of several lines repeats it on each (RFC 2034, section 4).
func splitEnhanced(words string) (enhanced, rest string) {
	if match := enhancedPattern.FindStringSubmatch(words); match != nil {
		enhanced = match[1]
	}
	return enhanced, enhancedPattern.ReplaceAllString(words, "")
}

// maxHeard bounds what a server may say in one step, certificates included. RFC 5321, section 4.5.3.1.5, has 512 octets for a
// line of a reply.
const maxHeard = 128 << 10

var errTooMuch = errors.New("the server's reply does not end")

// wire is a connection on which a server cannot talk without end.
type wire struct {
	net.Conn
	left int // octets that the server may still say in this step
}

func (w *wire) Read(p []byte) (int, error) {
	if w.left <= 0 {
		return 0, errTooMuch
	}
	n, err := w.Conn.Read(p[:min(len(p), w.left)])
	w.left -= n
	return n, err
}

// wholeLines keeps a reply that breaks off in the middle of a line from being taken for a reply, as net/textproto would: of
// "250" no more than "25" may have come, and of "550 5.1.1" no more than "550 5.1".
type wholeLines struct {
	from *bufio.Reader // a line must fit into its buffer of 4,096 octets
	line []byte
}

func (w *wholeLines) Read(p []byte) (int, error) {
	if len(w.line) == 0 {
		line, err := w.from.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return 0, errTooMuch
		case err != nil:
			return 0, err
		}
		w.line = line
	}
	n := copy(p, w.line)
	w.line = w.line[n:]
	return n, nil
}

// inWholeLines makes a protocol client read so. It is called anew when TLS has begun, which is read by another reader.
func inWholeLines(text *textproto.Conn) {
	text.R = bufio.NewReader(&wholeLines{from: text.R})
}

// firstError remembers the first error of a command, where go-mail goes on after it.
type firstError struct{ err error }

// HandleError is what go-mail calls; it changes nothing.
func (f *firstError) HandleError(_, _ string, _ *textproto.Conn, err error) error {
	if f.err == nil {
		f.err = err
	}
	return err
}
