package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rogpeppe/go-internal/testscript"

	"portal-invites/internal/events"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"publisher": main})
}

// TestScripts runs the command as a person does. Scripts that publish begin with "broker", which starts a real one.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"broker": startBroker,
			"stream": printStream,
			"exit":   exitCode,
		},
	})
}

// startBroker starts a broker for one script and sets NATS_URL to it. "broker small" accepts messages up to 2 kB.
func startBroker(ts *testscript.TestScript, _ bool, args []string) {
	options := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: ts.MkAbs("jetstream"), NoSigs: true,
		NoLog: true,
	}
	if len(args) == 1 && args[0] == "small" {
		options.MaxPayload = 2048
	}
	s, err := server.NewServer(options)
	ts.Check(err)
	s.Start()
	ts.Defer(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(time.Minute) {
		ts.Fatalf("the broker does not start")
	}
	ts.Setenv("NATS_URL", s.ClientURL())
}

// printStream writes the stream's messages to a file: "stream FILE" fills FILE with a line for each message (sequence,
// subject, Nats-Msg-Id, the named headers, data).
func printStream(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: stream FILE [header...]")
	}
	nc, err := nats.Connect(ts.Getenv("NATS_URL"))
	ts.Check(err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stream, err := js.Stream(ctx, events.EventsStream)
	ts.Check(err)
	out, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer out.Close()
	for sequence := uint64(1); sequence <= stream.CachedInfo().State.LastSeq; sequence++ {
		msg, err := stream.GetMsg(ctx, sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		ts.Check(err)
		if _, err := events.Decode(msg.Subject, msg.Header, msg.Data); err != nil {
			ts.Fatalf("message %d can't be read by the workers: %v", sequence, err)
		}
		fmt.Fprintf(out, "%d %s", sequence, msg.Subject)
		for _, name := range args[1:] {
			fmt.Fprintf(out, " %s", msg.Header.Get(name))
		}
		fmt.Fprintf(out, " %s\n", msg.Data)
	}
}

// exitCode runs a command and compares its exit code: "exit 2 publisher ..." fails unless the command exits with 2.
// testscript's own "! exec" accepts any code but 0.
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exit CODE COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	if got := fmt.Sprint(codeOf(err)); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

func codeOf(err error) int {
	var exited interface{ ExitCode() int }
	if errors.As(err, &exited) {
		return exited.ExitCode()
	}
	return 0
}
