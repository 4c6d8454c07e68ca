package app

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
)

// A worker learns at its next connect that another database has adopted its streams, and ends with exit code 2.
func TestAWorkerNoticesThatItsStreamsWereAdopted(t *testing.T) {
	t.Parallel()
	b := runBroker(t, "")
	k := keep(t, Broker{URL: b.address})
	k.until("it is connected", k.nc.IsConnected)
	ours, theirs := events.Topology{Ledger: "ours"}, events.Topology{Ledger: "theirs"}
	if err := ours.Ensure(t.Context(), k.js); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	looked, ended := make(chan struct{}), make(chan error, 1)
	cfg := pipeline.Config{JS: k.js, Topology: ours, Log: zerolog.Nop()}
	go func() { ended <- watchOwner(ctx, cfg, k.connection, func() { close(looked) }) }()
	<-looked
	if _, err := theirs.Adopt(t.Context(), k.js); err != nil {
		t.Fatal(err)
	}
	if err := k.nc.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	err := <-ended
	if _, usage := errors.AsType[UsageError](err); !usage || !strings.Contains(err.Error(), "invite-worker adopt") {
		t.Errorf("it ended with %v", err)
	}
}
