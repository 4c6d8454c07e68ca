package api

import (
	"strings"
	"time"

	"github.com/nats-io/nats.go/micro"
)

// WaitHeader is the header that says how long the caller waits for the answer, as in 2s or 800ms. After that time,
// nobody needs the answer, so a worker does not begin to look for it.
const WaitHeader = "portal-wait"

const (
	// turnPatience is how long a call waits for its turn if it does not say how long its caller waits.
	turnPatience = 5 * time.Second
	// deadline is how long one answer may take. Only a selection of many thousands comes near it.
	deadline = 20 * time.Second
	// longestCall is how long a worker keeps a call, whatever the header says.
	longestCall = turnPatience + deadline
)

// waits says until when a call may have its turn and its answer.
type waits struct {
	turn   time.Duration // for each turn
	answer time.Time
	said   time.Duration // what the header says; 0 if there is none
}

// waitsOf reads the header of a call that was taken at a time.
func waitsOf(headers micro.Headers, taken time.Time) (waits, error) {
	value := ""
	for name, values := range headers {
		if strings.EqualFold(name, WaitHeader) && len(values) > 0 {
			value = values[0]
		}
	}
	if value == "" {
		return waits{turn: turnPatience, answer: taken.Add(longestCall)}, nil
	}
	wait, err := time.ParseDuration(value)
	if err != nil || wait <= 0 {
		return waits{}, invalid("%s: must be a duration above zero (example: 2s)", WaitHeader)
	}
	kept := min(wait, longestCall)
	return waits{turn: kept, answer: taken.Add(kept), said: wait}, nil
}

// turnBy is until when a call that enters a line now may have its turn.
func (w waits) turnBy(now time.Time) time.Time {
	if by := now.Add(w.turn); by.Before(w.answer) {
		return by
	}
	return w.answer
}

// answerBy is until when an answer that begins now must be there.
func (w waits) answerBy(now time.Time) time.Time {
	if by := now.Add(deadline); by.Before(w.answer) {
		return by
	}
	return w.answer
}
