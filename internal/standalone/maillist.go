package standalone

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// Query selects mails. The zero value asks for all of them.
type Query struct {
	// Search is a text to find in the subject, the addresses and the Message-ID, ignoring case.
	Search string
	// Before selects mails older than the one with this id: the key of the next page. Unlike a page number, it stays right
	// while mails arrive.
	Before string
	// Limit is the most to return; 0 returns all.
	Limit int
}

// list returns mails, newest first, and whether older ones match as well.
func (m *maildir) list(ctx context.Context, q Query) (messages []Message, more bool, err error) {
	m.mu.Lock()
	ids := slices.Clone(m.ids)
	m.mu.Unlock()
	if q.Before != "" {
		at, _ := slices.BinarySearch(ids, q.Before)
		ids = ids[:at]
	}
	search := strings.ToLower(q.Search)
	for _, id := range slices.Backward(ids) {
		if err := ctx.Err(); err != nil {
			return messages, false, err
		}
		message, err := m.message(id)
		if errors.Is(err, fs.ErrNotExist) {
			m.forget(id)
			continue
		}
		if err != nil {
			return messages, false, err
		}
		if !message.matches(search) {
			continue
		}
		if q.Limit > 0 && len(messages) == q.Limit {
			return messages, true, nil
		}
		messages = append(messages, *message)
	}
	return messages, false, nil
}

// matching counts all mails that a search finds.
func (m *maildir) matching(ctx context.Context, search string) (int, error) {
	if search == "" {
		return m.count(), nil
	}
	found, _, err := m.list(ctx, Query{Search: search})
	return len(found), err
}

func (msg *Message) matches(search string) bool {
	if search == "" {
		return true
	}
	for _, field := range []string{msg.Subject, msg.To, msg.From, msg.MessageID} {
		if strings.Contains(strings.ToLower(field), search) {
			return true
		}
	}
	return false
}

// message reads a mail's headers once. Two readers may both read the file: they find the same, and neither holds the
// lock meanwhile.
func (m *maildir) message(id string) (*Message, error) {
	m.mu.Lock()
	known := m.headers[id]
	m.mu.Unlock()
	if known != nil {
		return known, nil
	}
	file, err := os.Open(m.path(id))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	message := &Message{ID: id}
	message.ReceivedAt, _ = time.Parse(idLayout, id) // The id's form was checked.
	// A mail without readable headers is listed, too: it did arrive.
	message.Headers, err = parseHeaders(bufio.NewReader(file))
	if err != nil {
		message.Subject = "(headers that can't be read)"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.headers[id] = message
	return message, nil
}

// forget drops a mail whose file has been removed.
func (m *maildir) forget(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, found := slices.BinarySearch(m.ids, id); found {
		m.ids = slices.Delete(m.ids, at, at+1)
	}
	delete(m.headers, id)
}
