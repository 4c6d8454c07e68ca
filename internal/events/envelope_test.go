package events

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	gone   = `{"client_id": "k1"}` // the body of a ClientRemoved
)

// structured is the smallest JSON envelope of a ClientRemoved.
const structured = `{"specversion": "1.0", "id": "42", "source": "/crm", "type": "portal.ClientRemoved.v1",
	"time": "2026-03-02T09:30:00Z", "data": {"client_id": "k1"}}`

// mustBeGone checks that an event has the attributes that all envelopes of these tests have.
func mustBeGone(t *testing.T, e Event, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	data, ok := e.Data.(*RemovedClient)
	if !ok || data.ClientID != "k1" {
		t.Errorf("data is %#v", e.Data)
	}
	if e.Firm != "acme" || e.Type != ClientRemoved || e.Source != "/crm" || e.ID != "42" {
		t.Errorf("the event is %s/%s, a %s of %s", e.Source, e.ID, e.Type, e.Firm)
	}
	if want := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC); !e.Time.Equal(want) {
		t.Errorf("the time is %v, want %v", e.Time, want)
	}
	if !json.Valid(e.Raw) {
		t.Errorf("raw is %q", e.Raw)
	}
}

func TestBinaryMode(t *testing.T) {
	t.Parallel()
	recased := func(change func(string) string) nats.Header {
		header := nats.Header{}
		for name, values := range binary(ClientRemoved) {
			header[change(name)] = values
		}
		return header
	}
	for name, header := range map[string]nats.Header{
		"lower case":      binary(ClientRemoved),
		"upper case":      recased(strings.ToUpper),
		"as in HTTP":      recased(func(s string) string { return "Ce-" + strings.ToUpper(s[3:4]) + s[4:] }),
		"datacontenttype": but(binary(ClientRemoved), "ce-datacontenttype", "application/json; charset=utf-8"),
		"content-type":    but(binary(ClientRemoved), "Content-Type", "application/json"),
		"a +json suffix":  but(binary(ClientRemoved), "content-type", "application/vnd.acme+json"),
		"a fraction":      but(binary(ClientRemoved), "ce-time", "2026-03-02T09:30:00.000000Z"),
		"another zone":    but(binary(ClientRemoved), "ce-time", "2026-03-02T15:00:00+05:30"),
		"a schema":        but(binary(ClientRemoved), "ce-dataschema", "https://acme.example/schema"),
		"an unknown one":  but(binary(ClientRemoved), "ce-partitionkey", "7"),
		"no values of one": {
			"ce-specversion": {"1.0"}, "ce-id": {"42"}, "ce-source": {"/crm"}, "ce-type": {ClientRemoved.CE()},
			"ce-time": {"2026-03-02T09:30:00Z"}, "ce-subject": nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := Decode(subject(t, ClientRemoved), header, []byte(gone))
			mustBeGone(t, e, err)
		})
	}
}

func TestStructuredMode(t *testing.T) {
	t.Parallel()
	encoded := base64.StdEncoding.EncodeToString([]byte(gone))
	for name, c := range map[string]struct {
		header nats.Header
		body   string
	}{
		"with a content type":    {nats.Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}, structured},
		"without any header":     {nil, structured},
		"with white space":       {nil, "\n\t" + structured + "\n"},
		"data_base64":            {nil, with(t, with(t, structured, "data", ``), "data_base64", `"`+encoded+`"`)},
		"with an extension":      {nil, with(t, structured, "partitionkey", `7`)},
		"with a datacontenttype": {nil, with(t, structured, "datacontenttype", `"application/json"`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := Decode(subject(t, ClientRemoved), c.header, []byte(c.body))
			mustBeGone(t, e, err)
		})
	}
}

