package consume_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/consume"
	"portal-invites/internal/pipeline/pipelinetest"
	"portal-invites/internal/testkit"
)

// requests returns a request of each of the firms, as they come from the stream, with sequences from 1.
func requests(t *testing.T, recipients int, firms ...string) []events.Delivery {
	t.Helper()
	named := make([]testkit.Object, recipients)
	for i := range named {
		named[i] = testkit.Contact(fmt.Sprintf("k%d", i))
	}
	return taken(t, testkit.InviteData("c", named...), firms...)
}

// taken returns a request with this data for each of the firms.
func taken(t *testing.T, data testkit.Object, firms ...string) []events.Delivery {
	t.Helper()
	r := pipelinetest.New(t)
	var msgs []*nats.Msg
	for range firms {
		msgs = append(msgs, r.Event(events.InviteRequested, data))
	}
	r.PublishAll(msgs...)
	taken := r.Taken(events.InviteDurable, len(firms))
	for i, firm := range firms {
		taken[i].Firm = firm
	}
	return taken
}

func mustBe(t *testing.T, what string, got []events.Delivery, want ...uint64) {
	t.Helper()
	var have []uint64
	for _, d := range got {
		have = append(have, d.At.Sequence)
	}
	if !slices.Equal(have, want) {
		t.Errorf("%s: %v, want %v", what, have, want)
	}
}

func TestFirmsTakeTurns(t *testing.T) {
	t.Parallel()
	all := requests(t, 1, "a", "a", "a", "a", "a", "b", "c", "b")
	now := time.Now()
	q := consume.NewQueue(false)
	q.Add(all)
	mustBe(t, "the first batch", q.Take(4, now), 1, 2, 6, 7)
	mustBe(t, "the next one", q.Take(2, now), 3, 8)
	mustBe(t, "the last one", q.Take(9, now), 4, 5)
	if _, some := q.Pause(now); some || q.Weight() != 0 {
		t.Errorf("an empty queue weighs %d", q.Weight())
	}
	q.Add(all[2:])
	q.Add(all[:2]) // redelivered
	mustBe(t, "after a redelivery", q.Take(4, now), 1, 2, 6, 7)

	fifo := consume.NewQueue(true)
	fifo.Add(all)
	mustBe(t, "without turns", fifo.Take(6, now), 1, 2, 3, 4, 5, 6)
}

// A firm that waits for facts delays no other firm, and its requests keep their order.
func TestAFirmThatWaitsForFactsKeepsItsOrder(t *testing.T) {
	t.Parallel()
	all := requests(t, 1, "a", "b", "a", "b", "a")
	now := time.Now()
	q := consume.NewQueue(false)
	q.Add(all[:4])
	batch := q.Take(3, now)
	mustBe(t, "the first batch", batch, 1, 2, 3)
	q.PutBack(batch, []events.Delivery{batch[0], batch[2]}, now)
	q.Add(all[4:])
	mustBe(t, "while one firm waits", q.Take(9, now), 4)
	pause, some := q.Pause(now)
	if !some || pause <= 0 || pause > consume.LongestPause {
		t.Errorf("the pause is %s, %v", pause, some)
	}
	batch = q.Take(9, now.Add(pause))
	mustBe(t, "after the pause", batch, 1, 3, 5)
	if !batch[0].Waited || batch[2].Waited {
		t.Error("what has waited is not marked")
	}
	q.PutBack(batch, batch, now)
	if longer, _ := q.Pause(now); longer <= pause {
		t.Errorf("the second pause is %s, the first was %s", longer, pause)
	}
}

func TestABatchHasALimitOfRecipients(t *testing.T) {
	t.Parallel()
	all := requests(t, 100, slices.Repeat([]string{"a"}, 30)...)
	q := consume.NewQueue(false)
	q.Add(all)
	if n := len(q.Take(500, time.Now())); n != consume.MostRecipients/100 {
		t.Errorf("%d requests of 100 recipients are in one batch", n)
	}
}

// An unknown field makes a request large: it is ignored, and takes memory all the same.
func TestABatchHasALimitOfWeight(t *testing.T) {
	t.Parallel()
	data := testkit.With(testkit.InviteData("c", testkit.Contact("k")), "note", strings.Repeat("x", 900<<10))
	all := taken(t, data, slices.Repeat([]string{"a"}, 12)...)
	q := consume.NewQueue(false)
	q.Add(all)
	one := q.Weight() / len(all)
	want := (consume.MostAtOnce + one - 1) / one
	if n := len(q.Take(500, time.Now())); n != want {
		t.Errorf("%d requests of 900 kB are in one batch, want %d", n, want)
	}
}
