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

// maxMessage is how much of a message is looked at, in bytes. The report stands
// before the mail it quotes, and the mails sent here are far smaller than that.
const maxMessage = 4 << 20

// Stdin is the name under which standard input is read.
const Stdin = "-"

// Message is one message of an input, or the reason why there is none.
type Message struct {
	Name string // the file, and for an mbox the message's number in it, from 1
	File string // the file alone
	New  bool   // the file is one of a maildir's new ones
	Raw  []byte // its first 4 MB
	Err  error
}

// ErrNotMail is of a folder in which no mails can be told from other files.
var ErrNotMail = errors.New("is a folder, and no maildir: it has no folders new and cur in it")

// Messages reads what path names: a file with one message or an mbox, a
// maildir, whose new messages are read, or standard input for "-". What can't
// be opened at all comes as an error here, before the first message.
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
		return nil, errors.New("is no file")
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

// messagesIn reads an mbox or one message, and tells the two by the first line.
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
		// Whoever pipes a mail in must be able to write all of it.
		_, m.Err = io.Copy(io.Discard, r)
	}
	return m
}

// newIn reads a maildir's new messages, oldest first: their names begin with
// the time. What another program has taken away meanwhile is not there.
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

// Done moves a new message of a maildir to cur, as whoever has looked at it
// does, and marks it as seen if nobody else needs to read it.
func Done(file string, seen bool) error {
	flags := ":2,"
	if seen {
		flags += "S"
	}
	dir := filepath.Dir(filepath.Dir(file))
	err := os.Rename(file, filepath.Join(dir, "cur", filepath.Base(file)+flags))
	if errors.Is(err, os.ErrNotExist) {
		return nil // somebody else has moved it
	}
	return err
}
