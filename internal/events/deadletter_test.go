package events

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var buried = time.Date(2026, 3, 2, 15, 0, 0, 0, time.FixedZone("IST", 5*3600+1800))

func unrecorded(context.Context) error { return nil }

// bury publishes a message, fetches it from the facts durable and buries it. The reason is the given one, or else why
// the message can't be read.
func bury(t *testing.T, js jetstream.JetStream, msg *nats.Msg, reason error) (*Source, Delivery) {
	t.Helper()
	publish(t, js, msg)
	source := open(t, js, FactsDurable)
	d := fetch(t, source, 1)[0]
	if reason == nil {
		reason = d.Unreadable
	}
	if err := source.Bury(t.Context(), []Burial{{d, reason}}, buried, unrecorded); err != nil {
		t.Fatal(err)
	}
	return source, d
}

// letter returns the only dead letter.
func letter(t *testing.T, js jetstream.JetStream) *jetstream.RawStreamMsg {
	t.Helper()
	letters := stored(t, js, DeadLettersStream)
	if len(letters) != 1 {
		t.Fatalf("there are %d dead letters, want 1", len(letters))
	}
	return letters[0]
}

func TestBuryKeepsTheWholeMessage(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	header := but(but(but(binary(ClientRemoved), "Nats-Msg-Id", "crm-7"), "nats-odd", "1"), "X-Trace", "t")
	header["X-Many"] = []string{"one", "two"}
	body := `{"client_id": "a b"}`
	source, d := bury(t, js, &nats.Msg{Subject: subject(t, ClientRemoved), Header: header, Data: []byte(body)}, nil)

	l := letter(t, js)
	if string(l.Data) != body || l.Subject != "portal.dead.acme.ClientRemoved" {
		t.Errorf("the letter on %s has the body %s", l.Subject, l.Data)
	}
	for name, want := range map[string]string{
		DeadReason: "client_id: has a space or a control character in it", DeadSubject: "portal.facts.acme.ClientRemoved",
		DeadSequence: "1", DeadAt: "2026-03-02T09:30:00Z", DeadBy: "facts",
		"ce-id": "42", "ce-source": "/crm", "X-Trace": "t", "X-Many": "one,two",
		"portal-original-Nats-Msg-Id": "crm-7", "portal-original-nats-odd": "1", "nats-odd": "", DeadLeftOut: "",
	} {
		if got := strings.Join(l.Header[name], ","); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if id := l.Header.Get(nats.MsgIdHdr); !strings.HasPrefix(id, "dead/") {
		t.Errorf("the letter's own id is %q", id)
	}
	eventually(t, "the message is acknowledged", func() bool { return durable(t, js, FactsDurable).AckFloor.Stream == 1 })

	// The worker dies after it published the letter and before it acknowledged the message.
	if err := source.Bury(t.Context(), []Burial{{d, d.Unreadable}}, buried.Add(time.Minute), unrecorded); err != nil {
		t.Fatal(err)
	}
	letter(t, js)
}

func TestTwoMessagesMakeTwoLetters(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	msg := &nats.Msg{Subject: "portal.facts.acme.ClientRemoved", Data: []byte("hello")}
	bury(t, js, msg, nil)
	bury(t, js, msg, nil)
	if n := len(stored(t, js, DeadLettersStream)); n != 2 {
		t.Errorf("there are %d letters", n)
	}
}

func TestSubjectsOfDeadLetters(t *testing.T) {
	t.Parallel()
	for subject, want := range map[string]string{
		"portal.facts.acme.Nonsense":          "portal.dead.acme._",
		"portal.facts.ac+me.ClientRemoved":    "portal.dead._.ClientRemoved",
		"portal.facts.acme.ClientRemoved.now": "portal.dead._._",
		"portal.facts.acme.InviteRequested":   "portal.dead.acme.InviteRequested",
	} {
		t.Run(subject, func(t *testing.T) {
			t.Parallel()
			js := runPipelineBroker(t)
			bury(t, js, &nats.Msg{Subject: subject, Data: []byte("hello")}, nil)
			if l := letter(t, js); l.Subject != want || string(l.Data) != "hello" {
				t.Errorf("the letter %s is on %s, want it on %s", l.Data, l.Subject, want)
			}
		})
	}
}

func TestReasonsFitAHeader(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	reason := errors.Join(errors.New("first:  wrong"), errors.New("second:\twrong\r"),
		errors.New(strings.Repeat("é", 2000)))
	bury(t, js, &nats.Msg{Subject: subject(t, ClientRemoved), Header: binary(ClientRemoved), Data: []byte(gone)}, reason)
	got := letter(t, js).Header.Get(DeadReason)
	if !strings.HasPrefix(got, "first: wrong; second: wrong ; éé") || !strings.HasSuffix(got, "é…") ||
		len([]rune(got)) != 1001 {
		t.Errorf("the reason reads %.60s, %d characters", got, len([]rune(got)))
	}
}

// A message of the greatest size that the broker accepts leaves no room for the reason. It must not block the durable
// for ever.
func TestBuryTheLargestMessage(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	longest := &nats.Msg{
		Subject: "portal.facts.acme.Nonsense", Header: nats.Header{"Nats-Msg-Id": {"crm-7"}, DeadReason: {"ours"}},
	}
	longest.Data = bytes.Repeat([]byte("x"), int(js.Conn().MaxPayload())-200)
	source, d := bury(t, js, longest, nil)
	if err := source.Bury(t.Context(), []Burial{{d, d.Unreadable}}, buried, unrecorded); err != nil {
		t.Fatal(err)
	}
	l := letter(t, js)
	if len(l.Data) != 0 || l.Header.Get(DeadSequence) != "1" ||
		!strings.HasPrefix(l.Header.Get(DeadReason), "envelope: ") {
		t.Errorf("the letter has %d octets and the header %v", len(l.Data), l.Header)
	}
	want := "headers and a body of 1048376 octets: see the sequence in PORTAL_EVENTS"
	if l.Header.Get(DeadLeftOut) != want {
		t.Errorf("%s is %q, want %q", DeadLeftOut, l.Header.Get(DeadLeftOut), want)
	}
	eventually(t, "the message is acknowledged", func() bool { return durable(t, js, FactsDurable).AckFloor.Stream == 1 })
}

func TestBuryDoesNotAckBeforeTheLetterIsStored(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	publish(t, js, &nats.Msg{Subject: "portal.facts.acme.Nonsense", Data: []byte("hello")})
	source := open(t, js, FactsDurable)
	d := fetch(t, source, 1)[0]
	if err := js.DeleteStream(t.Context(), DeadLettersStream); err != nil {
		t.Fatal(err)
	}
	err := source.Bury(t.Context(), []Burial{{d, d.Unreadable}}, buried, unrecorded)
	if !errors.Is(err, jetstream.ErrNoStreamResponse) || !strings.Contains(err.Error(), "sequence 1") {
		t.Errorf("the error is %v", err)
	}
	if err := js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	if c := durable(t, js, FactsDurable); c.NumAckPending != 1 || c.AckFloor.Stream != 0 {
		t.Errorf("the message is gone: %+v", c)
	}
}

func TestBuryDoesNotAckBeforeTheLetterIsRecorded(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	publish(t, js, &nats.Msg{Subject: "portal.facts.acme.Nonsense", Data: []byte("hello")})
	source := open(t, js, FactsDurable)
	d := fetch(t, source, 1)[0]
	away := errors.New("the database is away")
	record := func(context.Context) error { return away }
	if err := source.Bury(t.Context(), []Burial{{d, d.Unreadable}}, buried, record); !errors.Is(err, away) {
		t.Errorf("the error is %v", err)
	}
	letter(t, js)
	if err := js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	if c := durable(t, js, FactsDurable); c.NumAckPending != 1 || c.AckFloor.Stream != 0 {
		t.Errorf("the message is gone: %+v", c)
	}
}

// Another sender can use an id only if it knows that id before the requeue.
func TestTheIDOfARequeuedEventCanNotBeGuessed(t *testing.T) {
	t.Parallel()
	header := but(but(binary(ClientRemoved), "Nats-Msg-Id", "crm-7"), "Nats-Expected-Last-Sequence", "7")
	seen := map[string]bool{"": true, "crm-7": true}
	for range 2 {
		msg := Requeued(subject(t, ClientRemoved), header, []byte(gone), Position{})
		id := msg.Header.Get(nats.MsgIdHdr)
		if seen[id] || len(id) < 32 || msg.Header.Get("ce-id") != "42" ||
			msg.Header.Get("Nats-Expected-Last-Sequence") != "" {
			t.Errorf("the headers are %v", msg.Header)
		}
		seen[id] = true
	}
}

// A requeued event says where it was first. Nobody can make an event newer than it is.
func TestARequeuedEventKeepsItsPlace(t *testing.T) {
	t.Parallel()
	epoch := time.Date(2026, 3, 1, 8, 0, 0, 123456000, time.UTC)
	first, now := Position{epoch, 40}, Position{epoch, 60}
	again := Requeued(subject(t, ClientRemoved), binary(ClientRemoved), []byte(gone), first)
	twice := Requeued(again.Subject, again.Header, again.Data, first)
	for header, want := range map[string]Position{
		twice.Header.Get(firstPlaceHeader): first,
		"":                                 now,
		"1772352000123456000/60":           now,
		"1772352000123456000/61":           now,
		"1772352000123456001/1":            now,
		"1772352000123456000/0":            now,
		"1772352000123456000":              now,
		"yesterday/7":                      now,
		"1/-7":                             now,
		"1772352000123456000/59":           {epoch, 59},
		"1767225600000000000/4000":         {time.Unix(1767225600, 0).UTC(), 4000}, // of an earlier epoch
	} {
		again.Header.Set(firstPlaceHeader, header)
		e, err := Decode(again.Subject, again.Header, again.Data)
		if e.At = now; err != nil || e.Place() != want {
			t.Errorf("with the header %q the place is %v (%v), want %v", header, e.Place(), err, want)
		}
	}
}
