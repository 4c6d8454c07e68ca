package console_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/api"
	"portal-invites/internal/console/identity"
	"portal-invites/internal/console/line"
	"portal-invites/internal/console/pages"
	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// With the role of one firm's office, nothing of another firm can be reached: not by an address, a form, a stream, an
// id, a cursor or a file.
func TestAFirmIsAWall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	zenith := *r.Scene
	zenith.Firm = "zenith"
	zenith.UpsertFirm()
	zenith.UpsertContact("Z-1", "Zoe Zenith", "zoe@z.example")
	zenith.UpsertContact("Z-2", "Zack Zenith", "zack@z.example")
	zenith.Publish(events.ClientUpserted,
		testkit.With(testkit.ClientData("Z-C", "*Z-1", "Z-2"), "name", "Zenith Secret LLC"))
	zenith.Publish(events.BulkInviteRequested, testkit.BulkAll())
	zenith.Publish(events.InviteRequested, testkit.With(testkit.InviteData("Z-C", testkit.Contact("Z-1")), "client_id", 7))
	zenith.Settled()
	client := api.NewClient(r.NC)
	runs, err := client.Runs(r.Ctx, "zenith", api.RunsRequest{Page: api.Page{Limit: 1}})
	r.Must(err)
	run := runs.Runs[0].RunID.String()
	letters, err := client.DeadLetters(r.Ctx, "zenith", api.DeadLettersRequest{})
	r.Must(err)
	letter := letters.Letters[0].ID.String()
	status, err := client.Status(r.Ctx, "zenith", api.StatusRequest{ClientID: "Z-C"})
	r.Must(err)
	invite := status.Statuses[0].LastInvite.InviteID.String()

	people, err := client.Statuses(r.Ctx, "zenith", api.StatusesRequest{
		Words: true, Locale: "en", Page: api.Page{Limit: 1},
	})
	r.Must(err)
	if people.Next == "" {
		t.Fatal("there is no second page of people")
	}

	v := r.proxied("Ann", "portal-office:acme")
	v.get("/f/acme/runs").says(t, "Runs")
	for _, word := range []string{"Zenith", "zoe", "Z-C", "Z-1", "zoe%40z.example"} {
		if got := v.get("/f/acme/clients?find=" + word); got.code != http.StatusOK || len(got.names()) > 0 {
			t.Errorf("a search for %s answers %d %q", word, got.code, got.names())
		}
	}
	for _, do := range []string{"invite", "resend", "remove"} {
		if got := v.get("/f/acme/pick?do=" + do + "&scope=page&shown=Z-C/Z-1"); strings.Contains(got.body, "Zoe") ||
			strings.Contains(got.body, "Zenith") || strings.Contains(got.body, "data-starts") {
			t.Errorf("a person of the other firm is picked: %s", got.body)
		}
	}
	if got := v.get("/f/acme/clients.csv"); got.code != http.StatusOK || strings.Contains(got.body, "Zenith") {
		t.Errorf("the list as a file answers %d: %s", got.code, got.body)
	}
	for _, path := range []string{
		"/f/zenith", "/f/zenith/runs", "/f/zenith/runs/" + run, "/f/zenith/runs/" + run + "/people",
		"/f/zenith/runs/" + run + "/cancel", "/f/acme/runs/" + run + "/cancel",
		"/f/zenith/runs/" + run + "/people.csv?outcome=sent", "/f/zenith/clients?find=Z-C", "/f/zenith/client?client=Z-C",
		"/f/zenith/pick?do=invite&scope=page&shown=Z-C/Z-1", "/f/zenith/done?client=Z-C&event=" + uuid.NewString(),
		"/f/zenith/clients", "/f/zenith/clients.csv", "/f/acme/clients?cursor=" + url.QueryEscape(people.Next),
		"/f/zenith/person?client=Z-C&contact=Z-1", "/f/zenith/person?invite=" + invite, "/f/zenith/mail?invite=" + invite,
		"/f/zenith/mail?client=Z-C&contact=Z-1", "/f/zenith/request?do=invite&client=Z-C&contact=Z-1",
		"/f/zenith/bulk?mode=invite",
		"/f/zenith/fix", "/f/zenith/preview?client=Z-C&contact=Z-1", "/f/zenith/templates", "/f/zenith/letters",
		"/f/zenith/letters/" + letter, "/f/zenith/held", "/f/zenith/live", "/f/zenith/done?event=" + uuid.NewString(),
		// ids of the other firm under the own one
		"/f/acme/runs/" + run, "/f/acme/runs/" + run + "/people", "/f/acme/runs/" + run + "/people.csv",
		"/f/acme/person?invite=" + invite, "/f/acme/mail?invite=" + invite, "/f/acme/fix?run=" + run,
		"/f/acme/client?client=Z-C", "/f/acme/person?client=Z-C&contact=Z-1", "/f/acme/mail?client=Z-C&contact=Z-1",
		// what only operators see, and all firms at once
		"/f/acme/letters", "/f/acme/letters/" + letter, "/f/acme/held", "/ops", "/ops/senders",
		"/f/_/letters", "/f/_/runs", "/f/_/live",
		"/f/ZENITH/runs", "/f/zenith%2fruns", "/f/*/runs", "/f/%3E/runs", "/f/acme.zenith/runs", "/f/acme/../zenith/runs",
	} {
		got := v.get(path)
		if got.code == http.StatusOK || strings.Contains(got.body, "Zenith Secret") || strings.Contains(got.body, "Zoe") {
			t.Errorf("%s answers %d: %s", path, got.code, got.body)
		}
	}
	next, err := client.Runs(r.Ctx, "zenith", api.RunsRequest{Page: api.Page{Limit: 1}})
	r.Must(err)
	if got := v.get("/f/acme/runs?cursor=" + url.QueryEscape(next.Next+"x")); got.code == http.StatusOK {
		t.Errorf("a cursor of the other firm answers %d", got.code)
	}
	form := formOf(v.get("/f/acme/request?do=invite&client=C-1&contact=P-1").body)
	if form.Get("csrf") == "" {
		t.Fatal("there is no form")
	}
	for _, path := range []string{
		"/f/zenith/runs/" + run, "/f/zenith/send", "/f/zenith/pick", "/f/zenith/bulk", "/f/zenith/fix", "/f/zenith/held",
		"/f/zenith/letters/" + letter, "/f/acme/letters/" + letter, "/f/acme/held", "/f/_/held",
	} {
		form.Set("action", "discard")
		form.Set("note", "mine")
		form.Set("invite", invite)
		form.Set("mode", "invite")
		if got := v.post(path, form); got.code != http.StatusNotFound && got.code != http.StatusForbidden {
			t.Errorf("a form to %s answers %d: %s", path, got.code, got.body)
		}
	}
	form.Set("run", run)
	if got := v.post("/f/acme/fix", form); got.code != http.StatusNotFound {
		t.Errorf("a replay of the other firm's run answers %d", got.code)
	}
	form.Set("action", "cancel")
	if got := v.post("/f/acme/runs/"+run, form); got.code != http.StatusNotFound {
		t.Errorf("a cancel of the other firm's run answers %d", got.code)
	}
	after, err := client.Runs(r.Ctx, "zenith", api.RunsRequest{})
	r.Must(err)
	if len(after.Runs) != 1 {
		t.Errorf("the other firm has %d runs, want 1", len(after.Runs))
	}
}

