package ledger_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/identity"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/store"
)

// A replay goes by the time of the request, both for what it decides again and for what it counts as too old. That
// holds even if the ids of the invites do not have that time: the ids of older requests may be anywhere.
func TestAReplayGoesByTheTimeOfTheRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	oldest := now.Add(-events.DefaultMaxAge).Truncate(time.Millisecond)
	times := map[string]time.Time{
		"young": now, "just young": oldest, "just old": oldest.Add(-time.Microsecond), "old": oldest.AddDate(-5, 0, 0),
		"of 1969": time.Unix(-1, 0),
	}
	for firmID, untimed := range map[string][]string{
		"all timed": nil, "upgraded a short time ago": {"young", "old"}, "upgraded long ago": {"old"}} {
		t.Run(firmID, func(t *testing.T) {
			t.Parallel()
			var young []string
			old := 0
			for name, at := range times {
				for _, timedIDs := range []bool{true, false} {
					if !timedIDs && !slices.Contains(untimed, name) {
						continue
					}
					r.insertSkipped(firmID, fmt.Sprint(name, " ", timedIDs), at, timedIDs)
					if at.Before(oldest) {
						old += 3
						continue
					}
					for n := range 3 {
						young = append(young, fmt.Sprint(name, " ", timedIDs, " ", n))
					}
				}
			}
			filter := ledger.ReplayFilterOf(firmID, &events.ReplayRequest{}, now, store.Position{})
			var found []string
			var tooOld int
			r.Must(r.Store.Tx(r.Ctx, func(tx *store.Tx) (err error) {
				tooOld, err = tx.CountTooOld(r.Ctx, filter)
				found = r.replayable(tx, filter)
				return err
			}))
			if slices.Sort(found); !slices.Equal(found, slices.Sorted(slices.Values(young))) || tooOld != old {
				t.Errorf("found %v, and %d too old; want %v and %d", found, tooOld, young, old)
			}
		})
	}
}

// replayable reads the invites that match a filter in pages of two, and returns their clients.
func (r *rig) replayable(tx *store.Tx, f store.ReplayFilter) (clients []string) {
	r.TB.Helper()
	var cursor store.Cursor
	for {
		page, err := tx.Replayable(r.Ctx, f, cursor, 2)
		r.Must(err)
		for _, i := range page {
			clients, cursor.InviteID = append(clients, i.ClientID), i.ID
		}
		if len(page) < 2 {
			return clients
		}
	}
}

// insertSkipped inserts a request with three fixable skips. Without timed ids, one id is below all timed ids, one
// between them, and one above them.
func (r *rig) insertSkipped(firmID, name string, at time.Time, timedIDs bool) {
	r.TB.Helper()
	request := identity.Derive(firmID, name)
	r.Exec(`INSERT INTO requests VALUES ($1, $2, 's', $3, 'FileShared', '{}', $4, '', '', $4, 1, $5)`, request, firmID,
		name, at, timedIDs)
	for n, first := range []byte{0x00, 0x01, 0xff} {
		id := identity.Derive(firmID, name, fmt.Sprint(n))
		if id[0] = first; timedIDs {
			id = identity.Timed(id, at)
		}
		r.Exec(`INSERT INTO invites
				(invite_id, request_id, firm_id, client_id, contact_id, added_email, added_name, kind, lane, state, revision,
				reason, reasons, settled, person, name, email, email_normal, nonce, attempt, decided_at)
			VALUES ($1, $2, $3, $4, 'k', '', '', 'invite', 'bulk', 'skipped', 1,
				'email_missing', '[]', false, 'contact:k', '', '', '', 1, 0, $5)`,
			id, request, firmID, fmt.Sprint(name, " ", n), at)
	}
}