func TestTheTraceAndTheSubjectAreRead(t *testing.T) {
	t.Parallel()
	full := Trace{parent, "vendor=1,other=2"}
	plain := but(but(binary(ClientRemoved), "TraceParent", full.Parent), "tracestate", full.State)
	prefixed := but(but(binary(ClientRemoved), "ce-traceparent", full.Parent), "ce-tracestate", full.State)
	json := with(t, with(t, structured, "traceparent", `"`+full.Parent+`"`), "tracestate", `"`+full.State+`"`)
	for name, c := range map[string]struct {
		header nats.Header
		body   string
		want   Trace
	}{
		"headers":                 {plain, gone, full},
		"CloudEvents' extension":  {prefixed, gone, full},
		"structured":              {nil, json, full},
		"none":                    {nil, structured, Trace{}},
		"a state without parent":  {but(plain, "TraceParent", ""), gone, Trace{}},
		"an invalid parent":       {but(plain, "TraceParent", parent+"\nx"), gone, Trace{}},
		"NUL in the parent":       {nil, with(t, json, "traceparent", `"\u0000"`), Trace{}},
		"NUL in the state":        {nil, with(t, json, "tracestate", `"a=\u0000"`), Trace{Parent: parent}},
		"a state beyond 512":      {but(plain, "tracestate", strings.Repeat("s", 513)), gone, Trace{Parent: parent}},
		"invalid UTF-8 in either": {but(but(plain, "TraceParent", "\xff"), "tracestate", "\xff"), gone, Trace{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := Decode(subject(t, ClientRemoved), c.header, []byte(c.body))
			mustBeGone(t, e, err)
			if e.Trace != c.want {
				t.Errorf("the trace is %+v, want %+v", e.Trace, c.want)
			}
		})
	}
	e, err := Decode(subject(t, ClientRemoved), but(binary(ClientRemoved), "ce-subject", "clients/k1"), []byte(gone))
	mustBeGone(t, e, err)
	if e.Subject != "clients/k1" {
		t.Errorf("the subject is %q", e.Subject)
	}
}

