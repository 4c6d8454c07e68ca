package events

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// The first ledger gets the streams. Another one is refused and changes nothing, until it adopts them.
func TestStreamsBelongToOneLedger(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t) // made by a process without a database
	ours, theirs := Topology{Ledger: "ours"}, Topology{Ledger: "theirs", Events: Kept{For: time.Hour}}
	for range 2 {
		if err := ours.Ensure(t.Context(), js); err != nil {
			t.Fatal(err)
		}
	}
	err := theirs.Ensure(t.Context(), js)
	other, is := errors.AsType[OtherLedgerError](err)
	if !is || other.Theirs != "ours" || other.Ours != "theirs" {
		t.Errorf("another ledger: %v", err)
	}
	if kept := streamConfig(t, js, EventsStream).MaxAge; kept != DefaultEventsMaxAge {
		t.Errorf("the refused ledger has set the age to %s", kept)
	}
	if err := (Topology{}).Ensure(t.Context(), js); err != nil { // the publisher
		t.Error(err)
	}
	before, err := theirs.Adopt(t.Context(), js)
	if err != nil || len(before) != 3 || before[OutcomesStream] != "ours" {
		t.Errorf("adopted %v, %v", before, err)
	}
	if err := theirs.Ours(t.Context(), js); err != nil {
		t.Error(err)
	}
	if _, is := errors.AsType[OtherLedgerError](ours.Ours(t.Context(), js)); !is {
		t.Error("the former ledger does not notice")
	}
}

// Many workers of two databases start at the same time on an empty broker. All workers of one of them are refused.
func TestTwoLedgersStartAtOnce(t *testing.T) {
	t.Parallel()
	js := runBroker(t)
	refused := make([]error, 8)
	var starting errgroup.Group
	for i := range refused {
		own := connect(t, js.Conn().ConnectedUrl())
		starting.Go(func() error {
			topology := Topology{Ledger: fmt.Sprintf("ledger-%d", i%2)}
			if refused[i] = topology.Ensure(t.Context(), own); refused[i] == nil {
				refused[i] = topology.Ours(t.Context(), own) // a worker looks again
			}
			return nil
		})
	}
	_ = starting.Wait()
	owners, err := Owners(t.Context(), js)
	owner := owners[EventsStream]
	if err != nil || len(owners) != 3 || owners[OutcomesStream] != owner || owners[DeadLettersStream] != owner {
		t.Fatalf("the owners are %v, %v", owners, err)
	}
	for i, err := range refused {
		_, isOther := errors.AsType[OtherLedgerError](err)
		if wins := owner == fmt.Sprintf("ledger-%d", i%2); wins != (err == nil) || wins == isOther {
			t.Errorf("worker %d, with the owner %s: %v", i, owner, err)
		}
	}
}

// A worker that finds everything right needs only the right to look.
func TestEnsureNeedsNoRightsIfAllIsRight(t *testing.T) {
	t.Parallel()
	broker := runServer(t, &server.Options{Users: []*server.User{
		{Username: "admin", Password: "pw"},
		{Username: "worker", Password: "pw", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: []string{"$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.INFO.*.*"}},
			Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
		}},
	}})
	topology := Topology{Ledger: "ours"}
	admin := connect(t, strings.Replace(broker.ClientURL(), "nats://", "nats://admin:pw@", 1))
	if err := topology.Ensure(t.Context(), admin); err != nil {
		t.Fatal(err)
	}
	worker := connect(t, strings.Replace(broker.ClientURL(), "nats://", "nats://worker:pw@", 1))
	if err := topology.Ensure(t.Context(), worker); err != nil {
		t.Error(err)
	}
}

// With CheckOnly, nothing is made or changed. What is missing is an error, and so is what the workers can't work with.
// Other differences are only named.
func TestCheckOnly(t *testing.T) {
	t.Parallel()
	js := runBroker(t)
	check := Topology{CheckOnly: true, Ledger: "ours"}
	err := check.Ensure(t.Context(), js)
	missing, is := errors.AsType[MissingError](err)
	if !is || len(missing.Names) != 6 || !strings.Contains(err.Error(), "no durable facts on PORTAL_EVENTS") {
		t.Errorf("without any stream: %v", err)
	}
	if owners, err := Owners(t.Context(), js); err != nil || len(owners) > 0 {
		t.Errorf("there are %v, %v", owners, err)
	}

	if err := (Topology{Events: Kept{For: time.Hour}}).Ensure(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	if err := check.Ensure(t.Context(), js); err != nil {
		t.Error(err)
	}
	differences, err := check.Differences(t.Context(), js)
	want := []string{
		"nats stream edit PORTAL_EVENTS --metadata portal-invites-ledger=ours",
		"stream PORTAL_EVENTS: max_age is 1h0m0s and should be 720h0m0s",
		"nats stream edit INVITE_OUTCOMES --metadata portal-invites-ledger=ours",
		"nats stream edit PORTAL_DEAD_LETTERS --metadata portal-invites-ledger=ours",
	}
	if !slices.EqualFunc(differences, want, strings.Contains) || err != nil {
		t.Errorf("the differences are %q, %v", differences, err)
	}

	good := streamConfig(t, js, EventsStream)
	for says, spoil := range map[string]func(*jetstream.StreamConfig){
		"must not allow direct gets": func(c *jetstream.StreamConfig) { c.AllowDirect = true },
		"must have portal.bulk.>":    func(c *jetstream.StreamConfig) { c.Subjects = c.Subjects[:2] },
		"belongs to ledger another": func(c *jetstream.StreamConfig) {
			c.Metadata = map[string]string{LedgerKey: "another"}
		},
	} {
		bad := good
		spoil(&bad)
		if _, err := js.UpdateStream(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
		if err := check.Ensure(t.Context(), js); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
	if _, err := js.UpdateStream(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteConsumer(t.Context(), EventsStream, BulkDurable); err != nil {
		t.Fatal(err)
	}
	err = check.Ensure(t.Context(), js)
	if err == nil || !strings.Contains(err.Error(), "has no durable bulk-worker on") {
		t.Errorf("without a durable: %v", err)
	}
}
