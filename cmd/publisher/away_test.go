package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"portal-invites/internal/app"
)

// wire is a proxy between the command and its broker. It breaks after a number of bytes to the broker: it hangs, or it
// closes the connection and accepts no new one.
type wire struct {
	listener net.Listener
	broker   string
	carries  int64
	hangs    bool
}

func newWire(t *testing.T, carries int64, hangs bool) *wire {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the broker does not start")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener, s.Addr().String(), carries, hangs}
	go w.carry()
	t.Cleanup(func() { _ = listener.Close() })
	return w
}

func (w *wire) carry() {
	for {
		command, err := w.listener.Accept()
		if err != nil {
			return
		}
		broker, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", w.broker)
		if err != nil {
			_ = command.Close()
			continue
		}
		go func() { _, _ = io.Copy(command, broker) }()
		go func() {
			_, err := io.CopyN(broker, command, w.carries)
			if err == nil && w.hangs {
				return
			}
			_, _ = w.listener.Close(), command.Close()
			_ = broker.Close()
		}()
	}
}

// If the broker goes away during an import, the import ends within its time limit, and one sentence says how to
// continue.
func TestABrokerThatGoesAwayEndsAnImport(t *testing.T) {
	t.Parallel()
	rows := "Client ID,Client name,Type,Contact ID,Contact name,Email,Primary?\n"
	for i := range 3000 {
		rows += fmt.Sprintf("C-%d,Client %d,Individual,P-%d,Person %d,p%d@x.example,Yes\n", i, i, i, i, i)
	}
	file := filepath.Join(t.TempDir(), "clients.csv")
	if err := os.WriteFile(file, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, hangs := range map[string]bool{"it hangs": true, "it hangs up": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, 1_000_000, hangs)
			var out, errs bytes.Buffer
			began := time.Now()
			code := app.Run(t.Context(), "publisher", description, &cli{},
				[]string{
					"import", "--firm", "acme-cpa", "--timeout", "2s", "--nats-url", "nats://" + w.listener.Addr().String(), file,
				},
				app.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
			if code != app.ExitFailed || out.Len() > 0 || time.Since(began) > time.Minute {
				t.Errorf("exit code %d after %s: %s", code, time.Since(began), &out)
			}
			text := errs.String()
			if !strings.Contains(text, "import the file again") || strings.Count(text, "publisher: ") != 1 {
				t.Errorf("the error is:\n%s", text)
			}
		})
	}
}

// Many errors of one sort become one sentence: the first error, and how many more there are.
func TestManyErrorsBecomeOneSentence(t *testing.T) {
	t.Parallel()
	many := make([]error, 390)
	for i := range many {
		many[i] = fmt.Errorf("publish to %d: %w", i, io.ErrUnexpectedEOF)
	}
	if got := firstOf(errors.Join(many...)); got.Error() != "publish to 0: unexpected EOF (and 389 more like it)" {
		t.Error(got)
	}
	if got := firstOf(many[3]); got.Error() != "publish to 3: unexpected EOF" {
		t.Error(got)
	}
}
