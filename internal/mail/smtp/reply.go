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

// fault is an error with the SMTP step it happened at.
type fault struct {
	step mail.Step
	err  error
}

func (f *fault) Error() string { return fmt.Sprintf("%s: %v", f.step, f.err) }
func (f *fault) Unwrap() error { return f.err }

// at wraps err with its step; nil stays nil.
func at(step mail.Step, err error) error {
	if err == nil {
		return nil
	}
	return &fault{step: step, err: err}
}

// replyIn returns the server's code and words, if err is a reply.
func replyIn(err error) (code int, words string) {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return reply.Code, reply.Msg
	}
	return 0, ""
}

// isBroken says whether err is a connection that failed, did not speak SMTP, or has to be closed by us. All other
// errors are somebody's decision. A TLS alert is a net.OpError, too, and is a decision.
func isBroken(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op != "remote error" && op.Op != "local error"
	}
	for _, broken := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrShortWrite, net.ErrClosed, errTooMuch} {
		if errors.Is(err, broken) {
			return true
		}
	}
	_, withheld := errors.AsType[withheldError](err)
	_, garbled := errors.AsType[textproto.ProtocolError](err)
	_, noChallenge := errors.AsType[base64.CorruptInputError](err)
	return withheld || garbled || noChallenge
}

// withheldError says that a mail may not leave any more, although the server is ready for it. Then the server waits for
// its content, and only closing the connection ends that.
type withheldError struct{ error }

var enhancedPattern = regexp.MustCompile(`(?m)^([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)`)

// splitEnhanced removes the enhanced code from the words. A reply of several lines repeats it on each (RFC 2034,
// section 4).
func splitEnhanced(words string) (enhanced, rest string) {
	if match := enhancedPattern.FindStringSubmatch(words); match != nil {
		enhanced = match[1]
	}
	return enhanced, enhancedPattern.ReplaceAllString(words, "")
}

// maxHeard limits what is read of a server in one step, in octets, certificates included. RFC 5321, section 4.5.3.1.5,
// allows 512 octets for a line of a reply.
const maxHeard = 128 << 10

var errTooMuch = errors.New("the server's reply does not end")

// wire is a connection on which a server can't send without end.
type wire struct {
	net.Conn
	left int // octets that the server may still send in this step
}

func (w *wire) Read(p []byte) (int, error) {
	if w.left <= 0 {
		return 0, errTooMuch
	}
	n, err := w.Conn.Read(p[:min(len(p), w.left)])
	w.left -= n
	return n, err
}

// wholeLines reads whole lines only. If a reply breaks off in the middle of a line, net/textproto would accept it: of
// "250" only "25" may have come, and of "550 5.1.1" only "550 5.1".
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

// inWholeLines makes a protocol client read whole lines. It is called again after TLS has begun, because TLS has
// another reader.
func inWholeLines(text *textproto.Conn) {
	text.R = bufio.NewReader(&wholeLines{from: text.R})
}

// firstError keeps the first error of a command, because go-mail goes on after it.
type firstError struct{ err error }

// HandleError is called by go-mail. It returns err unchanged.
func (f *firstError) HandleError(_, _ string, _ *textproto.Conn, err error) error {
	if f.err == nil {
		f.err = err
	}
	return err
}
