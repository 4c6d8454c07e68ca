package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/store"
)

func (b base) pause(firm string) {
	b.Helper()
	b.do(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.PauseFirm(ctx, store.Pause{FirmID: firm, Cause: store.PausedByOperator, By: "ops", Reason: "a test"})
		return err
	})
}

// A claim takes nothing of a paused firm, wherever in the order of the firms it stands, and reads one line of it.
func TestAClaimPassesOverAPausedFirm(t *testing.T) {
	t.Parallel()
	b := open(t)
	q := store.Queue{Lane: store.BulkLane}
	for _, firm := range []string{"a", "b", "c"} {
		for range 20 {
			b.by(firm, "", b.queued(newRun(), store.BulkLane, 2))
		}
	}
	for _, paused := range []string{"a", "b", "c"} {
		b.pause(paused)
		for _, turn := range []string{"", "a", "b", "c"} {
			claimed := map[string]int{}
			b.do(func(ctx context.Context, tx *store.Tx) error {
				rows, err := b.db.Query(ctx, store.Lines+` SELECT firm_id, count(*) FROM lines WHERE run <> $6 OR NOT is_due
					GROUP BY 1 ORDER BY 1`, q.Lane, now, turn, 100, q.Sender, uuid.Nil)
				if err != nil {
					return err
				}
				var firm string
				var lines int
				for rows.Next() {
					if err := rows.Scan(&firm, &lines); err != nil {
						return err
					}
					if firm == paused && lines > 3 { // the walk goes around once, and begins behind a firm
						t.Errorf("a claim behind %q walks over %d lines of the paused firm %s", turn, lines, paused)
					}
				}
				return rows.Err()
			})
			b.do(func(ctx context.Context, tx *store.Tx) error {
				due, _, err := tx.LockDue(ctx, q, 200, turnBehind(ctx, tx, q, turn), now)
				for _, i := range due {
					claimed[i.FirmID]++
				}
				return err
			})
			if claimed[paused] != 0 || len(claimed) != 2 {
				t.Errorf("while %s is paused, a claim behind %q takes %v", paused, turn, claimed)
			}
		}
		b.do(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.ResumeFirm(ctx, paused, "", "ops", "the test goes on")
			return err
		})
	}
	for _, firm := range []string{"a", "b", "c"} {
		b.pause(firm)
	}
	if due, err := b.AnyDue(t.Context(), q, now); err != nil || due {
		t.Errorf("all firms are paused, and something is due: %v, %v", due, err)
	}
	backlogs, err := b.Backlogs(t.Context(), store.BulkLane, now)
	b.must(err)
	if got := fmt.Sprint(backlogs); got != fmt.Sprint([]store.Backlog{{Length: 120}}) {
		t.Errorf("the backlog of paused firms is %s", got)
	}
}

// A pause of one lane stops the claims of that lane only, and a pause of the firm those of both, whatever ends first.
func TestAClaimPassesOverAPausedLane(t *testing.T) {
	t.Parallel()
	b := open(t)
	lanes := []store.Lane{store.IndividualLane, store.BulkLane}
	for _, lane := range lanes {
		b.by("a", "", b.queued(newRun(), lane, 2))
	}
	change := func(pause bool, lane store.Lane) {
		t.Helper()
		b.do(func(ctx context.Context, tx *store.Tx) (err error) {
			var changed bool
			if pause {
				changed, err = tx.PauseFirm(ctx, store.Pause{FirmID: "a", Lane: lane, Cause: store.PausedByOperator})
			} else {
				changed, err = tx.ResumeFirm(ctx, "a", lane, "ops", "a test")
			}
			if err == nil && !changed {
				t.Errorf("pause %v of %q has changed nothing", pause, lane)
			}
			return err
		})
	}
	for _, step := range []struct {
		pause bool
		lane  store.Lane
		want  [2]bool // what is due, by lane
	}{
		{true, store.BulkLane, [2]bool{true, false}},
		{true, "", [2]bool{false, false}},
		{false, store.BulkLane, [2]bool{false, false}},
		{true, store.IndividualLane, [2]bool{false, false}},
		{false, "", [2]bool{false, true}},
		{false, store.IndividualLane, [2]bool{true, true}},
	} {
		change(step.pause, step.lane)
		for i, lane := range lanes {
			if due, err := b.AnyDue(t.Context(), store.Queue{Lane: lane}, now); err != nil || due != step.want[i] {
				t.Errorf("after %+v the %s lane has something due: %v, %v", step, lane, due, err)
			}
		}
	}
}