// Whoever may only look gets no form that works.
func TestWhoMayOnlyLook(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	v := r.proxied("Ann", "portal-office:acme,portal-read-only")
	v.get("/f/acme/runs").says(t, "Runs")
	if page := v.get("/f/acme/client?client=C-1"); strings.Contains(page.body, "Remove access") {
		t.Error("the page offers to remove access")
	}
	form := url.Values{"csrf": {"x"}, "event": {uuid.NewString()}, "at": {time.Now().UTC().Format(time.RFC3339Nano)}}
	if page := v.get("/f/acme/clients"); strings.Contains(page.body, "checkbox\" name=\"tick") {
		t.Error("the list offers to tick people")
	}
	for _, path := range []string{
		"/f/acme/request?do=invite&client=C-1&contact=P-1", "/f/acme/bulk", "/f/acme/fix",
		"/f/acme/pick?do=invite&scope=page&shown=C-1/P-1",
	} {
		if got := v.get(path); got.code != http.StatusForbidden {
			t.Errorf("%s answers %d", path, got.code)
		}
	}
	for _, path := range []string{"/f/acme/send", "/f/acme/bulk", "/f/acme/fix", "/f/acme/pick"} {
		if got := v.post(path, form); got.code != http.StatusForbidden {
			t.Errorf("a form to %s answers %d", path, got.code)
		}
	}
}

