package pipeline_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// sixOClockAt is a time zone in which it is six o'clock at a full hour.
func sixOClockAt(hour time.Time) string {
	west := hour.UTC().Hour() - 6
	if west > 12 {
		west -= 24
	}
	return fmt.Sprintf("Etc/GMT%+d", west)
}

// asleepUntil is a firm whose hours begin at a full hour, and last until noon.
func asleepUntil(hour time.Time) testkit.Object {
	return testkit.With(testkit.With(testkit.FirmData(), "time_zone", sixOClockAt(hour)), "send_hours", "06:00-12:00")
}

// It is night at the firm: its hours begin in six hours. A run waits until then, and an individual invite does not.
// When the firm has no hours any more, the run leaves.
func TestARunWaitsForTheFirmsHours(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	begin := time.Now().UTC().Add(6 * time.Hour).Truncate(time.Hour)
	awake := testkit.With(testkit.FirmData(), "time_zone", sixOClockAt(begin))
	r.Publish(events.FirmUpserted, asleepUntil(begin))
	for _, name := range []string{"dana", "lee", "kay"} {
		r.UpsertContact(name, "Contact "+name, name+"@example.com")
		r.UpsertClient("c-"+name, "*"+name)
	}
	run := r.Publish(events.BulkInviteRequested, testkit.BulkOf("c-dana", "c-lee"))
	testenv.Eventually(t, time.Minute, func() error {
		known := testkit.Query[bool](r.Scene, `SELECT count(opens_at) = 1 FROM firms`)
		queued := testkit.Query[int](r.Scene, `SELECT count(*) FROM invites WHERE state = 'queued' AND lane = 'bulk'`)
		if !known || queued != 2 {
			return fmt.Errorf("the window is known: %t; %d mails of the run wait", known, queued)
		}
		return nil
	})
	if opens := testkit.Query[time.Time](r.Scene, `SELECT opens_at FROM firms`); !opens.Equal(begin) {
		t.Errorf("in %s, the hours begin at %v, want %v", sixOClockAt(begin), opens, begin)
	}
	r.Invite("c-kay", testkit.Contact("kay"))
	testenv.Eventually(t, time.Minute, func() error {
		if n := len(r.Mailbox.Messages()); n == 0 {
			return errors.New("the individual invite has not left")
		}
		return nil
	})
	due := func(now time.Time) bool {
		t.Helper()
		found, err := r.Store.AnyDue(r.Ctx, store.Queue{Lane: store.BulkLane}, now)
		r.Must(err)
		return found
	}
	for at, want := range map[time.Time]bool{
		begin.Add(-time.Second): false, begin: true, begin.Add(6*time.Hour - 2*time.Minute): true,
		begin.Add(6*time.Hour - time.Minute): false, begin.Add(30 * time.Hour): false,
	} {
		if due(at) != want {
			t.Errorf("the run's mails are due at %v: %t", at, !want)
		}
	}
	if mails := r.Mailbox.Messages(); len(mails) != 1 || mails[0].To[0] != "kay@example.com" {
		t.Errorf("%d mails have left, want the individual one", len(mails))
	}
	r.Publish(events.FirmUpserted, awake)
	r.Settled()
	if o := r.Completed(run); o.Sent != 2 {
		t.Errorf("the run: %s", o.Raw)
	}
}
