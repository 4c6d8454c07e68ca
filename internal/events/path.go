package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// pathAt returns the path of the value that a JSON decoder had begun or ended at a byte offset, as in
// recipients[1].email. The decoder's own errors have no list indexes. It returns "" if there is no such value.
func pathAt(raw []byte, offset int64) string {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	var open []level // the objects and lists around the value
	for {
		token, err := decoder.Token()
		if err != nil {
			return ""
		}
		delim, _ := token.(json.Delim)
		if delim == '}' || delim == ']' {
			open = open[:len(open)-1]
			next(open)
			continue
		}
		if n := len(open); n > 0 && open[n-1].awaitsKey {
			open[n-1].key, open[n-1].awaitsKey = fmt.Sprint(token), false
			continue
		}
		if decoder.InputOffset() >= offset {
			return pathOf(open)
		}
		if delim == 0 {
			next(open)
			continue
		}
		open = append(open, level{list: delim == '[', awaitsKey: delim == '{'})
	}
}

// level is an object or a list around a value, with the key or index of its child on the path.
type level struct {
	list      bool
	index     int
	key       string
	awaitsKey bool
}

func next(open []level) {
	if len(open) == 0 {
		return
	}
	if last := &open[len(open)-1]; last.list {
		last.index++
	} else {
		last.awaitsKey = true
	}
}

func pathOf(open []level) string {
	var path strings.Builder
	for i, l := range open {
		switch {
		case l.list:
			fmt.Fprintf(&path, "[%d]", l.index)
		case i > 0:
			path.WriteString("." + l.key)
		default:
			path.WriteString(l.key)
		}
	}
	return path.String()
}