// proxied is a visitor of a console behind a proxy, which says who they are.
func (r *rig) proxied(name, groups string) *visitor {
	r.t.Helper()
	dial := func() (*nats.Conn, error) { return nats.Connect(r.NC.ConnectedUrl()) }
	return r.behindProxy(line.New(nil, dial), name, groups)
}

func (r *rig) behindProxy(lines *line.Lines, name, groups string) *visitor {
	r.t.Helper()
	return r.behindProxyWith(pages.Config{Lines: lines}, name, groups)
}

func (r *rig) behindProxyWith(cfg pages.Config, name, groups string) *visitor {
	r.t.Helper()
	source, err := identity.NewProxy(identity.ProxyConfig{
		Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, NameHeader: "X-User", GroupsHeader: "X-Groups",
		Groups: identity.Groups{Prefix: "portal-"},
	})
	r.Must(err)
	listener, base := listen(r.t)
	cfg.Source, cfg.LoginBy = source, pages.ByProxy
	r.serve(listener, cfg)
	v := newVisitor(r.t, base)
	v.header.Set("X-User", name)
	v.header.Set("X-Groups", groups)
	return v
}

// With the broker's own roles, the office of a firm can do all that its pages offer, and needs no more.
func TestTheShippedRoleIsEnough(t *testing.T) {
	t.Parallel()
	options, err := server.ProcessConfigFile("../../deploy/nats/one-account.conf")
	if err != nil {
		t.Fatal(err)
	}
	options.Host, options.Port, options.HTTPPort, options.NoLog, options.NoSigs = "127.0.0.1", -1, 0, true, true
	options.StoreDir, options.SyncAlways = t.TempDir(), false
	broker, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	broker.Start()
	t.Cleanup(func() { broker.Shutdown(); broker.WaitForShutdown() })
	if !broker.ReadyForConnections(patience) {
		t.Fatal("the broker does not start")
	}
	address := func(user string) string { return "nats://" + user + ":secret@" + broker.Addr().String() }
	admin, err := nats.Connect(address("admin"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.Close)
	r := newRigOn(t, admin)
	r.office()
	dial := func(user string) line.Dial {
		return func() (*nats.Conn, error) {
			return nats.Connect(address(user), nats.CustomInboxPrefix("_INBOX."+user))
		}
	}
	lines := line.New(map[string]line.Dial{"acme": dial("office-acme"), line.Ops: dial("ops")}, nil)
	v := r.behindProxy(lines, "Ann", "portal-office:acme")
	v.get("/f/acme/runs").says(t, "Runs")
	page := v.get("/f/acme/bulk?mode=invite")
	page.says(t, "Send 2 invites")
	if got := v.post("/f/acme/bulk", formOf(page.body)); got.code != http.StatusSeeOther {
		t.Fatalf("the bulk invite answers %d: %s", got.code, got.body)
	}
	r.Settled()
	run := r.anyRun()
	for _, path := range []string{
		"/f/acme/runs/" + run, "/f/acme/fix?run=" + run, "/f/acme/client?client=C-1", "/f/acme/templates",
		"/f/acme/person?client=C-1&contact=P-1", "/f/acme/preview?client=C-1&contact=P-1",
		"/f/acme/request?do=resend&client=C-1&contact=P-1",
	} {
		v.get(path).says(t, "Acme CPA")
	}
	if got := v.get("/f/zenith/runs"); got.code != http.StatusNotFound {
		t.Errorf("another firm answers %d", got.code)
	}
}
