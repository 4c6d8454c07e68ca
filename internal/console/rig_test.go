package console_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/console"
	"portal-invites/internal/console/identity"
	"portal-invites/internal/console/line"
	"portal-invites/internal/console/pages"
	"portal-invites/internal/events"
	"portal-invites/internal/link"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// TestMain sets the passwords that the files of deploy/nats take from the environment.
func TestMain(m *testing.M) {
	for _, role := range []string{
		"ADMIN", "WORKER", "UPSTREAM", "UPSTREAM_ACME", "PORTAL_ACME", "OFFICE_ACME", "DASHBOARD_ACME", "REPORTER", "OPS",
		"DASHBOARD",
	} {
		if err := os.Setenv("PORTAL_"+role+"_PASSWORD", "secret"); err != nil {
			panic(err)
		}
	}
	testenv.Main(m)
}

const (
	firm     = "acme"
	patience = 2 * time.Minute // longer than anything here takes
)

// rig is a pipeline with a console before it. Its broker, database and mailbox belong to one test.
type rig struct {
	*testkit.Scene
	t       *testing.T
	mailbox *testenv.Mailbox
	base    string // the address of the console
	link    *identity.Link
}

// newRig starts both workers and a console that somebody logs in to by a link.
func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOn(t, testenv.Broker(t))
}

func newRigOn(t *testing.T, nc *nats.Conn) *rig {
	t.Helper()
	r := &rig{Scene: testkit.On(t, nc), t: t, mailbox: testenv.NewMailbox(t)}
	r.startWorkers()
	r.startConsole()
	return r
}

func (r *rig) startWorkers() {
	r.t.Helper()
	host, port := testenv.SplitAddress(r.t, r.mailbox.Addr())
	worker := app.Worker{
		Kept:     app.DefaultKept,
		Broker:   app.Broker{URL: r.NC.ConnectedUrl(), Replicas: 1, TopologyMode: "manage"},
		Database: app.Database{URL: r.DatabaseURL, Migrate: "start"},
		SMTP: app.SMTP{Host: host, Port: port, From: "portal@mail.example", TLS: "none", Connections: 2,
			ConnectionIdle: 30 * time.Second, ConnectionAge: 10 * time.Minute, ConnectionMails: 100},
		Invites: app.Invites{
			TTL: 720 * time.Hour, Cooldown: 10 * time.Minute, OnUnknown: "hold", LinkKey: link.NewKey(),
			RetryFor: 72 * time.Hour,
		},
		Service: app.Service{ShutdownTimeout: 20 * time.Second, Log: app.Log{Level: "warn", Format: "json"}},
	}
	r.Start(func(ctx context.Context) error {
		return worker.RunWorkers(ctx, "test", io.Discard, pipeline.NewInviteWorker, pipeline.NewBulkWorker)
	})
	testenv.Eventually(r.t, patience, func() error {
		_, err := api.NewClient(r.NC).Runs(r.Ctx, firm, api.RunsRequest{})
		return err
	})
}

// startConsole serves a console with one connection for all, as standalone does.
func (r *rig) startConsole() { r.startConsoleWith("") }

// startConsoleWith serves a console in which something may be corrected.
func (r *rig) startConsoleWith(edits string) {
	r.t.Helper()
	dial := func() (*nats.Conn, error) {
		return nats.Connect(r.NC.ConnectedUrl(), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1),
			nats.ReconnectWait(50*time.Millisecond), nats.ReconnectJitter(time.Millisecond, time.Millisecond))
	}
	listener, base := listen(r.t)
	r.link = identity.NewLink(base, identity.Who{Name: "Nora Whitfield", EveryFirm: true, Ops: true}, nil, nil)
	r.base = base
	r.serve(listener, pages.Config{
		Lines: line.New(nil, dial), Source: r.link, LoginBy: pages.ByLink,
		ClientURL: "https://office.example/clients/{client_id}", Edits: edits,
	})
}

