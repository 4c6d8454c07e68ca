package api

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// Every type that upstream may publish, as its example in api/examples has it, goes all the way: a fact is taken; a request is
// explained and previewed beforehand, and once it is published, an outcome names it as its cause; what invites people sends a
// mail that names what was shared. The list is the table's, so whoever adds a type adds it here.
func TestEveryTypeFromEventToOutcome(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	for _, typ := range events.IncomingTypes() {
		data := r.exampleOf(typ)
		if prefix, err := typ.Prefix(); err != nil || prefix == events.Facts {
			r.must(err)
			if !strings.HasSuffix(string(typ), "Removed") && typ != events.EmailSuppressed { // what the requests are about stays
				r.publish(acme, typ, data)
			}
			continue
		}
		r.settled()
		if typ.NamesPeople() { // not yet known to the requests before it
			data["recipients"] = []object{{"email": string(typ) + "@mail.example", "name": "Kay Lee"}}
		}
		r.checkExplained(typ, data)
		r.checkPreviewed(typ, data)
		r.publish(acme, typ, data)
		r.settled()
		r.checkMail(typ, data)
	}
	causes := r.causes()
	for _, typ := range events.IncomingTypes() {
		if prefix, err := typ.Prefix(); err == nil && prefix != events.Facts && causes[typ] == 0 {
			t.Errorf("no outcome has a %s as its cause: internal/pipeline takes it and does nothing with it", typ)
		}
	}
	dead, err := r.js.Stream(r.ctx, events.DeadLettersStream)
	r.must(err)
	if n := dead.CachedInfo().State.Msgs; n > 0 {
		t.Errorf("%d examples could not be handled", n)
	}
}

func (r *rig) exampleOf(typ events.Type) (data object) {
	r.t.Helper()
	content, err := os.ReadFile("../../api/examples/" + string(typ) + ".json")
	r.must(err)
	r.must(json.Unmarshal(content, &data))
	delete(data, "licenses") // a firm that lists none has all: whoever adds a license need not add it to the example
	return data
}

// checkExplained asks who would be sent the request. A removal is no such request.
func (r *rig) checkExplained(typ events.Type, data object) {
	r.t.Helper()
	var request ExplainRequest
	r.must(json.Unmarshal(raw(r.t, data), &request))
	request.Type = typ
	if _, err := r.client.Explain(r.ctx, acme, request); (err == nil) != typ.Explained() {
		r.t.Errorf("%s is explained with %v; that it can be is %t by internal/events/table.go", typ, err, typ.Explained())
	}
}

// checkPreviewed looks at the mail beforehand. There is one of everything that invites, and it names what is shared.
func (r *rig) checkPreviewed(typ events.Type, data object) {
	r.t.Helper()
	request := PreviewRequest{Type: typ, Data: raw(r.t, data)}
	if !typ.NamesPeople() {
		request.ClientID = "C-1031"
	}
	p, err := r.client.Preview(r.ctx, acme, request)
	switch {
	case err != nil && typ.Previewed():
		r.t.Errorf("%s can't be previewed: %v. Its process needs a design in internal/mail, and words in every catalog", typ, err)
	case err == nil && !typ.Previewed():
		r.t.Errorf("%s is previewed: internal/api/preview.go goes by internal/events/table.go, where it sends nothing", typ)
	case err == nil && (p.Subject == "" || !strings.Contains(p.Text, itemIn(typ, data))):
		r.t.Errorf("the preview of %s does not name %q:\n%s\n\n%s", typ, itemIn(typ, data), p.Subject, p.Text)
	}
}

// checkMail looks at the mail of a request that invites people by name.
func (r *rig) checkMail(typ events.Type, data object) {
	r.t.Helper()
	if kind, err := typ.Kind(); err != nil || kind != rules.Invite {
		return
	}
	for _, m := range r.mailbox.Messages() {
		if m.To[0] == string(typ)+"@mail.example" {
			if m.Subject == "" || !strings.Contains(m.Text, itemIn(typ, data)) {
				r.t.Errorf("the mail of %s does not name %q:\n%s\n\n%s", typ, itemIn(typ, data), m.Subject, m.Text)
			}
			return
		}
	}
	r.t.Errorf("no mail of %s: internal/mail has a design for its process, with its words in every catalog", typ)
}

// itemIn is the name or title of what a request shares or asks for.
func itemIn(typ events.Type, data object) string {
	item, _ := data[typ.ItemField()].(object)
	for _, field := range []string{"name", "title"} {
		if said, ok := item[field].(string); ok {
			return said
		}
	}
	return ""
}

// causes counts what came out by the type of what it came from.
func (r *rig) causes() map[events.Type]int {
	r.t.Helper()
	stream, err := r.js.Stream(r.ctx, events.OutcomesStream)
	r.must(err)
	consumer, err := stream.OrderedConsumer(r.ctx, jetstream.OrderedConsumerConfig{})
	r.must(err)
	counts := map[events.Type]int{}
	for left := stream.CachedInfo().State.Msgs; left > 0; left-- {
		msg, err := consumer.Next(jetstream.FetchMaxWait(10 * time.Second))
		r.must(err)
		var outcome struct {
			Cause events.Cause `json:"cause"`
		}
		r.must(json.Unmarshal(msg.Data(), &outcome))
		counts[outcome.Cause.Type]++
	}
	return counts
}
