package events

import (
	"github.com/nats-io/nats.go"
	"github.com/tidwall/gjson"

	"portal-invites/internal/rules"
)

// Thing says what a delivery has the full state of, as far as that can be read although the message is refused. It is
// "" if the message has no state of a thing, or does not name the thing.
func (d Delivery) Thing() rules.Thing { return thingOf(d.msg.Subject, d.msg.Header, d.msg.Data) }

func thingOf(subject string, header nats.Header, body []byte) rules.Thing {
	addr, err := parseSubject(subject)
	if err != nil {
		return ""
	}
	fact, err := addr.typ.row()
	if err != nil || fact.about == nil {
		return ""
	}
	if fact.id == "" {
		return rules.FirmThing
	}
	if attrs, err := readAttributes(header, body); err == nil {
		body = attrs.Data
	}
	if !gjson.ValidBytes(body) {
		return ""
	}
	id := gjson.GetBytes(body, fact.id)
	f := &fields{}
	if f.checkID(fact.id, id.Str); id.Type != gjson.String || len(f.problems) > 0 {
		return ""
	}
	return fact.about(id.Str)
}
