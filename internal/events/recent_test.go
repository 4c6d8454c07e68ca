package events

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestRecentIsTheEndOfTheStream(t *testing.T) {
	t.Parallel()
	js := runBroker(t)
	ctx := t.Context()
	if err := (Topology{}).Ensure(ctx, js); err != nil {
		t.Fatal(err)
	}
	assertRecent := func(n int, want ...int) {
		t.Helper()
		ids, err := Recent(ctx, js, OutcomesStream, n)
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) != len(want) {
			t.Errorf("Recent(%d) has %d ids, want %d", n, len(ids), len(want))
		}
		for _, i := range want {
			if at := ids[fmt.Sprint("acme/portal-invites/id-", i)]; at != uint64(i)+1 {
				t.Errorf("Recent(%d) has id-%d at sequence %d", n, i, at)
			}
		}
	}
	assertRecent(10)
	publishNumbered(t, js, 0, 2500)
	assertRecent(3, 2497, 2498, 2499)
	all := make([]int, 2500)
	for i := range all {
		all[i] = i
	}
	assertRecent(5000, all...)
	assertRecent(1500, all[1000:]...)
}

func publishNumbered(t *testing.T, js jetstream.JetStream, from, to int) {
	t.Helper()
	var msgs []*nats.Msg
	for i := from; i < to; i++ {
		msgs = append(msgs, &nats.Msg{
			Subject: "portal.outcomes.acme.InviteSent", Data: []byte("{}"),
			// A worker of another version may write another Nats-Msg-Id.
			Header: nats.Header{
				nats.MsgIdHdr: {fmt.Sprint("old/id-", i)}, "ce-source": {OutcomeSource}, "ce-id": {fmt.Sprint("id-", i)},
			},
		})
	}
	if err := Publish(t.Context(), js, msgs); err != nil {
		t.Fatal(err)
	}
}