// The error for an unreadable envelope names the header.
func TestUnreadableEnvelopes(t *testing.T) {
	t.Parallel()
	const (
		none = "envelope: not a CloudEvent: there is neither a header ce-specversion " +
			"nor a JSON body with specversion"
		noTime   = "ce-time: must be a time as in RFC 3339 (example: 2026-11-22T10:30:00Z)"
		notJSON  = "ce-datacontenttype: must be application/json"
		otherOne = "ce-type: is not portal.ClientRemoved.v1, the type in the subject"
	)
	ok := binary(ClientRemoved)
	for name, c := range map[string]struct {
		header nats.Header
		body   string
		want   string
	}{
		"nothing":                  {nil, ``, none},
		"JSON without an envelope": {nil, gone, none},
		"not JSON":                 {nil, `hello`, none},
		"broken JSON":              {nil, structured[:40], none},
		"a list of events":         {nil, "[" + structured + "]", none},
		"no specversion":           {but(ok, "ce-specversion", ""), gone, none},
		"another specversion":      {but(ok, "ce-specversion", "0.3"), gone, "ce-specversion: must be 1.0"},
		"no id":                    {but(ok, "ce-id", ""), gone, "ce-id: missing"},
		"a long id":                {but(ok, "ce-id", strings.Repeat("i", 513)), gone, "ce-id: is longer than 512 octets"},
		"a tab in the id":          {but(ok, "ce-id", "4\t2"), gone, "ce-id: has a control character in it"},
		"invalid UTF-8 in the id":  {but(ok, "ce-id", "4\xff"), gone, "ce-id: has a control character in it"},
		"no source":                {but(ok, "ce-source", ""), gone, "ce-source: missing"},
		"a long source": {
			but(ok, "ce-source", strings.Repeat("s", 513)), gone, "ce-source: is longer than 512 octets",
		},
		"DEL in the source": {but(ok, "ce-source", "/crm\x7f"), gone, "ce-source: has a control character in it"},
		"a long subject": {
			but(ok, "ce-subject", strings.Repeat("s", 513)), gone, "ce-subject: is longer than 512 octets",
		},
		"no type":               {but(ok, "ce-type", ""), gone, "ce-type: missing"},
		"another type":          {but(ok, "ce-type", ContactRemoved.CE()), gone, otherOne},
		"a bare type":           {but(ok, "ce-type", "ClientRemoved"), gone, otherOne},
		"another version":       {but(ok, "ce-type", "portal.ClientRemoved.v2"), gone, otherOne},
		"no time":               {but(ok, "ce-time", ""), gone, "ce-time: missing"},
		"a date for a time":     {but(ok, "ce-time", "2026-03-02"), gone, noTime},
		"another content type":  {but(ok, "content-type", "text/xml"), gone, notJSON},
		"a broken content type": {but(ok, "ce-datacontenttype", "application/"), gone, notJSON},
		"no body":               {ok, ``, "data: missing"},
		"no data":               {nil, with(t, structured, "data", ``), "data: missing"},
		"null data":             {nil, with(t, structured, "data", `null`), "data: must be a JSON object"},
		"data in a string":      {nil, with(t, structured, "data", `"{}"`), "data: must be a JSON object"},
		"invalid data_base64":   {nil, with(t, structured, "data_base64", `"%%"`), "envelope: data_base64: is not base64"},
		"a mistyped attribute": {
			nil, with(t, structured, "id", `42`), "envelope: id: must be a string, is a JSON number",
		},
		"NUL in an attribute": {nil, with(t, structured, "id", `"4\u00002"`), "ce-id: has a control character in it"},
		"NUL in the subject": {
			nil, with(t, structured, "subject", `"k\u00001"`), "ce-subject: has a control character in it",
		},
		"wrong data": {ok, `{"client_id": 7}`, "client_id: must be a string, is a JSON number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := Decode(subject(t, ClientRemoved), c.header, []byte(c.body))
			if err == nil || err.Error() != c.want {
				t.Errorf("the error is\n  %v\nwant\n  %s", err, c.want)
			}
			if e.Firm != "acme" || e.Type != ClientRemoved {
				t.Errorf("for the dead letter, the firm is %q and the type %q", e.Firm, e.Type)
			}
		})
	}
}

func TestUnreadableSubjects(t *testing.T) {
	t.Parallel()
	const badFirm = "subject: firm: must be 1 to 64 of the characters A-Z a-z 0-9 _ - (example: acme-cpa)"
	for subject, c := range map[string]struct{ firm, want string }{
		"portal.facts.acme": {
			"", "subject: must be portal.<prefix>.<firm>.<Type>, has 3 tokens",
		},
		"portal.facts.acme.ClientRemoved.x": {
			"", "subject: must be portal.<prefix>.<firm>.<Type>, has 5 tokens",
		},
		"portals.facts.acme.ClientRemoved": {
			"", "subject: must be portal.<prefix>.<firm>.<Type>, has 4 tokens",
		},
		"portal.facts.ac+me.ClientRemoved":                           {"", badFirm},
		"portal.facts." + strings.Repeat("a", 65) + ".ClientRemoved": {"", badFirm},
		"portal.facts.acme.ClientDeleted":                            {"acme", `subject: unknown event type "ClientDeleted"`},
		"portal.facts.acme.InviteSent":                               {"acme", `subject: unknown event type "InviteSent"`},
		"portal.events.acme.ClientRemoved": {
			"acme", "subject: ClientRemoved belongs on portal.facts.acme.ClientRemoved, not on portal.events",
		},
		"portal.bulk.acme.InviteRequested": {
			"acme", "subject: InviteRequested belongs on portal.events.acme.InviteRequested, not on portal.bulk",
		},
	} {
		e, err := Decode(subject, binary(ClientRemoved), []byte(gone))
		if err == nil || err.Error() != c.want {
			t.Errorf("for %s, the error is\n  %v\nwant\n  %s", subject, err, c.want)
		}
		if e.Firm != c.firm || e.Source != "/crm" || e.ID != "42" {
			t.Errorf("for %s, the firm is %q and the event %s/%s", subject, e.Firm, e.Source, e.ID)
		}
	}
}

