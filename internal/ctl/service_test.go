package ctl

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/testenv"
)

func TestMatchID(t *testing.T) {
	t.Parallel()
	ids := []string{"6f1d7a0e-3c58-5b0c", "6f1d9999-3c58-5b0d"}
	for _, c := range []struct{ prefix, want, problem string }{
		{"6f1d7", ids[0], ""},
		{"6F1D9", ids[1], ""},
		{ids[0], ids[0], ""},
		{"58-5b0d", ids[1], ""},
		{"6f1d", "", "2 runs begin or end with 6f1d: give more of the id"},
		{"7777", "", "there is no run that begins or ends with 7777"},
	} {
		got, err := matchID("run", c.prefix, ids)
		if got != c.want || (err == nil) != (c.problem == "") || err != nil && err.Error() != c.problem {
			t.Errorf("%s: got %q, %v", c.prefix, got, err)
		}
	}
}

// answering is a connection to a service that answers every request with answer.
func answering(t *testing.T, endpoint string, answer func(*nats.Msg)) connection {
	t.Helper()
	nc := testenv.Broker(t)
	if _, err := nc.Subscribe(api.Subject(firm, endpoint), answer); err != nil {
		t.Fatal(err)
	}
	return connection{Client: api.NewClient(nc), firm: firm, nc: nc}
}

func refuse(msg *nats.Msg, code, text string) {
	_ = msg.RespondMsg(&nats.Msg{Header: nats.Header{micro.ErrorCodeHeader: {code}, micro.ErrorHeader: {text}}})
}

func TestWhatTheServiceRefusesIsExplained(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code, want string
		usage      bool
	}{
		{"400", "kind: must be one of: invite, resend, replay", true},
		{"404", "acme: kind: must be one of: invite, resend, replay", false},
		{"409", "kind: must be one of: invite, resend, replay", false},
		{"503", "kind: must be one of: invite, resend, replay. Try again in a moment", false},
	} {
		t.Run(c.code, func(t *testing.T) {
			t.Parallel()
			conn := answering(t, api.RunsEndpoint,
				func(msg *nats.Msg) { refuse(msg, c.code, "kind: must be one of: invite, resend, replay") })
			_, err := conn.runs(t.Context(), api.RunsRequest{}, 1)
			if _, usage := errors.AsType[app.UsageError](err); err == nil || err.Error() != c.want || usage != c.usage {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestNoAnswerInTimeIsExplained(t *testing.T) {
	t.Parallel()
	conn := answering(t, api.RunsEndpoint, func(*nats.Msg) {})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := conn.runs(ctx, api.RunsRequest{}, 1); err == nil ||
		!strings.Contains(err.Error(), "no answer in time from the workers on nats://127.0.0.1:") {
		t.Errorf("got %v", err)
	}
}

func TestABusyWorkerIsAskedAgain(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	conn := answering(t, api.ExplainEndpoint, func(msg *nats.Msg) {
		if asked.Add(1) < 3 {
			refuse(msg, "503", "busy")
			return
		}
		_ = msg.Respond([]byte(`{"recipients": [{"client_id": "C-1", "would_send": true}]}`))
	})
	answer, err := conn.explain(t.Context(), api.ExplainRequest{}, wait)
	if err != nil || len(answer.Recipients) != 1 || answer.Totals.WouldSend != 1 || asked.Load() != 3 {
		t.Errorf("asked %d times: %+v, %v", asked.Load(), answer, err)
	}
}

func TestARefusalIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	conn := answering(t, api.ExplainEndpoint, func(msg *nats.Msg) {
		asked.Add(1)
		refuse(msg, "400", "selection: missing")
	})
	if _, err := conn.explain(t.Context(), api.ExplainRequest{}, wait); err == nil || asked.Load() != 1 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}
