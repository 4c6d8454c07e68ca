package api

import (
	"encoding/base64"
	"encoding/json"
)

// longestList is how many octets of entries one answer has at most. A broker accepts messages of 1 MiB by default.
const longestList = 700_000

var errCursor = invalid(
	"cursor: is not the next of an answer to the same call; leave it out to begin with the first page")

// limit is the page's limit, checked.
func (p Page) limit() (int, error) {
	switch {
	case p.Limit == 0:
		return DefaultLimit, nil
	case p.Limit < 1 || p.Limit > MaxLimit:
		return 0, invalid("limit: must be 1 to %d", MaxLimit)
	default:
		return p.Limit, nil
	}
}

// after decodes the cursor into the key from which the earlier answer made it, and says whether there was a cursor.
func (p Page) after(key any) (bool, error) {
	if p.Cursor == "" {
		return false, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err == nil {
		err = json.Unmarshal(raw, key)
	}
	if err != nil {
		return false, errCursor
	}
	return true, nil
}

func cursorOf(key any) (string, error) {
	raw, err := json.Marshal(key)
	return base64.RawURLEncoding.EncodeToString(raw), err
}

// cut makes a page of a list that was read one entry beyond the limit. It returns how many entries the page has, and
// the cursor of the next page if there is one. key returns the position of an entry.
func cut[T any](list []T, limit int, key func(T) any) (n int, next string, err error) {
	size := 0
	for n < len(list) && n < limit {
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
	next, err = cursorOf(key(list[n-1]))
	return n, next, err
}
