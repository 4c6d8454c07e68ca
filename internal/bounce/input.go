package bounce

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
)

// maxMessage is how many bytes of a message are read. The report comes before the quoted mail, and the pipeline's mails
// are far smaller than that.
const maxMessage = 4 << 20

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Message is one message of an input, or the error that prevented reading it.
type Message struct {
	Name string // the file; for an mbox also the message's number, from 1
	File string // the file
	New  bool   // the file is in a maildir's folder new
	Raw  []byte // its first 4 MB
	Err  error
}

// ErrNotMail says that a folder is not a maildir, so that mails can't be distinguished from other files.
var ErrNotMail = errors.New("is a folder, but not a maildir: it has no folders new and cur")

// Messages reads the messages at path: a file with one message, an mbox, the new messages of a maildir, or standard
// input for "-". If the path can't be opened at all, Messages returns an error before the first message.
func Messages(path string, stdin io.Reader) (iter.Seq[Message], error) {
	if path == Stdin {
		return messagesIn(path, stdin), nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return newIn(path)
	case !info.Mode().IsRegular() && info.Mode()&os.ModeNamedPipe == 0:
		return nil, errors.New("is not a file")
	}
	return inFile(path), nil
}

func inFile(path string) iter.Seq[Message] {
	return func(yield func(Message) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(Message{Name: path, File: path, Err: err})
			return
		}
		defer func() { _ = file.Close() }()
		for m := range messagesIn(path, file) {
			if !yield(m) {
				return
			}
		}
	}
}

// messagesIn reads an mbox or one message. The first line shows which of the two it is.
func messagesIn(name string, r io.Reader) iter.Seq[Message] {
	return func(yield func(Message) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		if start, _ := in.Peek(len(fromLine)); bytes.Equal(start, fromLine) {
			readMbox(name, in, yield)
			return
		}
		yield(readOne(name, in))
	}
}

func readOne(name string, r io.Reader) Message {
	m := Message{Name: name, File: name}
	if m.Raw, m.Err = io.ReadAll(io.LimitReader(r, maxMessage)); m.Err == nil {
		// Read the rest, too, so that a program that pipes a mail in can write all of it.
		_, m.Err = io.Copy(io.Discard, r)
	}
	return m
}

// newIn reads a maildir's new messages, oldest first: their names begin with the time. It skips a message that another
// program moves in the meantime.
func newIn(dir string) (iter.Seq[Message], error) {
	for _, sub := range []string{"new", "cur"} {
		if info, err := os.Stat(filepath.Join(dir, sub)); err != nil || !info.IsDir() {
			return nil, ErrNotMail
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "new"))
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return !e.Type().IsRegular() })
	return func(yield func(Message) bool) {
		for _, e := range entries {
			path := filepath.Join(dir, "new", e.Name())
			for m := range inFile(path) {
				m.New = true
				if !errors.Is(m.Err, os.ErrNotExist) && !yield(m) {
					return
				}
			}
		}
	}, nil
}

// Done moves a new message of a maildir to cur, as every mail reader does with a message it has read. It marks the
// message as seen if nobody else needs to read it.
func Done(file string, seen bool) error {
	flags := ":2,"
	if seen {
		flags += "S"
	}
	dir := filepath.Dir(filepath.Dir(file))
	err := os.Rename(file, filepath.Join(dir, "cur", filepath.Base(file)+flags))
	if errors.Is(err, os.ErrNotExist) {
		return nil // another program has moved it
	}
	return err
}
