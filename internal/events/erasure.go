package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"portal-invites/internal/address"
	"portal-invites/internal/rules"
)

// Erasure is the data of PersonErased and ErasureLifted (ADR 171).
type Erasure struct {
	ContactID   string `json:"contact_id,omitempty"`
	Email       string `json:"email,omitempty"` // in any spelling
	RequestedBy string `json:"requested_by"`
	Reason      string `json:"reason"`
}

func (d *Erasure) check(f *fields) {
	f.person(d.ContactID, d.Email)
	if d.ContactID == "" && d.Email != "" {
		if err := address.Check(d.Email); err != nil {
			f.wrong("email", "%s", err)
		}
	}
	f.text("requested_by", d.RequestedBy, maxName)
	f.text("reason", d.Reason, maxReason)
}

// Who is the person that an erasure names.
func (d *Erasure) Who() rules.Person { return whoIs(d.ContactID, d.Email) }

func whoIs(contactID, email string) rules.Person {
	if contactID != "" {
		return rules.ContactPerson(contactID)
	}
	if normal := address.Parse(email).Normal; normal != "" {
		return rules.AddedPerson(normal)
	}
	return ""
}

// namedIn is a part of an event's data that names somebody.
type namedIn struct {
	ContactID string `json:"contact_id"`
	Email     string `json:"email"`
}

func (n namedIn) people() (list []rules.Person) {
	for _, p := range []rules.Person{whoIs(n.ContactID, ""), whoIs("", n.Email)} {
		if p != "" {
			list = append(list, p)
		}
	}
	return list
}

// nameReader reads whom the data of an event names: itself, its lists of people, and merged contacts. What is of
// another form names nobody.
type nameReader struct {
	object map[string]json.RawMessage
	itself namedIn
	people map[string][]json.RawMessage // recipients and contacts
	merged []rules.Person
	unread []rules.Person // in data that is no JSON object
}

func readNames(data []byte) (n nameReader) {
	if json.Unmarshal(data, &n.object) != nil {
		n.unread = namesInText(data)
		return n
	}
	_ = json.Unmarshal(n.object["contact_id"], &n.itself.ContactID)
	_ = json.Unmarshal(n.object["email"], &n.itself.Email)
	n.people = map[string][]json.RawMessage{}
	for _, list := range []string{"recipients", "contacts"} {
		var people []json.RawMessage
		if json.Unmarshal(n.object[list], &people) == nil {
			n.people[list] = people
		}
	}
	var from []string
	var into string
	_ = json.Unmarshal(n.object["from"], &from)
	_ = json.Unmarshal(n.object["into"], &into)
	for _, id := range append(from, into) {
		if id != "" {
			n.merged = append(n.merged, rules.ContactPerson(id))
		}
	}
	return n
}

// isOfOnePerson says whether data is the record of an individual, which has their name.
func (n nameReader) isOfOnePerson() bool {
	var kind string
	return json.Unmarshal(n.object["kind"], &kind) == nil && kind == string(rules.Individual)
}

func peopleIn(raw json.RawMessage) []rules.Person {
	var n namedIn
	if json.Unmarshal(raw, &n) != nil {
		return nil
	}
	return n.people()
}

var (
	emailsInText = regexp.MustCompile(`[^\s@<>()"',;:\\]+@[^\s@<>()"',;:\\]+`)
	idsInText    = regexp.MustCompile(`"[^"\s\\]{1,128}"`)
)

// namesInText finds what may name a person in data that can't be read: emails, and texts in quotation marks.
func namesInText(data []byte) (list []rules.Person) {
	for _, email := range emailsInText.FindAllString(string(data), -1) {
		list = append(list, whoIs("", email))
	}
	for _, id := range idsInText.FindAllString(string(data), -1) {
		list = append(list, whoIs(strings.Trim(id, `"`), ""))
	}
	return slices.DeleteFunc(list, func(p rules.Person) bool { return p == "" })
}

// body is the part of a message that has the data of its event: in structured mode, it is a field of the message.
func body(message []byte) (data json.RawMessage, envelope map[string]json.RawMessage) {
	if json.Unmarshal(message, &envelope) != nil || envelope["specversion"] == nil || envelope["data"] == nil {
		return message, nil
	}
	return envelope["data"], envelope
}

// PeopleIn returns whom the data of an event names, or a message with the data in it.
func PeopleIn(message []byte) []rules.Person {
	data, _ := body(message)
	n := readNames(data)
	list := slices.Concat(n.itself.people(), n.merged, n.unread)
	for _, people := range n.people {
		for _, raw := range people {
			list = append(list, peopleIn(raw)...)
		}
	}
	return list
}

// nothingLeft is the data of an event that was about erased people alone.
var nothingLeft = json.RawMessage(`{}`)

// WithoutPeople takes erased people out of the data of an event, or out of a message. isNamed says whether it names any
// of them. If it is about them alone, or written to them alone, nothing is left of it.
func WithoutPeople(message []byte, isErased func(rules.Person) bool) (left json.RawMessage, isNamed bool) {
	data, envelope := body(message)
	left, isNamed = withoutPeople(data, isErased)
	if envelope == nil || !isNamed || IsNothingLeft(left) {
		return left, isNamed
	}
	envelope["data"] = left
	left, err := json.Marshal(envelope)
	if err != nil {
		return nothingLeft, true
	}
	return left, true
}

func withoutPeople(data []byte, isErased func(rules.Person) bool) (left json.RawMessage, isNamed bool) {
	n := readNames(data)
	erased := func(raw json.RawMessage) bool { return slices.ContainsFunc(peopleIn(raw), isErased) }
	if slices.ContainsFunc(slices.Concat(n.itself.people(), n.merged, n.unread), isErased) {
		return nothingLeft, true
	}
	for list, people := range n.people {
		others := slices.DeleteFunc(slices.Clone(people), erased)
		if len(others) == len(people) {
			continue
		}
		if len(others) == 0 && (list == byName || n.isOfOnePerson()) {
			return nothingLeft, true
		}
		isNamed = true
		encoded, err := json.Marshal(others)
		if err != nil {
			return nothingLeft, true
		}
		n.object[list] = encoded
	}
	if !isNamed {
		return data, false
	}
	left, err := json.Marshal(n.object)
	if err != nil {
		return nothingLeft, true
	}
	return left, true
}

// IsNothingLeft says whether an erasure has left nothing of an event's data.
func IsNothingLeft(data []byte) bool { return bytes.Equal(data, nothingLeft) }

// Content is what today's code reads of a request, in one form. Two requests with the same content are the same.
func Content(t Type, data []byte) ([]byte, error) {
	read, err := DecodeData(t, data)
	if err != nil {
		return nil, err
	}
	return ContentOf(t, read)
}

// ContentOf is [Content] of data that was read.
func ContentOf(t Type, data Data) ([]byte, error) {
	encoded, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", t, err)
	}
	return append([]byte(string(t)+" "), encoded...), nil
}