// turnBehind is the turn of a claim that begins behind a firm.
func turnBehind(ctx context.Context, tx *store.Tx, q store.Queue, firm string) store.Turn {
	turn := store.Turn{}
	for range 10 { // claims of one invite go from firm to firm
		if fmt.Sprint(turn) == fmt.Sprintf("{%s}", firm) {
			return turn
		}
		due, next, err := tx.LockDue(ctx, q, 1, turn, now)
		if err != nil || len(due) == 0 {
			return turn
		}
		turn = next
	}
	return turn
}

// The mails of a firm are counted as their outcomes leave the outbox, and a failure once of each kind. Only what left
// by the firm's own sender counts, and after its last pause.
func TestFailuresAreCountedAgainstTheirFirm(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.firmBy("a", "north")
	b.firmBy("b", "")
	worker := uuid.New()
	announce := func(firm, typ, data string, n int) {
		t.Helper()
		b.do(func(ctx context.Context, tx *store.Tx) error {
			list := make([]store.Outbound, n)
			for i := range list {
				list[i] = store.Outbound{
					Subject: "portal.outcomes." + firm + "." + typ, Type: typ, EventID: uuid.NewString(), Time: time.Now(),
					Data: []byte(data),
				}
			}
			return tx.AppendOutbox(ctx, worker, list)
		})
	}
	announce("a", "InviteSent", `{}`, 30)
	announce("a", "InviteFailed", `{"stage": "rcpt"}`, 2)
	announce("a", "InviteFailed", `{"stage": "after"}`, 5)
	announce("a", "InviteSkipped.email_missing", `{}`, 5)
	announce("b", "InviteSent", `{}`, 4)
	outbound, err := b.Outbox(t.Context(), worker, 0, 100)
	b.must(err)
	for range 2 { // what is gone is not counted again
		b.do(func(ctx context.Context, tx *store.Tx) error {
			return tx.Announced(ctx, worker, outbound, store.OutcomeMark{Stream: now, Sequence: 46}, store.OutcomeMark{})
		})
	}
	count := func(list ...store.MailFailure) {
		t.Helper()
		b.do(func(ctx context.Context, tx *store.Tx) error { return tx.CountFailures(ctx, list) })
	}
	failure := func(firm, sender, kind string) store.MailFailure {
		return store.MailFailure{
			FirmID: firm, InviteID: uuid.New(), Nonce: 7, Kind: kind, Sender: sender, MailedAt: time.Now(),
		}
	}
	suspects := func(want ...store.Suspect) {
		t.Helper()
		got, err := b.Suspects(t.Context(), 2, 1)
		b.must(err)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("suspects are %+v, want %+v", got, want)
		}
	}
	first, second := failure("a", "north", "bounce"), failure("a", "north", "bounce")
	count(first, first, failure("a", "", "bounce"), failure("b", "", "bounce")) // one left by another sender
	count(first)
	suspects()
	old := failure("a", "north", "bounce")
	old.MailedAt = time.Now().Add(-26 * time.Hour)
	count(second, old)
	suspects(store.Suspect{FirmID: "a", Mails: 32, Bounces: 2})
	count(failure("b", "", "complaint"))
	other := store.Suspect{FirmID: "b", Mails: 4, Bounces: 1, Complaints: 1}
	suspects(store.Suspect{FirmID: "a", Mails: 32, Bounces: 2}, other)
	b.pause("a")
	suspects(other)
	b.do(func(ctx context.Context, tx *store.Tx) error {
		resumed, err := tx.ResumeFirm(ctx, "a", "", "ops", "a test")
		if !resumed {
			t.Error("the firm was not resumed")
		}
		return err
	})
	late := failure("a", "north", "bounce") // it left before the pause ended, and is reported afterwards
	late.MailedAt = second.MailedAt
	count(late)
	count(failure("a", "north", "bounce"), failure("a", "north", "bounce"))
	suspects(store.Suspect{FirmID: "a", Mails: 0, Bounces: 2}, other)
	b.must(b.ForgetCounts(t.Context()))
}
