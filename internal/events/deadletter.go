package events

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
)

// The headers that a dead letter has in addition to the original ones.
const (
	DeadReason   = "portal-dead-reason"   // why it could not be handled, naming the header or field
	DeadSubject  = "portal-dead-subject"  // where it was published
	DeadSequence = "portal-dead-sequence" // its sequence in PORTAL_EVENTS
	DeadAt       = "portal-dead-at"       // when it was set aside (RFC 3339)
	DeadBy       = "portal-dead-by"       // the durable that set it aside
	DeadLeftOut  = "portal-dead-left-out" // what the letter had no room for, and where that can be read

	// originalPrefix renames the headers that the broker acts on, so that it does not act on them a second time.
	originalPrefix = "portal-original-"
)

// Original is the message of a delivery as it was published.
func (d Delivery) Original() (subject string, header nats.Header, body []byte) {
	return d.msg.Subject, d.msg.Header, d.msg.Data
}

// home returns the firm and the type in the subject of a delivery's dead letter; _ for what could not be read.
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

// Home returns the firm in the subject of a delivery's dead letter; _ if the firm could not be read.
func (d Delivery) Home() string {
	firm, _ := d.home()
	return firm
}

const unknown = "_"

// deadLetter returns the dead letter for a message: its original headers and body, and the reason.
func deadLetter(d Delivery, reason error, by string, now time.Time) *nats.Msg {
	header := nats.Header{}
	for name, values := range d.msg.Header {
		if isReserved(name) {
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
	// The worker may die after it published the letter and before it acknowledged the message. The message is then buried
	// again, and this id keeps the stream from storing a second letter.
	header[nats.MsgIdHdr] = []string{fmt.Sprintf("dead/%d/%s", d.At.Stream.UnixNano(), sequence)}

	firm, typ := d.home()
	return &nats.Msg{Subject: "portal." + string(Dead) + "." + firm + "." + typ, Header: header, Data: d.msg.Data}
}

// isReserved says whether the broker or its clients act on a header. With `Status`, for example, a client takes a dead
// letter for a control message.
func isReserved(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "nats-") || name == "status" || name == "description"
}

// firstPlaceHeader says where a requeued event was first in the stream of events. Whoever publishes an event with this
// header can make it older, and nothing else: [Event.Place] passes over a place behind the event's own.
const firstPlaceHeader = "portal-first-place"

func firstPlace(header nats.Header) Position {
	epoch, sequence, _ := strings.Cut(header.Get(firstPlaceHeader), "/")
	nanoseconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return Position{}
	}
	number, err := strconv.ParseUint(sequence, 10, 63)
	if err != nil {
		return Position{}
	}
	return Position{Stream: time.Unix(0, nanoseconds).UTC(), Sequence: number}
}

// Requeued returns a copy of a dead letter's original message, to be published again. The copy is the same event: it
// has the same CloudEvents source and id, and says which place the original had. The original's Nats-* headers are
// left out, because the broker acts on them. With the old Nats-Msg-Id, the stream would drop the copy as a duplicate.
// With a header that expects a sequence, it would reject the copy. With a rollup header, it could delete other
// messages. The copy has a Nats-Msg-Id that nobody can guess, so no other sender can have used it before (ADR 88).
func Requeued(subject string, header nats.Header, body []byte, first Position) *nats.Msg {
	kept := nats.Header{}
	for name, values := range header {
		if !isReserved(name) {
			kept[name] = values
		}
	}
	kept[nats.MsgIdHdr] = []string{"requeue/" + uuid.NewString()}
	kept[firstPlaceHeader] = []string{fmt.Sprintf("%d/%d", first.Stream.UnixNano(), first.Sequence)}
	return &nats.Msg{Subject: subject, Header: kept, Data: body}
}

// shorten removes the publisher's headers and body from a letter that is larger than the broker accepts: the message
// may be as large as the limit, and the letter adds the reason. The whole message can be read by its sequence for as
// long as PORTAL_EVENTS keeps it.
func shorten(letter *nats.Msg) {
	leftOut := fmt.Sprintf("headers and a body of %d octets: see the sequence in %s", len(letter.Data), EventsStream)
	short := nats.Header{DeadLeftOut: {leftOut}}
	for _, ours := range []string{DeadReason, DeadSubject, DeadSequence, DeadAt, DeadBy, nats.MsgIdHdr} {
		short[ours] = letter.Header[ours]
	}
	letter.Header, letter.Data = short, nil
}

// oneLine turns a text into one line for a header, cut to 1000 characters.
func oneLine(text string) string {
	const longest = 1000
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, "\n", "; ")), " ")
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return text
}
