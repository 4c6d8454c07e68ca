package events

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
)

// Event is a CloudEvent 1.0 with its data decoded and checked.
type Event struct {
	Firm       string // from the subject, the only source of the tenant
	Type       Type
	Source, ID string // together the event's identity
	Time       time.Time
	Subject    string // ce-subject: what the event is about
	Trace      Trace
	Data       Data
	Raw        json.RawMessage // Data as published
	At         Position
	First      Position // of a requeued event: where it was first; otherwise zero
}

// Place is where an event stands among the others when it says how something is. A requeued event keeps its first
// place, so it changes nothing about which something newer is known (ADR 142). At is where this copy is in the stream.
func (e Event) Place() Position {
	if e.First.Sequence > 0 && e.First.before(e.At) {
		return e.First
	}
	return e.At
}

// Trace is the W3C trace context of an event. The outcomes of the event carry it, too.
type Trace struct{ Parent, State string }

// Position orders events. Sequences begin at 1 again when a stream is deleted and created anew, so the stream's
// creation time compares first. Otherwise every fact in the new stream would look older than those of the old one. If
// the stream went back, the time of its epoch takes that place ([Epochs.At]).
type Position struct {
	Stream   time.Time // when the stream was created, or its epoch began
	Sequence uint64
}

func (p Position) before(q Position) bool {
	return cmp.Or(p.Stream.Compare(q.Stream), cmp.Compare(p.Sequence, q.Sequence)) < 0
}

// attributes are the CloudEvents context attributes that the pipeline reads, in either mode.
type attributes struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Time            string          `json:"time"`
	Subject         string          `json:"subject"`
	DataContentType string          `json:"datacontenttype"`
	TraceParent     string          `json:"traceparent"`
	TraceState      string          `json:"tracestate"`
	Data            json.RawMessage `json:"data"`
	DataBase64      []byte          `json:"data_base64"`
}

// maxAttribute is the greatest length of an id, a source or a subject, in octets.
const maxAttribute = 512

// Decode reads a message: the envelope in binary or structured mode (CloudEvents 1.0), and the data. An error says what
// can't be read and names the header or field. The Event beside an error has the parts that could be read, for the dead
// letter.
func Decode(subject string, header nats.Header, body []byte) (Event, error) {
	addr, subjectErr := parseSubject(subject)
	event := Event{Firm: addr.firm, Type: addr.typ, First: firstPlace(header)}
	attrs, err := readAttributes(header, body)
	if err != nil {
		return event, err
	}
	event.Source, event.ID = attrs.Source, attrs.ID
	event.Subject = attrs.Subject
	event.Trace = attrs.trace()
	if subjectErr != nil {
		return event, subjectErr
	}
	if event.Time, err = attrs.check(); err != nil {
		return event, err
	}
	if attrs.Type != addr.typ.CE() {
		return event, fmt.Errorf("ce-type: is not %s, the type in the subject", addr.typ.CE())
	}
	event.Raw = attrs.Data
	event.Data, err = DecodeData(addr.typ, attrs.Data)
	return event, err
}

// readAttributes reads the envelope from the headers (binary mode) or from a JSON body with specversion (structured
// mode). In structured mode the content type may be missing, since the CloudEvents Go SDK writes none.
func readAttributes(header nats.Header, body []byte) (attributes, error) {
	var given headers
	for name, values := range header {
		if field := given.field(name); field != nil && len(values) > 0 {
			*field = values[0]
		}
	}
	if given.SpecVersion == "" {
		return readStructured(body)
	}
	attrs := given.attributes
	attrs.DataContentType = first(attrs.DataContentType, given.contentType)
	attrs.TraceParent = first(given.traceParent, attrs.TraceParent)
	attrs.TraceState = first(given.traceState, attrs.TraceState)
	attrs.Data = body
	return attrs, nil
}

// headers are the headers that the envelope is read from. Three attributes may also come without the ce- prefix.
type headers struct {
	attributes
	contentType, traceParent, traceState string
}

// field returns where to store the value of a header, or nil for one that is not read. NATS keeps the publisher's
// spelling of header names, so upper and lower case are equal here.
func (h *headers) field(name string) *string {
	switch strings.ToLower(name) {
	case "ce-specversion":
		return &h.SpecVersion
	case "ce-id":
		return &h.ID
	case "ce-source":
		return &h.Source
	case "ce-type":
		return &h.Type
	case "ce-time":
		return &h.Time
	case "ce-subject":
		return &h.Subject
	case "ce-datacontenttype":
		return &h.DataContentType
	case "content-type":
		return &h.contentType
	case "ce-traceparent":
		return &h.TraceParent
	case "traceparent":
		return &h.traceParent
	case "ce-tracestate":
		return &h.TraceState
	case "tracestate":
		return &h.traceState
	default:
		return nil
	}
}

var errNoEnvelope = errors.New("envelope: not a CloudEvent: there is neither a header ce-specversion " +
	"nor a JSON body with specversion")

