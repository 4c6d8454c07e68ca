package standalone

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestKilledOwnerLeavesNoServer(t *testing.T) {
	t.Parallel()
	dir := openFolder(t)
	o := startOwner(t, itself(t), dir, account{})
	query[int](t, o.url, keep)
	o.kill(t)
	awaitEnd(t, o.server, dir)
	if got := query[int](t, startTestPostgres(t, dir).URL(), kept); got != value {
		t.Fatalf("what was committed before the kill: %d", got)
	}
}

// Linux sends the parent-death signal when the forking thread ends.
func TestPostgresOutlivesTheThreadThatStartedIt(t *testing.T) {
	t.Parallel()
	dir := openFolder(t)
	ctx := t.Context()
	var p *Postgres
	var err error
	onEndingThread(func() {
		p, err = StartPostgres(ctx, PostgresConfig{Dir: dir, Ephemeral: true, Logger: zerolog.Nop()})
	})
	if err != nil {
		t.Fatal(err)
	}
	query[int](t, p.URL(), keep)
	if err := p.Stop(); err != nil {
		t.Fatalf("the server ended before Stop: %v", err)
	}
}

// onEndingThread runs f on a thread that ends with it: a goroutine that never unlocks its thread takes the thread
// along. The first thread of the process would stay, so it is held while another one is asked for.
func onEndingThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if syscall.Gettid() == os.Getpid() {
			onEndingThread(f)
			runtime.UnlockOSThread()
			return
		}
		f()
	}()
	<-done
}

// awaitEnd polls: the server is not our child.
func awaitEnd(t *testing.T, pid int, dir string) {
	t.Helper()
	deadline := time.After(time.Minute)
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for strings.Contains(strings.Join(commandLine(pid), " "), dir) {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatal("the server still runs: process " + strconv.Itoa(pid))
		}
	}
}
