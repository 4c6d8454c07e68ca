package contracttest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/micro"
	"go.yaml.in/yaml/v3"

	services "portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

const asyncapi = "../../api/asyncapi.yaml"

func readAsyncAPI(t *testing.T) map[string]any {
	t.Helper()
	var document map[string]any
	if err := yaml.Unmarshal([]byte(readFile(t, asyncapi)), &document); err != nil {
		t.Fatalf("%s: %v", asyncapi, err)
	}
	return document
}

// valueAt returns the value at a path in a document; nil if there is none.
func valueAt(document any, path ...string) any {
	for _, step := range path {
		object, ok := document.(map[string]any)
		if !ok {
			return nil
		}
		document = object[step]
	}
	return document
}

func TestChannelsAreTheSubjects(t *testing.T) {
	t.Parallel()
	document := readAsyncAPI(t)
	address := func(typ events.Type) any { return valueAt(document, "channels", string(typ), "address") }
	for _, typ := range events.IncomingTypes() {
		subject, err := events.Subject("FIRM", typ)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Replace(subject, "FIRM", "{firm}", 1); address(typ) != want {
			t.Errorf("api/asyncapi.yaml: channel %s has the address %v, want %s", typ, address(typ), want)
		}
	}
	for _, typ := range events.OutcomeTypes() {
		var reason rules.Code
		if typ == events.InviteSkipped {
			reason = "{reason}"
		}
		want := events.InviteOutcome(typ, events.About{FirmID: "{firm}"}, reason, nil, events.Trace{}).Subject
		if address(typ) != want {
			t.Errorf("api/asyncapi.yaml: channel %s has the address %v, want %s", typ, address(typ), want)
		}
	}
}

// Each type has a channel, an operation in the right direction, and a message with its ce-type and schema. There are no
// others.
func TestEveryTypeHasItsMessage(t *testing.T) {
	t.Parallel()
	document := readAsyncAPI(t)
	for action, types := range map[string][]events.Type{"receive": events.IncomingTypes(), "send": events.OutcomeTypes()} {
		for _, typ := range types {
			name := string(typ)
			for _, c := range []struct {
				path []string
				want string
			}{
				{[]string{"operations", action + name, "action"}, action},
				{[]string{"operations", action + name, "channel", "$ref"}, "#/channels/" + name},
				{[]string{"channels", name, "messages", name, "$ref"}, "#/components/messages/" + name},
				{[]string{"components", "messages", name, "name"}, typ.CE()},
				{[]string{"components", "messages", name, "payload", "schema", "$ref"}, "./schemas/" + name + ".json"},
			} {
				if have := valueAt(document, c.path...); have != c.want {
					t.Errorf("api/asyncapi.yaml: %s is %v, want %s", strings.Join(c.path, "/"), have, c.want)
				}
			}
		}
	}
	const deadLetters, serviceError = 1, 1
	types, asked := len(events.IncomingTypes())+len(events.OutcomeTypes())+deadLetters, len(endpoints(t))
	for path, want := range map[string]int{
		"channels": types + 2*asked, "operations": types + asked, "components/messages": types + 2*asked + serviceError,
	} {
		if object, _ := valueAt(document, strings.Split(path, "/")...).(map[string]any); len(object) != want {
			t.Errorf("%s has %d entries, want %d", path, len(object), want)
		}
	}
}

