package console_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// mostTransferred is how many octets a page may have on a first visit, with its style sheet and scripts.
const mostTransferred = 100_000

// No page is large, however many clients there are. CONSOLE_CLIENTS says how many; with -v it prints how long the pages
// take.
func TestPagesAreSmall(t *testing.T) {
	t.Parallel()
	clients := 300
	if asked, err := strconv.Atoi(os.Getenv("CONSOLE_CLIENTS")); err == nil {
		clients = asked
	}
	r := newRig(t)
	r.office()
	var facts []*nats.Msg
	for n := range clients {
		id := fmt.Sprintf("%05d", n)
		contact := testkit.ContactData("N-"+id, "Person "+id, id+"@x.example")
		client := testkit.With(testkit.ClientData("K-"+id, "*N-"+id), "name", "Client "+id+" LLC")
		facts = append(facts, r.Event(events.ContactUpserted, contact), r.Event(events.ClientUpserted, client))
	}
	r.PublishAll(facts...)
	r.Settled()
	r.runOf(r.Publish(events.BulkInviteRequested, testkit.BulkOf("C-1", "C-2")))
	r.Settled()
	v := r.visitor()
	v.header.Set("Accept-Encoding", "gzip")
	run := r.anyRun()
	for _, path := range []string{
		"/f/acme/clients", "/f/acme/clients?state=not_sent", "/f/acme/clients?find=person", "/f/acme/clients?find=zzz",
		"/f/acme/clients?kind=business&primary=yes", "/f/acme/runs", "/f/acme/runs/" + run, "/f/acme/fix?run=" + run,
		"/f/acme/client?client=C-1", "/f/acme/person?client=C-1&contact=P-1", "/f/acme/bulk?mode=invite",
		"/f/acme/pick?do=invite&scope=page&shown=C-1/P-1&shown=C-2/P-4",
	} {
		best := time.Duration(0)
		var page string
		for range 3 {
			began := time.Now()
			page = v.get(path).body
			if took := time.Since(began); best == 0 || took < best {
				best = took
			}
		}
		size := len(page)
		for _, part := range regexp.MustCompile(`/static/[a-z]+\.[0-9a-f]+\.[a-z]+`).FindAllString(v.plain(path), -1) {
			size += len(v.get(part).body)
		}
		t.Logf("%7d octets, %6s  %s", size, best.Round(time.Millisecond), path)
		if size > mostTransferred {
			t.Errorf("%s has %d octets on a first visit, want at most %d", path, size, mostTransferred)
		}
	}
}

// plain is a page as it is without compression.
func (v *visitor) plain(path string) string {
	v.t.Helper()
	request, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.base+path, nil)
	if err != nil {
		v.t.Fatal(err)
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
	return string(body)
}
