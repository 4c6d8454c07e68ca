package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

const firm = "first-cpa"

// "is up" is a promise: an event that is published at that moment is not lost, and a call is answered. The events are
// published as by `nats pub` without -J: without an acknowledgement.
func TestUpMeansUp(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	out := up(t, dir, "--data", dir+"/data")
	mustSay(t, out, "portal-invites is up", "export NATS_URL=nats://127.0.0.1:", "Next: a first event")

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	nc, err := nats.Connect(regexp.MustCompile(`nats://\S+`).FindString(out))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	firstEvents(t, nc)
	if _, err := api.NewClient(nc).Runs(ctx, firm, api.RunsRequest{}); err != nil {
		t.Errorf("the service does not answer: %v", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := js.OrderedConsumer(ctx, events.OutcomesStream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	msg, err := outcomes.Next(jetstream.FetchMaxWait(30 * time.Second))
	if err != nil {
		t.Fatalf("no outcome: %v", err)
	}
	if want := "portal.outcomes." + firm + ".InviteSent"; msg.Subject() != want {
		t.Errorf("the outcome is on %s, not on %s: %s", msg.Subject(), want, msg.Data())
	}

	// A click on the mail's button, and then on the page's, accepts the invite.
	page := regexp.MustCompile(`mails +(http://[0-9.:]+)`).FindStringSubmatch(out)[1]
	token := strings.TrimSpace(fetch(t, http.MethodGet, page+"/api/link?to=dana@example.com"))
	mustSay(t, fetch(t, http.MethodGet, page+"/portal/"+firm+"/"+token), "The portal of Dana Wu", "Log in")
	mustSay(t, fetch(t, http.MethodPost, page+"/portal/"+firm+"/"+token), "Dana Wu is logged in", "dana@example.com",
		"InviteAccepted")
	msg, err = outcomes.Next(jetstream.FetchMaxWait(30 * time.Second))
	if err != nil || !strings.HasSuffix(msg.Subject(), ".InviteAccepted") {
		t.Errorf("the click has no outcome: %v, %v", msg, err)
	}

	// The console's link lets a browser in, and shows the firm.
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`console +(http://\S+/login/\S+)`).FindStringSubmatch(out)[1]
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Jar: jar}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("the console answers %s, %v", response.Status, err)
	}
	mustSay(t, string(shown), "First CPA")

	// A second start on the same folder fails, and says that the folder is in use.
	second := finish(t, command(t, dir, free, "--data", dir+"/data"))
	if second.code != 2 {
		t.Errorf("exit code %d", second.code)
	}
	mustSay(t, second.errs, "STANDALONE_DATA: the folder is in use")

	// A colleague's start in another folder, with the broker of the first in NATS_URL, would take a share of the events.
	// It is refused before it creates anything.
	elsewhere := append(append([]string{}, free...), "NATS_URL="+nc.ConnectedUrl())
	colleague := finish(t, command(t, dir, elsewhere, "--data", dir+"/other"))
	if colleague.code != 2 {
		t.Errorf("exit code %d", colleague.code)
	}
	mustSay(t, colleague.errs, "NATS_URL: the broker at "+nc.ConnectedUrl()+" is in use by workers with another database",
		"unset NATS_URL")
	if _, err := os.Stat(dir + "/other"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of the refused start: %v", err)
	}

	// With a broker of nobody, it works, and names that broker.
	nobodys := testenv.BrokerURL(t)
	mustSay(t, up(t, dir, "--data", dir+"/other", "--nats-url", nobodys), "broker "+nobodys+" (NATS_URL)")
}

func fetch(t *testing.T, method, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s %v\n%s", method, address, response.Status, err, body)
	}
	return string(body)
}

func firstEvents(t *testing.T, nc *nats.Conn) {
	t.Helper()
	for i, event := range []struct{ prefix, typ, data string }{
		{"facts", "FirmUpserted", `{"name": "First CPA", "portal_url": "https://portal.first-cpa.example"}`},
		{"facts", "ContactUpserted", `{"contact_id": "P-1", "name": "Dana Wu", "email": "dana@example.com"}`},
		{
			"facts", "ClientUpserted",
			`{"client_id": "C-1", "kind": "individual", "name": "Dana Wu",
				"contacts": [{"contact_id": "P-1", "primary": true}]}`,
		},
		{
			"events", "InviteRequested",
			`{"client_id": "C-1", "recipients": [{"contact_id": "P-1"}], "requested_by": "Maria Lopez"}`,
		},
	} {
		msg := nats.NewMsg("portal." + event.prefix + "." + firm + "." + event.typ)
		msg.Data = []byte(event.data)
		msg.Header = nats.Header{
			"ce-specversion": {"1.0"}, "ce-type": {"portal." + event.typ + ".v1"}, "ce-source": {"test"},
			"ce-id":   {fmt.Sprint(i)},
			"ce-time": {time.Now().UTC().Format(time.RFC3339)}, "content-type": {"application/json"},
		}
		if err := nc.PublishMsg(msg); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
}
