package api

import (
	"encoding/json"
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
	"github.com/rs/zerolog"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
)

const testenvPatience = 30 * time.Second

var errTooFew = errors.New("not there yet")

// The service answers what `nats micro ls`, `info` and `stats` ask.
func TestMicroFindsTheService(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	_, err := r.client.Status(r.ctx, acme, StatusRequest{})
	refused(t, err, 400, "client_id: ")

	inbox, err := r.nc.SubscribeSync(nats.NewInbox())
	r.must(err)
	r.must(r.nc.PublishRequest("$SRV.PING."+Name, inbox.Subject, nil))
	for range 2 { // one answer from each process
		msg, err := inbox.NextMsg(time.Minute)
		r.must(err)
		var ping micro.Ping
		r.must(json.Unmarshal(msg.Data, &ping))
		if ping.Name != Name || ping.Version != "1.2.3" {
			t.Errorf("%+v", ping)
		}
	}
	msg, err := r.nc.Request("$SRV.INFO."+Name, nil, time.Minute)
	r.must(err)
	var info micro.Info
	r.must(json.Unmarshal(msg.Data, &info))
	if served, asked := len(info.Endpoints), reflect.TypeFor[Client]().NumMethod(); served != asked {
		t.Fatalf("%d endpoints are served (Serve in internal/api/service.go), and the client asks %d", served, asked)
	}
	for i, name := range []string{ExplainEndpoint, StatusEndpoint, StatusesEndpoint, RedeemEndpoint, DeclineEndpoint,
		PreviewEndpoint, RunsEndpoint, QueueEndpoint, HeldEndpoint, SuppressionsEndpoint, PersonEndpoint, PausesEndpoint,
		FirmsEndpoint, DeadLettersEndpoint, OutcomesEndpoint, TemplatesEndpoint, RecipientsEndpoint, ReceiptEndpoint,
		TroubleEndpoint, SendersEndpoint, RecoverEndpoint} {
		if e := info.Endpoints[i]; e.Name != name || e.Subject != "portal.api.v1.*."+name || e.QueueGroup != Name {
			t.Errorf("%+v", e)
		}
	}
	r.must(r.nc.PublishRequest("$SRV.STATS."+Name, inbox.Subject, nil))
	requests, failed := 0, 0
	for range 2 {
		msg, err := inbox.NextMsg(time.Minute)
		r.must(err)
		var stats micro.Stats
		r.must(json.Unmarshal(msg.Data, &stats))
		var answers struct{ Answered, Errors int }
		r.must(json.Unmarshal(stats.Endpoints[1].Data, &answers))
		requests += answers.Answered
		failed += answers.Errors
	}
	if requests != 1 || failed != 1 {
		t.Errorf("status has counted %d requests and %d errors", requests, failed)
	}
}

func TestRequestsThatCantBeRead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	for body, want := range map[string]string{
		`{"client":"c1"}`:               "client: there is no such field",
		`{"client_id":5}`:               "client_id: must not be a JSON number",
		`{"client_id":"c1"} {}`:         "body: has more than one JSON object",
		`[]`:                            "body: is not a JSON object",
		`{"client_id":"c1","limit":"`:   "body: is not a JSON object",
		``:                              "client_id: missing (or contact_id, email, invite_id)",
		`{"client_id":"c1","limit":{}}`: "limit: must not be a JSON object",
	} {
		msg, err := r.nc.Request(Subject(acme, StatusEndpoint), []byte(body), time.Minute)
		r.must(err)
		if code, got := msg.Header.Get(micro.ErrorCodeHeader), msg.Header.Get(micro.ErrorHeader); code != "400" ||
			got != want {
			t.Errorf("%s: %s %s, want %s", body, code, got, want)
		}
	}
	for body, field := range map[string]string{
		`{"filter":{"since":"2026-11-22T08:00:00Z","until":"noon"}}`: "filter.until",
		`{"filter":{"since":"yesterday","until":"noon"}}`:            "filter.since",
	} {
		msg, err := r.nc.Request(Subject(acme, ExplainEndpoint), []byte(body), time.Minute)
		r.must(err)
		if got := msg.Header.Get(micro.ErrorHeader); !strings.HasPrefix(got, field+": must be a time as in RFC 3339") {
			t.Errorf("%s: %s", body, got)
		}
	}
	msg, err := r.nc.Request("portal.api.v1.ac+me.status", nil, time.Minute)
	r.must(err)
	if got := msg.Header.Get(micro.ErrorCodeHeader); got != "400" {
		t.Errorf("an invalid firm: %s", got)
	}
}

// A service whose database does not answer says so, without details such as the database's password.
func TestAServiceSaysThatItsDatabaseIsDown(t *testing.T) {
	t.Parallel()
	conn := testenv.Broker(t)
	gone, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	reads, err := store.Open(t.Context(), "postgres://someone:secret@"+gone.Addr().String()+"/nowhere", 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reads.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	worker := pipeline.NewInviteWorker(pipeline.Config{Store: reads, Reads: reads, JS: js, Log: zerolog.Nop()})
	ctx, done := t.Context(), make(chan error, 1)
	go func() {
		done <- Serve(ctx, Config{Conn: conn, Answers: worker.Answers(), Reads: reads, Log: zerolog.Nop(), Version: "dev"})
	}()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	client := NewClient(conn)
	testenv.Eventually(t, testenvPatience, func() error {
		_, err := client.Status(ctx, acme, StatusRequest{ClientID: "c1"})
		if errors.Is(err, ErrNoService) {
			return err
		}
		refused(t, err, 503, "the database is away")
		return nil
	})
	for _, request := range []ExplainRequest{
		{ClientID: "c1", Recipients: []events.Recipient{{ContactID: "a"}}}, {Selection: &events.Selection{AllClients: true}},
	} {
		_, err = client.Explain(ctx, acme, request)
		refused(t, err, 503, "the database is away")
	}
}

func TestAClientSaysThatNoWorkerAnswers(t *testing.T) {
	t.Parallel()
	_, err := NewClient(testenv.Broker(t)).Runs(t.Context(), acme, RunsRequest{})
	if !errors.Is(err, ErrNoService) {
		t.Errorf("the error is %v", err)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"v1.2.3": "1.2.3", "0.1.0-4-gabc": "0.1.0-4-gabc", "dev": "0.0.0",
		"": "0.0.0"} {
		if got := semver(version); got != want {
			t.Errorf("%q is %q, want %q", version, got, want)
		}
	}
}
