package smtp

import (
	"bufio"
	"bytes"
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

// stepOf returns the step of an error.
func stepOf(err error) (step mail.Step) {
	if f, ok := errors.AsType[*fault](err); ok {
		step = f.step
	}
	return step
}

// replyIn returns the server's code and words, if err is a reply.
func replyIn(err error) (code int, words string) {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return reply.Code, reply.Msg
	}
	return 0, ""
}

// isTimeout says whether err is a wait that took too long.
func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
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
	_, garbled := errors.AsType[textproto.ProtocolError](err)
	_, noChallenge := errors.AsType[base64.CorruptInputError](err)
	return isWithheld(err) || garbled || noChallenge
}

// withheldError says that a mail may not leave any more, although the server is ready for it. Behind DATA the server
// waits for its content, and only closing the connection ends that. Before MAIL the server knows nothing of the mail.
type withheldError struct{ error }

func isWithheld(err error) bool {
	_, withheld := errors.AsType[withheldError](err)
	return withheld
}

var enhancedPattern = regexp.MustCompile(`(?m)^([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)`)

// splitEnhanced removes the enhanced code from the words. A reply of several lines repeats it on each (RFC 2034,
// section 4).
func splitEnhanced(words string) (enhanced, rest string) {
	return mail.EnhancedIn(words), enhancedPattern.ReplaceAllString(words, "")
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

// maxLine is how many octets of a line are kept. A longer one is cut: what it means is at its beginning.
const maxLine = 4096

// wholeLines is a connection that is read in whole lines. If a reply breaks off in the middle of a line, net/textproto
// would accept it: of "250" only "25" may have come, and of "550 5.1.1" only "550 5.1".
type wholeLines struct {
	net.Conn
	from *bufio.Reader
	line []byte // what is left of the line that was read last

	hello bool // reads the reply to EHLO: keywords are put in order
	later bool // has read the first line of that reply, which is the server's name
}

func inWholeLines(conn net.Conn) *wholeLines {
	return &wholeLines{Conn: conn, from: bufio.NewReader(conn)}
}

func (w *wholeLines) Read(p []byte) (int, error) {
	if len(w.line) == 0 {
		line, err := readLine(w.from)
		if err != nil {
			return 0, err
		}
		if w.hello && w.later {
			line = keyword(line)
		}
		w.later = w.hello && len(line) > 3 && line[3] == '-'
		w.line = line
	}
	n := copy(p, w.line)
	w.line = w.line[n:]
	return n, nil
}

// pending says whether something has come that was not read.
func (w *wholeLines) pending() bool { return len(w.line) > 0 || w.from.Buffered() > 0 }

// keyword puts the keyword of a line of the reply to EHLO into upper case (RFC 5321, section 4.1.1.1: any case is
// allowed). Old servers write "AUTH=LOGIN".
func keyword(line []byte) []byte {
	if len(line) < len("250-X") {
		return line
	}
	end := len("250-")
	for end < len(line) && line[end] != ' ' && line[end] != '=' && line[end] != '\r' {
		end++
	}
	word := bytes.ToUpper(line[4:end])
	if string(word) == "AUTH" && line[end] == '=' {
		line[end] = ' '
	}
	copy(line[4:end], word)
	return line
}

// readLine reads a line to its end. It ends with CR and LF. A code alone is a reply, too (RFC 5321, section 4.2), but
// net/textproto wants a blank behind it.
func readLine(from *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		piece, err := from.ReadSlice('\n')
		line = append(line, piece[:min(len(piece), maxLine-len(line))]...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == len("250") {
			line = append(line, ' ')
		}
		return append(line, "\r\n"...), nil
	}
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
