package live

import (
	"strconv"
	"strings"
	"time"

	"portal-invites/internal/api"
)

// write makes the id of an event: when the outcome stream was made, in nanoseconds, and the sequence.
func write(p api.Place) string {
	return strconv.FormatInt(p.Made.UnixNano(), 10) + "-" + strconv.FormatUint(p.Sequence, 10)
}

// read reads the id of an event. ok is false for anything else.
func read(id string) (p api.Place, ok bool) {
	made, sequence, found := strings.Cut(id, "-")
	if !found {
		return p, false
	}
	nanoseconds, err := strconv.ParseInt(made, 10, 64)
	if err != nil {
		return p, false
	}
	if p.Sequence, err = strconv.ParseUint(sequence, 10, 64); err != nil {
		return p, false
	}
	p.Made = time.Unix(0, nanoseconds).UTC()
	return p, true
}