func readStructured(body []byte) (attributes, error) {
	var attrs attributes
	if body = bytes.TrimSpace(body); len(body) == 0 || body[0] != '{' {
		return attrs, errNoEnvelope
	}
	if err := json.Unmarshal(body, &attrs); err != nil {
		if _, ok := errors.AsType[base64.CorruptInputError](err); ok {
			return attrs, errors.New("envelope: data_base64: is not base64")
		}
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return attrs, fmt.Errorf("envelope: %w", jsonError(body, err))
		}
		return attrs, errNoEnvelope
	}
	if attrs.SpecVersion == "" {
		return attrs, errNoEnvelope
	}
	if len(attrs.Data) == 0 {
		attrs.Data = attrs.DataBase64
	}
	return attrs, nil
}

// check returns ce-time, or an error that names the first wrong attribute. ce-time is optional in CloudEvents, but
// required here (ADR 15).
func (a attributes) check() (time.Time, error) {
	if a.SpecVersion != "1.0" {
		return time.Time{}, errors.New("ce-specversion: must be 1.0")
	}
	for _, attr := range []struct{ name, value string }{
		{"ce-id", a.ID}, {"ce-source", a.Source}, {"ce-subject", a.Subject},
	} {
		switch {
		case attr.value == "" && attr.name == "ce-subject": // optional
		case attr.value == "":
			return time.Time{}, fmt.Errorf("%s: missing", attr.name)
		case len(attr.value) > maxAttribute:
			return time.Time{}, fmt.Errorf("%s: is longer than %d octets", attr.name, maxAttribute)
		case !utf8.ValidString(attr.value) || strings.ContainsFunc(attr.value, isControl):
			return time.Time{}, fmt.Errorf("%s: has a control character in it", attr.name)
		}
	}
	if a.Type == "" {
		return time.Time{}, errors.New("ce-type: missing")
	}
	if a.Time == "" {
		return time.Time{}, errors.New("ce-time: missing")
	}
	at, err := time.Parse(time.RFC3339, a.Time)
	if err != nil {
		return time.Time{}, errors.New("ce-time: must be a time as in RFC 3339 (example: 2026-11-22T10:30:00Z)")
	}
	return at, checkContentType(a.DataContentType)
}

var (
	traceParent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)
	traceState  = regexp.MustCompile(`^[ -~]{0,512}$`)
)

// trace returns the trace context, or none if it is not valid. W3C Trace Context, section 4.3, starts a new trace then.
// Besides, a JSON string may hold characters that neither a header nor the database accepts.
func (a attributes) trace() Trace {
	switch {
	case !traceParent.MatchString(a.TraceParent):
		return Trace{}
	case !traceState.MatchString(a.TraceState):
		return Trace{Parent: a.TraceParent}
	default:
		return Trace{a.TraceParent, a.TraceState}
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func checkContentType(contentType string) error {
	if contentType == "" || contentType == "application/json" {
		return nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return errors.New("ce-datacontenttype: must be application/json")
	}
	return nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// Outgoing is an event that is to be published.
type Outgoing struct {
	Subject    string // NATS subject
	Type       Type
	Source, ID string
	Time       time.Time
	About      string // ce-subject, optional
	Trace      Trace
	Data       any // marshalled to JSON; json.RawMessage and Encoded are published unchanged
}

// Encoded is JSON that needs no check, since it was read from a JSON column (ADR 59).
type Encoded []byte

// Identity is the event's Nats-Msg-Id: its firm, source and id. Without the firm, the stream would take an event for a
// copy of another firm's.
func (o Outgoing) Identity() string { return identity(o.Subject, o.Source, o.ID) }

func identity(subject, source, id string) string { return FirmOf(subject) + "/" + source + "/" + id }

func (o Outgoing) body() ([]byte, error) {
	switch data := o.Data.(type) {
	case Encoded:
		return data, nil
	case json.RawMessage:
		if !json.Valid(data) {
			return nil, errors.New("data: is not valid JSON")
		}
		return data, nil
	default:
		return json.Marshal(data)
	}
}

// Message encodes the event in binary mode. Its Nats-Msg-Id is the event's identity, so the stream stores it once if it
// is published twice within the stream's window for duplicates.
func (o Outgoing) Message() (*nats.Msg, error) {
	body, err := o.body()
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", o.Type, err)
	}
	header := nats.Header{
		"ce-specversion":     {"1.0"},
		"ce-id":              {o.ID},
		"ce-source":          {o.Source},
		"ce-type":            {o.Type.CE()},
		"ce-time":            {o.Time.UTC().Format(time.RFC3339Nano)},
		"ce-datacontenttype": {"application/json"},
		nats.MsgIdHdr:        {o.Identity()},
	}
	for name, value := range map[string]string{
		"ce-subject": o.About, "traceparent": o.Trace.Parent, "tracestate": o.Trace.State,
	} {
		if value != "" {
			header[name] = []string{value}
		}
	}
	return &nats.Msg{Subject: o.Subject, Header: header, Data: body}, nil
}
