package systemtest

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// largeVariable sets how many events of 1 MB wait for the worker. Both durables have as many.
const largeVariable = "SYSTEMTEST_LARGE_EVENTS"

// mostMemory is what a worker may use while large events wait for it, in kB.
const mostMemory = 200 << 10

// A worker that finds events of 1 MB handles them in pieces. It holds the few that it works on, and not the backlog.
func TestLargeEventsDoNotFillAWorkersMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the peak of a process's memory is read from /proc")
	}
	t.Parallel()
	n := setting(t, largeVariable, 150, 1)
	s := newScene(t)
	first := run(t, s.env, "invite-worker") // makes the streams
	first.says("invite-worker is ready")
	first.stop(time.Minute)
	s.PublishAll(s.firm(), s.contact("k", "k@example.com"), s.client("c", "k"))
	padding := strings.Repeat("x", 1<<20-4096)
	large := func(typ events.Type, data testkit.Object) *nats.Msg {
		return s.Event(typ, testkit.With(data, "note", padding)) // an unknown field is ignored
	}
	for i := range n {
		s.PublishAll(
			large(events.ContactUpserted, testkit.ContactData("k"+strconv.Itoa(i), "Kay", "")),
			large(events.InviteRequested, testkit.InviteData("c", testkit.Contact("k"+strconv.Itoa(i)))))
	}
	worker := run(t, s.env, "invite-worker")
	testenv.Eventually(t, 5*time.Minute, func() error {
		if decided := s.count(`SELECT count(*) FROM invites`); decided < n {
			return fmt.Errorf("%d of %d requests are decided", decided, n)
		}
		return nil
	})
	s.Settled()
	if peak := peakMemory(t, worker.cmd.Process.Pid); peak > mostMemory {
		t.Errorf("the worker used %d kB, more than %d", peak, mostMemory)
	} else {
		t.Logf("the worker used %d kB", peak)
	}
}

// peakMemory is the most memory that a process has used, in kB.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if value, found := strings.CutPrefix(lines.Text(), "VmHWM:"); found {
			kB, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(value, "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return kB
		}
	}
	t.Fatal("/proc has no peak of the process's memory")
	return 0
}