// serve serves a console until the test ends.
func (r *rig) serve(listener net.Listener, cfg pages.Config) {
	r.t.Helper()
	cfg.Hosts = []string{listener.Addr().String()}
	cfg.Log = zerolog.New(zerolog.NewTestWriter(r.t)).Level(zerolog.WarnLevel)
	r.Start(func(ctx context.Context) error { return console.Serve(ctx, listener, cfg) })
}

func listen(t *testing.T) (net.Listener, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener, "http://" + listener.Addr().String()
}

// visitor is a browser without a window: it keeps cookies, and follows no redirect.
type visitor struct {
	t      *testing.T
	base   string
	client *http.Client
	header http.Header // sent with each request
}

func newVisitor(t *testing.T, base string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &visitor{t: t, base: base, header: http.Header{}, client: &http.Client{
		Jar: jar, Transport: transport, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// visitor logs somebody in by the link.
func (r *rig) visitor() *visitor {
	r.t.Helper()
	v := newVisitor(r.t, r.base)
	if got := v.get(strings.TrimPrefix(r.link.URL(), r.base)); got.code != http.StatusSeeOther {
		r.t.Fatalf("the link answers %d: %s", got.code, got.body)
	}
	return v
}

// answer is what a visitor got.
type answer struct {
	code   int
	to     string // where a redirect leads
	body   string
	header http.Header
}

func (v *visitor) get(path string) answer {
	v.t.Helper()
	return v.do(http.MethodGet, path, nil)
}

func (v *visitor) post(path string, form url.Values) answer {
	v.t.Helper()
	return v.do(http.MethodPost, path, form)
}

func (v *visitor) do(method, path string, form url.Values) answer {
	v.t.Helper()
	request, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	request.Header = v.header.Clone()
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := v.client.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header.Get("Location"), string(body), response.Header}
}

// says fails the test unless the answer is a page with all words.
func (a answer) says(t *testing.T, words ...string) {
	t.Helper()
	if a.code != http.StatusOK {
		t.Fatalf("the answer is %d: %s", a.code, a.body)
	}
	for _, word := range words {
		if !strings.Contains(a.body, word) {
			t.Errorf("the page does not say %q:\n%s", word, a.body)
		}
	}
}

// office publishes a firm in Denver with people of every kind: who can be invited, who is not Primary, who has no
// email, and two who share one.
func (r *rig) office() {
	r.t.Helper()
	r.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "time_zone", "America/Denver"))
	r.UpsertContact("P-1", "Ada Li", "ada@x.example")
	r.UpsertContact("P-2", "Dana Wu", "dana@x.example")
	r.UpsertContact("P-3", "Sam Oak", "sam@x.example")
	r.UpsertContact("P-4", "Kim Lee", "")
	r.client("C-1", "Blue Bottle LLC", "*P-1", "P-2")
	r.client("C-2", "Red Barn Inc", "*P-3", "*P-4")
	r.Handled(events.FactsDurable)
}

func (r *rig) client(id, name string, contacts ...string) {
	r.t.Helper()
	r.Publish(events.ClientUpserted, testkit.With(testkit.ClientData(id, contacts...), "name", name))
}

// bulk invites everybody, and returns the run once it has completed.
func (r *rig) bulk() api.Run {
	r.t.Helper()
	return r.runOf(r.Publish(events.BulkInviteRequested, testkit.BulkAll()))
}

// runOf returns the completed run of an event.
func (r *rig) runOf(event string) (found api.Run) {
	r.t.Helper()
	testenv.Eventually(r.t, patience, func() error {
		answer, err := api.NewClient(r.NC).Runs(r.Ctx, firm, api.RunsRequest{})
		if err != nil {
			return err
		}
		for _, run := range answer.Runs {
			if run.Cause.ID == event {
				if found = run; run.State == api.Completed {
					return nil
				}
				return fmt.Errorf("the run is %+v", run)
			}
		}
		return errors.New("no such run yet")
	})
	return found
}
