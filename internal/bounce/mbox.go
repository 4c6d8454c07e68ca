package bounce

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// fromLine begins every message of an mbox (RFC 4155).
var fromLine = []byte("From ")

// readMbox splits an mbox into messages. A line that begins with "From " begins a message if the line before it is
// empty. Writers put a ">" before other such lines.
func readMbox(file string, in *bufio.Reader, yield func(Message) bool) {
	box := mbox{file: file}
	for {
		line, err := in.ReadSlice('\n')
		if len(line) > 0 && !box.add(line, yield) {
			return
		}
		switch {
		case err == nil || errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			box.flush(yield)
			return
		default:
			yield(Message{Name: file, File: file, Err: err})
			return
		}
	}
}

// mbox collects the lines of one message of an mbox.
type mbox struct {
	file     string
	count    int // messages begun
	raw      []byte
	inLine   bool // the next piece continues a line that did not fit into the buffer
	notEmpty bool // the last line was not empty
}

// add adds a line, or a piece of one, and says whether to continue.
func (b *mbox) add(piece []byte, yield func(Message) bool) bool {
	begins := !b.inLine
	b.inLine = piece[len(piece)-1] != '\n'
	if !b.notEmpty && bytes.HasPrefix(piece, fromLine) {
		if b.count > 0 && !b.flush(yield) {
			return false
		}
		b.count++
		b.notEmpty = true
		return true
	}
	if begins {
		b.notEmpty = len(bytes.TrimRight(piece, "\r\n")) > 0
		if quoted := bytes.TrimLeft(piece, ">"); len(quoted) < len(piece) && bytes.HasPrefix(quoted, fromLine) {
			piece = piece[1:]
		}
	}
	b.raw = append(b.raw, piece[:min(len(piece), maxMessage-len(b.raw))]...)
	return true
}

func (b *mbox) flush(yield func(Message) bool) bool {
	m := Message{Name: fmt.Sprintf("%s message %d", b.file, b.count), File: b.file, Raw: b.raw}
	b.raw = nil
	return yield(m)
}
