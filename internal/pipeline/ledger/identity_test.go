package ledger_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

func TestInviteIDsBeginWithTheRequestsTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 17, 0, 0, 123_456_789, time.UTC)
	dana := rules.Recipient{ContactID: "dana"}
	id := func(event string, at time.Time) uuid.UUID {
		request := store.Request{ID: ledger.RequestID("acme", "s", event), Time: at, TimedIDs: true}
		return ledger.InviteID(request, "c1", dana, 1)
	}
	first := id("e1", at)
	if first.Version() != 8 || first.Variant() != uuid.RFC4122 {
		t.Errorf("version %d, variant %s", first.Version(), first.Variant())
	}
	if first != id("e1", at.Truncate(time.Microsecond)) {
		t.Error("the id differs if the time has only the microseconds that Postgres keeps")
	}
	if other := id("e2", at); other == first || !bytes.Equal(other[:6], first[:6]) {
		t.Errorf("two requests at the same time: %s and %s", first, other)
	}
	for name, later := range map[string]time.Duration{
		"a millisecond": time.Millisecond, "a year": 8760 * time.Hour, "200 years": 200 * 8760 * time.Hour} {
		if next := id("e1", at.Add(later)); bytes.Compare(first[:], next[:]) >= 0 {
			t.Errorf("%s later: %s is not behind %s", name, next, first)
		}
	}
	if ancient := id("e1", time.Time{}); !bytes.Equal(ancient[:6], make([]byte, 6)) {
		t.Errorf("a request of the year 1: %s", ancient)
	}
}
