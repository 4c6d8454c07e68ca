package api

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
)

// Every type that upstream may publish is handled to the end, with its example in api/examples. A fact is applied. A
// request is explained and previewed first; once it is published, an outcome names it as its cause. A request that
// invites people sends a mail that names the shared item. The types come from the table in internal/events, so a new
// type is tested without a change here.
func TestEveryTypeFromEventToOutcome(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	for _, typ := range events.IncomingTypes() {
		data := r.exampleOf(typ)
		if prefix, err := typ.Prefix(); err != nil || prefix == events.Facts {
			r.must(err)
			// The people and clients that the requests name must not be removed or suppressed.
			if !strings.HasSuffix(string(typ), "Removed") && typ != events.EmailSuppressed {
				r.publish(acme, typ, data)
			}
			continue
		}
		r.settled()
		if typ.NamesPeople() { // a person whom no earlier request has invited
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
		decoded, err := events.DecodeData(typ, raw(t, r.exampleOf(typ)))
		r.must(err)
		if _, _, toRun := events.InstructionOf(decoded); toRun {
			continue // its run is not known: TestRunsObey has one that is
		}
		if prefix, err := typ.Prefix(); err == nil && prefix != events.Facts && causes[typ] == 0 {
			t.Errorf("no outcome has a %s as its cause: internal/pipeline accepts it and does nothing with it", typ)
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

// checkExplained asks what the request would do. A removal can't be explained.
func (r *rig) checkExplained(typ events.Type, data object) {
	r.t.Helper()
	var request ExplainRequest
	r.must(json.Unmarshal(raw(r.t, data), &request))
	request.Type = typ
	if _, err := r.client.Explain(r.ctx, acme, request); (err == nil) != typ.Explained() {
		r.t.Errorf("%s: explain returns %v; internal/events/table.go says that it can be explained: %t", typ, err,
			typ.Explained())
	}
}

// checkPreviewed checks the preview of the mail. Every request that invites has one, and it names the shared item.
func (r *rig) checkPreviewed(typ events.Type, data object) {
	r.t.Helper()
	request := PreviewRequest{Type: typ, Data: raw(r.t, data)}
	if !typ.NamesPeople() {
		request.ClientID = "C-1031"
	}
	p, err := r.client.Preview(r.ctx, acme, request)
	switch {
	case err != nil && typ.Previewed():
		r.t.Errorf("%s can't be previewed: %v. Its process needs a design in internal/mail, and words in every catalog", typ,
			err)
	case err == nil && !typ.Previewed():
		r.t.Errorf("%s has a preview, but internal/events/table.go says that it sends no mail", typ)
	case err == nil && (p.Subject == "" || !strings.Contains(p.Text, itemIn(typ, data))):
		r.t.Errorf("the preview of %s does not name %q:\n%s\n\n%s", typ, itemIn(typ, data), p.Subject, p.Text)
	}
}

// checkMail checks the mail of a request that invites people by name.
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
	r.t.Errorf("no mail of %s: its process needs a design in internal/mail, and words in every catalog", typ)
}

// itemIn is the name or title of what a request shares or asks for, as a mail has it.
func itemIn(typ events.Type, data object) string {
	item, _ := data[typ.ItemField()].(object)
	for _, field := range []string{"name", "title"} {
		if said, ok := item[field].(string); ok {
			return mail.Unlinked(said)
		}
	}
	return ""
}

// causes counts the outcomes by the type of their cause.
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