// The workers can read what the publisher sends.
func TestMessageRoundTrip(t *testing.T) {
	t.Parallel()
	for _, typ := range IncomingTypes() {
		t.Run(string(typ), func(t *testing.T) {
			t.Parallel()
			want, err := read(t, typ, smallest[typ])
			if err != nil {
				t.Fatal(err)
			}
			out := Outgoing{
				Subject: subject(t, typ), Type: typ, Source: "/crm", ID: "42", Data: want.Data, About: "clients/k1",
				Time: time.Date(2026, 3, 2, 15, 0, 0, 1, time.FixedZone("IST", 5*3600+1800)), Trace: Trace{parent, "vendor=1"},
			}
			msg, err := out.Message()
			if err != nil {
				t.Fatal(err)
			}
			if id := msg.Header.Get(nats.MsgIdHdr); id != "acme//crm/42" {
				t.Errorf("Nats-Msg-Id is %q", id)
			}
			for name := range msg.Header {
				if name != nats.MsgIdHdr && name != strings.ToLower(name) {
					t.Errorf("the header %s is not in lower case", name)
				}
			}
			got, err := Decode(msg.Subject, msg.Header, msg.Data)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Data, want.Data) {
				t.Errorf("data is\n  %+v\nwant\n  %+v", got.Data, want.Data)
			}
			if got.Source != out.Source || got.ID != out.ID || !got.Time.Equal(out.Time) || got.Subject != out.About ||
				got.Trace != out.Trace || got.Firm != "acme" {
				t.Errorf("the envelope is %+v", got)
			}
		})
	}
}

func TestMessageNamesTheTypeThatCanNotBeEncoded(t *testing.T) {
	t.Parallel()
	_, err := Outgoing{Type: RunCompleted, Data: func() {}}.Message()
	if err == nil || !strings.Contains(err.Error(), "encode RunCompleted") {
		t.Errorf("the error is %v", err)
	}
}

// For any message on the stream, Decode returns checked data, or an error that fits into a header.
func FuzzDecode(f *testing.F) {
	for _, typ := range IncomingTypes() {
		f.Add(string(typ), "1.0", smallest[typ])
		f.Add(string(typ), "", fmt.Sprintf(
			`{"specversion":"1.0","id":"1","source":"s","type":%q,"time":"2026-03-02T09:30:00Z","data":%s}`,
			typ.CE(), smallest[typ]))
	}
	f.Add("ClientUpserted", "1.0", `{"contacts": [{}, null], "Contacts": []}`)
	f.Add("FileShared", "1.0", `{"file": {"id": "f"}, "FILE": null, "recipients": [[]]}`)
	f.Add("ReplayRequested", "1.0", `{"filter": {"since": {"a": [1, {"b": 2}]}}}`)
	f.Fuzz(func(t *testing.T, typ, version, body string) {
		header := but(binary(Type(typ)), "ce-specversion", version)
		prefix, err := Type(typ).Prefix()
		if err != nil {
			prefix = Facts
		}
		e, err := Decode("portal."+string(prefix)+".acme."+typ, header, []byte(body))
		switch {
		case err != nil && oneLine(err.Error()) == "":
			t.Error("the error has no text")
		case err == nil && (e.Data == nil || e.ID == "" || e.Source == "" ||
			e.Time.IsZero() && !strings.HasPrefix(body, "{") || e.Firm != "acme"):
			t.Errorf("the event is incomplete, but there is no error: %+v", e)
		case err == nil:
			if !json.Valid(e.Raw) {
				t.Fatalf("raw is %q", e.Raw)
			}
			again := fieldsOf(string(e.Raw), "")
			if e.Data.check(again); again.err() != nil {
				t.Errorf("the data is not valid, but there is no error: %v", again.err())
			}
		}
	})
}
