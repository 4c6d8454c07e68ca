package testkit

import (
	"encoding/json"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// Events of tests must keep to the contract. A mistake here would make a test of the dead letters.
func TestDataKeepsToTheContract(t *testing.T) {
	t.Parallel()
	shared := func(field string, item Object) Object { return With(InviteData("c1", Contact("k1")), field, item) }
	task := Object{"id": "i1", "title": "Your return"}
	for _, c := range []struct {
		typ  events.Type
		data Object
	}{
		{events.FirmUpserted, FirmData()},
		{events.ContactUpserted, ContactData("k1", "Kay", "kay@example.com")},
		{events.ContactUpserted, With(ContactData("k1", "Kay", ""), "locale", "de")},
		{events.ClientUpserted, ClientData("c1")},
		{events.ClientUpserted, ClientData("c1", "*k1", "k2")},
		{events.InviteRequested, InviteData("c1", Contact("k1"), Added("kay@example.com", "Kay"))},
		{events.FileShared, shared("file", Object{"id": "f1", "name": "Return.pdf"})},
		{events.EsignRequested, shared("esign", task)},
		{events.ClientRequestSent, shared("request", task)},
		{events.ClientSurveySent, shared("survey", task)},
		{events.BulkInviteRequested, BulkAll()},
		{events.BulkInviteRequested, BulkOf("c1", "c2")},
		{events.ReplayRequested, Replay(Object{})},
		{events.RunCancelRequested, ToRun("5b3f0c1e-9a52-5c0d-8b1f-3f6f2d7a9e10", "Ann")},
	} {
		body, err := json.Marshal(c.data)
		if err == nil {
			_, err = events.DecodeData(c.typ, body)
		}
		if err != nil {
			t.Errorf("%s %s: %v", c.typ, body, err)
		}
	}
}

func TestWithDoesNotChangeItsArgument(t *testing.T) {
	t.Parallel()
	data := Contact("k1")
	if changed := With(data, "contact_id", "k2"); changed["contact_id"] != "k2" || data["contact_id"] != "k1" {
		t.Errorf("%v of %v", changed, data)
	}
}

// A durable is done when every message is acknowledged, and not before.
func TestAcknowledged(t *testing.T) {
	t.Parallel()
	s := New(t)
	s.UpsertFirm()
	s.Invite("c1", Contact("k1"))
	s.PublishAll(s.Event(events.ContactUpserted, ContactData("k1", "Kay", "")),
		s.Event(events.ClientUpserted, ClientData("c1", "k1")))
	if n := s.StreamSize(events.EventsStream); n != 4 {
		t.Fatalf("%d messages, want 4", n)
	}
	facts, err := s.JS.Consumer(s.Ctx, events.EventsStream, events.FactsDurable)
	s.Must(err)
	for range 3 {
		if s.Acknowledged(events.FactsDurable) == nil {
			t.Error("the facts count as acknowledged before the last one was fetched")
		}
		msg, err := facts.Next()
		s.Must(err)
		s.Must(msg.DoubleAck(s.Ctx))
	}
	if err := s.Acknowledged(events.FactsDurable, events.BulkDurable); err != nil {
		t.Error(err)
	}
	if s.Acknowledged(Durables()...) == nil {
		t.Error("a request that was not fetched counts as acknowledged")
	}
	s.Reset(events.FactsDurable)
	if s.Acknowledged(events.FactsDurable) == nil {
		t.Error("after a reset everything counts as acknowledged")
	}
}

func TestOutcomesAreReadFromTheBeginning(t *testing.T) {
	t.Parallel()
	s := New(t)
	for i, typ := range []events.Type{events.RunProgressed, events.RunCompleted} {
		msg, err := events.Outgoing{
			Subject: "portal.outcomes.acme." + string(typ), Type: typ, Source: "test", ID: string(typ), Time: time.Now(),
			Data: Object{"run_id": "r1", "selected": i + 1},
		}.Message()
		s.Must(err)
		s.PublishAll(msg)
	}
	all := s.Published()
	if len(all) != 2 || all[0].Type != events.RunProgressed || all[1].Selected != 2 || all[1].EventID != "RunCompleted" {
		t.Errorf("published are %+v", all)
	}
	if some := s.Published(events.RunCompleted); len(some) != 1 || some[0].RunID != "r1" {
		t.Errorf("published about completed runs are %+v", some)
	}
	if o := s.Await(s.Outcomes(), 1, events.RunCompleted)[0]; o.Selected != 2 {
		t.Errorf("awaited: %+v", o)
	}
}

func TestLinesHaveAllParts(t *testing.T) {
	t.Parallel()
	log := &Log{}
	for _, line := range []string{"a server is away\n", "a server is back\n"} {
		if _, err := log.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if all, one := log.Lines("a server"), log.Lines("a server", "back"); all != 2 || one != 1 {
		t.Errorf("%d and %d lines, want 2 and 1", all, one)
	}
}
