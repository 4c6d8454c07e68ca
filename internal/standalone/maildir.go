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

// ErrNoMail means that no mail has that id.
var ErrNoMail = errors.New("no such mail")

// Message is one kept mail in a list.
type Message struct {
	ID         string    `json:"id"` // The time it came, in UTC: ids sort by time.
	ReceivedAt time.Time `json:"received_at"`
	Headers
}

const (
	idLayout   = "20060102T150405.000000000Z"
	extension  = ".eml"
	tempPrefix = ".incoming-"
)

// Ids become file names, so only ids of this form are looked up.
var idPattern = regexp.MustCompile(`^\d{8}T\d{6}\.\d{9}Z$`)

// maildir is a folder of .eml files. The folder is the index: at the start, all files in it are mails. Headers are read
// from a file when someone first looks at them, and cached; receiving a mail needs no parsing.
type maildir struct {
	dir string

	mu      sync.Mutex          // guards all below
	last    time.Time           // The time of the newest id.
	ids     []string            // Sorted, oldest first.
	headers map[string]*Message // By id; only those already read.
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
		case strings.HasPrefix(entry.Name(), tempPrefix): // A mail that was not acknowledged.
			if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
				return nil, fmt.Errorf("remove a half-written mail: %w", err)
			}
		}
	}
	slices.Sort(m.ids)
	if n := len(m.ids); n > 0 {
		m.last, _ = time.Parse(idLayout, m.ids[n-1]) // Zero if it fails: then the clock decides.
	}
	return m, nil
}

// add keeps one mail. It writes a temporary file and renames it, so that no reader sees half of it. It does not fsync,
// which would cost most of the throughput: caught mails are only there to be looked at, and the pipeline has its own
// record of what it sent.
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

// nextID is the current time, moved forward if needed so that no two ids are the same, even after the clock was set
// back.
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

// withTrace puts the envelope on top of the mail, as a server does at the final delivery (RFC 5321, 4.4): the To of a
// mail need not name its recipient.
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

// oneLine keeps an address from the network from starting a header of its own.
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

// raw reads a mail as it was stored. If its file has been removed, the mail is removed from the list, too.
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