// Each endpoint is an operation that receives on its subject and replies with its answer or an error.
func TestEveryEndpointIsAnOperation(t *testing.T) {
	t.Parallel()
	document := readAsyncAPI(t)
	for _, e := range endpoints(t) {
		request, answer := e.request.Name(), e.answer.Name()
		for _, c := range []struct {
			path []string
			want string
		}{
			{[]string{"operations", e.name, "action"}, "receive"},
			{[]string{"operations", e.name, "channel", "$ref"}, "#/channels/" + e.name},
			{[]string{"operations", e.name, "reply", "channel", "$ref"}, "#/channels/" + e.name + "_answer"},
			{[]string{"channels", e.name, "address"}, services.Subject("{firm}", e.name)},
			{[]string{"channels", e.name, "messages", request, "$ref"}, "#/components/messages/" + request},
			{[]string{"channels", e.name + "_answer", "messages", answer, "$ref"}, "#/components/messages/" + answer},
			{[]string{"channels", e.name + "_answer", "messages", "ServiceError", "$ref"}, "#/components/messages/ServiceError"},
		} {
			if have := valueAt(document, c.path...); have != c.want {
				t.Errorf("api/asyncapi.yaml: %s is %v, want %s", strings.Join(c.path, "/"), have, c.want)
			}
		}
		traits, _ := valueAt(document, "components", "messages", request, "traits").([]any)
		if len(traits) != 1 || valueAt(traits[0], "$ref") != "#/components/messageTraits/call" {
			t.Errorf("api/asyncapi.yaml: components/messages/%s does not have the trait of calls", request)
		}
	}
	call := valueAt(document, "components", "messageTraits", "call", "headers", "properties", services.WaitHeader)
	if call == nil {
		t.Errorf("api/asyncapi.yaml: the trait of calls does not describe the header %s", services.WaitHeader)
	}
	if !strings.Contains(section(t, contract(t), "### Turns"), "| `"+services.WaitHeader+"` |") {
		t.Errorf("docs/contract.md does not describe the header %s", services.WaitHeader)
	}
	headers, _ := valueAt(document, "components", "messages", "ServiceError", "headers", "properties").(map[string]any)
	for _, name := range []string{micro.ErrorHeader, micro.ErrorCodeHeader} {
		if headers[name] == nil {
			t.Errorf("an error's header %s is not described", name)
		}
		if !strings.Contains(section(t, contract(t), "### Errors"), "`"+name+"`") {
			t.Errorf("docs/contract.md does not describe %s", name)
		}
	}
}

func TestReferencesResolve(t *testing.T) {
	t.Parallel()
	document := readAsyncAPI(t)
	found := 0
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				found++
				checkReference(t, document, ref)
			}
			for name, field := range v {
				if field == nil {
					t.Errorf("%q has no value: is there a comma without quotes?", name)
				}
				walk(field)
			}
		case []any:
			for _, entry := range v {
				walk(entry)
			}
		}
	}
	walk(document)
	if found == 0 {
		t.Error("the document has no reference")
	}
}

func checkReference(t *testing.T, document any, ref string) {
	t.Helper()
	if pointer, inside := strings.CutPrefix(ref, "#/"); inside {
		if valueAt(document, strings.Split(pointer, "/")...) == nil {
			t.Errorf("the target of %s does not exist", ref)
		}
		return
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(asyncapi), ref)); err != nil {
		t.Errorf("the target of %s does not exist: %v", ref, err)
	}
}

// A real event has every header that the document calls required, and none that the document does not describe.
func TestHeadersOfAMessage(t *testing.T) {
	t.Parallel()
	headers := valueAt(readAsyncAPI(t), "components", "messageTraits", "cloudEvent", "headers")
	declared, _ := valueAt(headers, "properties").(map[string]any)
	required, _ := valueAt(headers, "required").([]any)
	outcome := outcomes()[0].whole
	outcome.Trace = events.Trace{Parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", State: "a=1"}
	msg, err := outcome.Message()
	if err != nil {
		t.Fatal(err)
	}
	for name := range msg.Header {
		if _, ok := declared[name]; !ok {
			t.Errorf("a message has the header %s, which is not described", name)
		}
	}
	for _, name := range required {
		name, _ := name.(string)
		if !slices.Contains(msg.Header.Values(name), msg.Header.Get(name)) || msg.Header.Get(name) == "" {
			t.Errorf("a message lacks the header %s", name)
		}
	}
}

func TestHeadersOfADeadLetter(t *testing.T) {
	t.Parallel()
	headers := valueAt(readAsyncAPI(t), "components", "messages", "DeadLetter", "headers", "properties")
	described, _ := headers.(map[string]any)
	text := section(t, contract(t), "## Bad input")
	for _, name := range deadHeaders() {
		if _, ok := described[name]; !ok {
			t.Errorf("%s does not describe %s", asyncapi, name)
		}
		if !strings.Contains(text, "| `"+name+"` |") {
			t.Errorf("docs/contract.md does not describe %s", name)
		}
	}
	if len(described) != len(deadHeaders()) {
		t.Errorf("%s describes %d headers, want %d", asyncapi, len(described), len(deadHeaders()))
	}
}

func deadHeaders() []string {
	return []string{
		events.DeadReason, events.DeadSubject, events.DeadSequence, events.DeadAt, events.DeadBy, events.DeadLeftOut,
	}
}
