package events

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// The headers a dead letter has besides the original ones.
const (
	DeadReason   = "portal-dead-reason"   // why it could not be handled; names the header or field
	DeadSubject  = "portal-dead-subject"  // where it was published
	DeadSequence = "portal-dead-sequence" // its sequence in PORTAL_EVENTS
	DeadAt       = "portal-dead-at"       // when it was set aside (RFC 3339)
	DeadBy       = "portal-dead-by"       // the durable that set it aside
	DeadLeftOut  = "portal-dead-left-out" // what had to be left out, and where it is

	// originalPrefix keeps headers that mean something to the broker from meaning it again.
	originalPrefix = "portal-original-"
)

// Original is the message of a delivery as it was published.
func (d Delivery) Original() (subject string, header nats.Header, body []byte) {
	return d.msg.Subject, d.msg.Header, d.msg.Data
}

// home is the firm and the type under which a delivery's letter lies; _ for what could not be told.
func (d Delivery) home() (firm, typ string) {
	firm, typ = unknown, unknown
	if d.Firm != "" {
		firm = d.Firm
	}
	if _, err := d.Type.Prefix(); err == nil {
		typ = string(d.Type)
	}
	return firm, typ
}

// Home is the firm under which a delivery's dead letter lies; _ where it could not be told.
func (d Delivery) Home() string {
	firm, _ := d.home()
	return firm
}

const unknown = "_"

// deadLetter is a copy of a message that can't be handled: the original headers and body, and the reason.
func deadLetter(d Delivery, reason error, by string, now time.Time) *nats.Msg {
	header := nats.Header{}
	for name, values := range d.msg.Header {
		if meansSomething(name) {
			name = originalPrefix + name
		}
		header[name] = values
	}
	sequence := strconv.FormatUint(d.At.Sequence, 10)
	header[DeadReason] = []string{oneLine(reason.Error())}
	header[DeadSubject] = []string{d.msg.Subject}
	header[DeadSequence] = []string{sequence}
	header[DeadAt] = []string{now.UTC().Format(time.RFC3339)}
	header[DeadBy] = []string{by}
	// One letter for one message, also where the worker dies between publishing the letter and acknowledging the message.
	header[nats.MsgIdHdr] = []string{fmt.Sprintf("dead/%d/%s", d.At.Stream.UnixNano(), sequence)}

	firm, typ := d.home()
	return &nats.Msg{Subject: "portal." + string(Dead) + "." + firm + "." + typ, Header: header, Data: d.msg.Data}
}

// meansSomething says whether a header means something to the broker or to its clients: they would take a letter with it for something
// else. `Status` is how the server marks its own words.
func meansSomething(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "nats-") || name == "status" || name == "description"
}

// Requeued is a message as it was published, to be published again: the same event, by its CloudEvents identity. Headers that
// mean something to the broker stay behind. An id for duplicates would have the stream drop it as the one that failed,
// an expected sequence would have it refused, a time to live or a rollup would cost other messages; id takes their place, so
// that requeueing twice at once stores it once.
func Requeued(subject string, header nats.Header, body []byte, id string) *nats.Msg {
	kept := nats.Header{}
	for name, values := range header {
		if !meansSomething(name) {
			kept[name] = values
		}
	}
	kept[nats.MsgIdHdr] = []string{id}
	return &nats.Msg{Subject: subject, Header: kept, Data: body}
}

// shorten leaves out what the publisher wrote of a message so long that its letter, with the reason, is longer than the broker
// takes. Its sequence leads to the whole of it, as long as PORTAL_EVENTS keeps it.
func shorten(letter *nats.Msg) {
	leftOut := fmt.Sprintf("headers and a body of %d octets: see the sequence in %s", len(letter.Data), EventsStream)
	short := nats.Header{DeadLeftOut: {leftOut}}
	for _, ours := range []string{DeadReason, DeadSubject, DeadSequence, DeadAt, DeadBy, nats.MsgIdHdr} {
		short[ours] = letter.Header[ours]
	}
	letter.Header, letter.Data = short, nil
}

// oneLine makes a text fit for a header and short enough to read.
func oneLine(text string) string {
	const longest = 1000
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, "\n", "; ")), " ")
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return text
}
