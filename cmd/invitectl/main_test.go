package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"invitectl": main})
}

// TestScripts runs the command as a person does, without workers: it checks the help and the errors for wrong use. The
// tests of internal/ctl run it with workers. Scripts that need a broker begin with "broker", which starts a real one.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"broker": startBroker,
			"exit":   exitCode,
			"narrow": checkNarrow,
		},
	})
}

// startBroker starts a broker for one script and sets NATS_URL to it.
func startBroker(ts *testscript.TestScript, _ bool, _ []string) {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: ts.MkAbs("jetstream"),
		NoSigs: true, NoLog: true,
	})
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

// exitCode runs a command and compares its exit code: "exit 2 invitectl ..." fails unless the command exits with 2.
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

// checkNarrow fails if a line of the last standard output is longer than 80 characters.
func checkNarrow(ts *testscript.TestScript, _ bool, _ []string) {
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			ts.Fatalf("%d characters: %s", n, line)
		}
	}
}
