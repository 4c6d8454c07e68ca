package standalone

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"portal-invites/internal/standalone/smtpsink"
)

// ErrNoMail is what Load returns for an id under which no mail is kept.
var ErrNoMail = errors.New("no such mail")

// Message is one kept mail in a list.
type Message struct {
	ID         string    `json:"id"` // When it came, in UTC: ids sort by time.
	ReceivedAt time.Time `json:"received_at"`
	Headers
}

const (
	idLayout   = "20060102T150405.000000000Z"
	extension  = ".eml"
	tempPrefix = ".incoming-"
)

// Ids become file names, so nothing but this shape is ever looked up.
var idPattern = regexp.MustCompile(`^\d{8}T\d{6}\.\d{9}Z$`)

// maildir is a folder of .eml files. The folder is the index: what it holds at
// the start is what there is. Headers are read from a file when someone first
// looks at them, and kept; receiving a mail costs no parsing.
type maildir struct {
	dir string

	mu      sync.Mutex
	last    time.Time           // The time of the newest id handed out.
	ids     []string            // Sorted, oldest first.
	headers map[string]*Message // Those already read.
}

func openMaildir(dir string) (*maildir, error) {
	if dir == "" {
		return nil, errors.New("the folder for mails, Dir, is empty")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the folder for mails: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the folder of mails: %w", err)
	}
	m := &maildir{dir: dir, headers: map[string]*Message{}}
	for _, entry := range entries {
		id, isMail := strings.CutSuffix(entry.Name(), extension)
		switch {
		case isMail && idPattern.MatchString(id):
			m.ids = append(m.ids, id)
		case strings.HasPrefix(entry.Name(), tempPrefix): // A mail whose sender got no 250.
			if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
				return nil, fmt.Errorf("remove a half-written mail: %w", err)
			}
		}
	}
	slices.Sort(m.ids)
	if n := len(m.ids); n > 0 {
		m.last, _ = time.Parse(idLayout, m.ids[n-1]) // At worst zero: the clock decides.
	}
	return m, nil
}

// add keeps one mail: written beside and renamed, so that no reader ever sees
// half of it. There is no fsync, which would cost most of the throughput: a mail
// caught here is there to be looked at, and the pipeline's own record of having
// sent it does not depend on this copy.
func (m *maildir) add(envelope smtpsink.Envelope) (string, error) {
	id := m.nextID()
	temp := filepath.Join(m.dir, tempPrefix+id)
	err := os.WriteFile(temp, withTrace(envelope), 0o600)
	if err == nil {
		err = os.Rename(temp, m.path(id))
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("keep mail: %w", err), removeIfThere(temp))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// Mails are written at the same time and may finish in another order.
	at, _ := slices.BinarySearch(m.ids, id)
	m.ids = slices.Insert(m.ids, at, id)
	return id, nil
}

// nextID is the time, moved on where needed so that no two are the same, also
// after the clock was set back.
func (m *maildir) nextID() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now().UTC()
	if !now.After(m.last) {
		now = m.last.Add(time.Nanosecond)
	}
	m.last = now
	return now.Format(idLayout)
}

// withTrace puts the envelope on top, as a server making the final delivery does
// (RFC 5321, 4.4): the mail's own To need not name who received it.
func withTrace(envelope smtpsink.Envelope) []byte {
	var mail bytes.Buffer
	mail.Grow(len(envelope.Data) + 256)
	fmt.Fprintf(&mail, "Return-Path: <%s>\r\n", oneLine(envelope.From))
	for _, to := range envelope.To {
		fmt.Fprintf(&mail, "Delivered-To: %s\r\n", oneLine(to))
	}
	mail.Write(envelope.Data)
	return mail.Bytes()
}

// oneLine keeps an address from the wire from starting a header of its own.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return '?'
		}
		return r
	}, s)
}

func (m *maildir) path(id string) string { return filepath.Join(m.dir, id+extension) }

func (m *maildir) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.ids)
}

// raw reads a mail as it is kept. One whose file someone has removed is no longer
// listed either, once that is noticed.
func (m *maildir) raw(id string) ([]byte, error) {
	if !idPattern.MatchString(id) {
		return nil, ErrNoMail
	}
	content, err := os.ReadFile(m.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		m.forget(id)
		return nil, ErrNoMail
	}
	if err != nil {
		return nil, fmt.Errorf("read mail %s: %w", id, err)
	}
	return content, nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
