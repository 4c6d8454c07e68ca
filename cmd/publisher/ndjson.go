package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
)

// maxLine is the greatest length of a line, in bytes. A bulk request that names 20,000 clients fits.
const maxLine = 8 << 20

// item is an event that may be published, with its line number in the input (0 if the input has only one event).
type item struct {
	line int
	msg  *nats.Msg
}

// firmChoice says how to find the firm of an event: the given firm; or else the line's own attribute "firm"; or else
// the fallback. If a firm is given and the line names another one, that is an error.
type firmChoice struct{ given, fallback string }

// readNDJSON reads structured-mode CloudEvents, one a line, and checks every one of them as the workers will.
func readNDJSON(r io.Reader, firm firmChoice) ([]item, []problem, error) {
	var items []item
	var found []problem
	seen := map[identity]int{}
	lines := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			return items, found, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", n, err)
		}
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		msg, wrong := readEvent(line, firm)
		if msg != nil {
			// The workers would take the second event for a copy of the first.
			id := identityOf(msg)
			if first, twice := seen[id]; twice {
				wrong = []problem{{Field: "id", Text: fmt.Sprintf("is the same as in line %d, with the same source", first)}}
			} else {
				seen[id] = n
				items = append(items, item{n, msg})
			}
		}
		for _, p := range wrong {
			p.Line = n
			found = append(found, p)
		}
	}
}

// identity is what makes two events the same event. Its parts are kept apart: joined, two events could look alike.
type identity struct{ firm, source, id string }

func identityOf(msg *nats.Msg) identity {
	return identity{events.FirmOf(msg.Subject), msg.Header.Get("ce-source"), msg.Header.Get("ce-id")}
}

// readLine reads to the next line end, or to the end of the input.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, fmt.Errorf("is longer than %d MB", maxLine>>20)
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return line, err
		}
	}
}

// known are the attributes that Decode reads. All others are extensions, which are published unchanged.
var known = []string{
	"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "traceparent", "tracestate",
	"data", "data_base64", firmAttribute,
}

// firmAttribute names an event's firm in a file. It becomes part of the subject and is not published itself: the
// subject is the only source of the tenant.
const firmAttribute = "firm"

// readEvent turns a structured event into the message to publish. That is in binary mode, so that a person with a NATS
// client can read the attributes in its headers.
func readEvent(line []byte, choice firmChoice) (*nats.Msg, []problem) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(line, &top); err != nil {
		return nil, []problem{{Field: "event", Text: "is not a JSON object on one line"}}
	}
	firm, err := choice.of(top)
	t, typeErr := typeOf(top)
	if err := errors.Join(err, typeErr); err != nil {
		return nil, problems(err)
	}
	subject, err := events.Subject(firm, t)
	if err != nil {
		return nil, problems(err)
	}
	event, err := events.Decode(subject, nil, line)
	if err := events.Strict(event, err); err != nil {
		return nil, withoutPrefix(problems(err))
	}
	extensions, err := extensionsOf(top)
	if err != nil {
		return nil, problems(err)
	}
	msg, err := events.Outgoing{
		Subject: subject, Type: t, Source: event.Source, ID: event.ID, Time: event.Time, About: event.Subject,
		Trace: event.Trace, Data: event.Raw,
	}.Message()
	if err != nil {
		return nil, problems(err)
	}
	maps.Copy(msg.Header, extensions)
	return msg, nil
}

// withoutPrefix names attributes as in a file, without the prefix ce- of headers.
func withoutPrefix(found []problem) []problem {
	for i := range found {
		found[i].Field = strings.TrimPrefix(found[i].Field, "ce-")
	}
	return found
}

func (c firmChoice) of(top map[string]json.RawMessage) (string, error) {
	raw, found := top[firmAttribute]
	if !found {
		firm := cmp.Or(c.given, c.fallback)
		if firm == "" {
			return "", errors.New("firm: missing (give --firm, or a firm in every line)")
		}
		return firm, nil
	}
	var firm string
	if err := json.Unmarshal(raw, &firm); err != nil {
		return "", errors.New("firm: must be a string")
	}
	if c.given != "" && firm != c.given {
		return "", errors.New("firm: is not the firm of --firm")
	}
	return firm, events.CheckFirm(firm)
}

// typeOf reads the event's type, which decides the subject.
func typeOf(top map[string]json.RawMessage) (events.Type, error) {
	var ceType string
	switch raw, found := top["type"]; {
	case !found:
		return "", errors.New("type: missing")
	case json.Unmarshal(raw, &ceType) != nil:
		return "", errors.New("type: must be a string")
	}
	for _, t := range events.IncomingTypes() {
		if t.CE() == ceType {
			return t, nil
		}
	}
	return "", fmt.Errorf("type: is not a type that upstream may publish (example: %s)", events.InviteRequested.CE())
}

// extensionsOf makes headers of the attributes that the pipeline does not know, so that they are published with the
// event.
func extensionsOf(top map[string]json.RawMessage) (nats.Header, error) {
	header := nats.Header{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(top)) {
		if slices.Contains(known, name) {
			continue
		}
		value, err := scalar(top[name])
		switch {
		case strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "":
			err = errors.New("an attribute's name must be of the characters a-z 0-9 (CloudEvents 1.0, section 3.1)")
		case err == nil && value == "":
			continue // null counts as missing
		case err == nil:
			header["ce-"+name] = []string{value}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", name, err))
		}
	}
	return header, errors.Join(errs...)
}

func scalar(raw json.RawMessage) (string, error) {
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return "", errors.New("is not valid JSON")
	}
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		if strings.ContainsFunc(v, unicode.IsControl) {
			return "", errors.New("has a control character in it")
		}
		return v, nil
	case bool, float64:
		return string(raw), nil
	default:
		return "", errors.New("an extension must be a string, a number or true or false")
	}
}
