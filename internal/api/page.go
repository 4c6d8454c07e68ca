package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

// longestList is how many octets of entries one answer has at most. A broker accepts messages of 1 MiB by default.
const longestList = 700_000

var errCursor = invalid(
	"cursor: is not the next of an answer to the same call; leave it out to begin with the first page")

// pager reads the page that a call asks for, and makes the cursor of the next one.
type pager struct {
	limit    int
	cursor   string
	firm     string
	question string // what is asked; a cursor of another question is an error
}

// cursor is what a cursor holds: a question, and the position of the last entry that was answered.
type cursor struct {
	Question string          `json:"q"`
	Key      json.RawMessage `json:"k"`
}

// newPager checks the limit of a page. A cursor belongs to the endpoint, the firm and all fields of the request besides
// the page itself.
func newPager(p Page, endpoint, firm string, request any) (pager, error) {
	question, err := questionOf(endpoint, firm, request)
	switch {
	case err != nil:
		return pager{}, err
	case p.Limit == 0:
		p.Limit = DefaultLimit
	case p.Limit < 1 || p.Limit > MaxLimit:
		return pager{}, invalid("limit: must be 1 to %d", MaxLimit)
	}
	return pager{limit: p.Limit, cursor: p.Cursor, firm: firm, question: question}, nil
}

// questionLength is how many octets of a hash name a question. It keeps nobody out, because a position leads only to
// what the caller may read anyway. It finds mistakes.
const questionLength = 9

func questionOf(endpoint, firm string, request any) (string, error) {
	raw, err := json.Marshal(request)
	if err != nil {
		return "", err
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return "", err
	}
	for _, page := range []string{"limit", "cursor", "after", "wait"} {
		delete(fields, page)
	}
	if raw, err = json.Marshal([]any{endpoint, firm, fields}); err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return base64.RawURLEncoding.EncodeToString(sum[:questionLength]), nil
}

// after decodes the cursor into the key from which the earlier answer made it, and says whether there was a cursor.
func (p pager) after(key any) (bool, error) {
	if p.cursor == "" {
		return false, nil
	}
	var c cursor
	raw, err := base64.RawURLEncoding.DecodeString(p.cursor)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil || c.Question != p.question || json.Unmarshal(c.Key, key) != nil {
		return false, errCursor
	}
	return true, nil
}

// next makes the cursor of what comes after the entry with this key.
func (p pager) next(key any) (string, error) {
	raw, err := json.Marshal(key)
	if err == nil {
		raw, err = json.Marshal(cursor{Question: p.question, Key: raw})
	}
	return base64.RawURLEncoding.EncodeToString(raw), err
}

// cut makes a page of a list that was read one entry beyond the limit. It returns how many entries the page has, and
// the cursor of the next page if there is one. key returns the position of an entry.
func cut[T any](list []T, p pager, key func(T) any) (n int, next string, err error) {
	size := 0
	for n < len(list) && n < p.limit {
		entry, err := json.Marshal(list[n])
		if err != nil {
			return 0, "", err
		}
		if size += len(entry); size > longestList && n > 0 {
			break
		}
		n++
	}
	if n == len(list) {
		return n, "", nil
	}
	next, err = p.next(key(list[n-1]))
	return n, next, err
}
