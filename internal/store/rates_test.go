package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"portal-invites/internal/store"
)

func TestTokensOfALane(t *testing.T) {
	t.Parallel()
	b := open(t)
	for lane, c := range map[store.Lane]struct {
		perSecond float64
		asks      []ask
	}{
		"fast": {10, []ask{
			{0, 25, 10, 0}, // the tokens of one second may be taken at once
			{0, 1, 0, 100 * time.Millisecond},
			{40 * time.Millisecond, 1, 0, 60 * time.Millisecond},
			{250 * time.Millisecond, 5, 2, 0},
			{300 * time.Millisecond, 5, 1, 0}, // no part of a token was lost
			{time.Hour, 3, 3, 0},
			{time.Hour, 25, 7, 0},                       // a pause of any length brings no more
			{time.Minute, 5, 0, 100 * time.Millisecond}, // a process whose clock is behind
			{time.Hour + 100*time.Millisecond, 5, 1, 0},
		}},
		"slow": {0.5, []ask{
			{0, 5, 1, 0},
			{time.Second, 5, 0, time.Second},
			{2 * time.Second, 5, 1, 0},
			{time.Hour, 5, 1, 0},
		}},
	} {
		for _, a := range c.asks {
			granted, wait, err := b.TakeTokens(t.Context(), store.Queue{Lane: lane}, a.n, c.perSecond, now.Add(a.after))
			b.must(err)
			if granted != a.granted || wait.Round(time.Millisecond) != a.wait {
				t.Errorf("%s: %d asked for after %s: got %d, wait %s; want %d, %s",
					lane, a.n, a.after, granted, wait, a.granted, a.wait)
			}
		}
	}
}

type ask struct {
	after   time.Duration
	n       int
	granted int
	wait    time.Duration
}

// Returned tokens can be taken again, but no more than the tokens of one second.
func TestTokensAreReturned(t *testing.T) {
	t.Parallel()
	b := open(t)
	take := func(n int) int {
		granted, _, err := b.TakeTokens(t.Context(), store.Queue{Lane: store.BulkLane}, n, 10, now)
		b.must(err)
		return granted
	}
	take(10)
	b.must(b.ReturnTokens(t.Context(), store.Queue{Lane: store.BulkLane}, 4))
	if n := take(10); n != 4 {
		t.Errorf("of 4 returned tokens, %d are granted", n)
	}
	b.must(b.ReturnTokens(t.Context(), store.Queue{Lane: store.BulkLane}, 40))
	if n := take(40); n != 10 {
		t.Errorf("%d tokens at once, want 10", n)
	}
}

// However many processes ask at the same time, together they get what one of them would get.
func TestProcessesShareTheTokensOfALane(t *testing.T) {
	t.Parallel()
	b := open(t)
	for second := range 3 {
		granted := make(chan int, 100)
		var processes errgroup.Group
		for range 8 {
			processes.Go(func() error {
				for range 5 {
					at := now.Add(time.Duration(second) * time.Second)
					n, _, err := b.TakeTokens(t.Context(), store.Queue{Lane: store.BulkLane}, 3, 20, at)
					if err != nil {
						return err
					}
					granted <- n
				}
				return nil
			})
		}
		b.must(processes.Wait())
		close(granted)
		sum := 0
		for n := range granted {
			sum += n
		}
		if sum != 20 {
			t.Errorf("second %d: %d tokens, want 20", second, sum)
		}
	}
}

// mailsTo queues invites for a domain.
func (b base) mailsTo(domain string, n int) (ids []uuid.UUID) {
	b.Helper()
	ids = b.queued(uuid.NullUUID{}, store.IndividualLane, n)
	_, err := b.db.Exec(b.Context(), `UPDATE invites SET email_normal = 'pat@' || $1 WHERE invite_id = ANY ($2)`,
		domain, ids)
	b.must(err)
	return ids
}

// leave claims due invites, and returns how many mails leave for each domain.
func (b base) leave(perSecond float64, at time.Time) map[string]int {
	b.Helper()
	left, worker := map[string]int{}, b.worker()
	b.do(func(ctx context.Context, tx *store.Tx) error {
		due, _, err := tx.LockDue(ctx, store.Queue{Lane: store.IndividualLane}, 100, store.Turn{}, at)
		if err != nil {
			return err
		}
		free, err := tx.PostponeByDomain(ctx, "", due, perSecond, at)
		if err != nil {
			return err
		}
		var attempts []store.Attempt
		for _, i := range free {
			left[i.Email.Domain()]++
			attempts = append(attempts, store.Attempt{InviteID: i.ID, Number: 1, MessageID: "m"})
		}
		return tx.BeginAttempts(ctx, worker, attempts, at)
	})
	return left
}

// A domain gets its rate and no more, mails to other domains do not wait, and postponed mails leave at their times.
func TestMailsToOneDomainArePaced(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.mailsTo("large.example", 30)
	b.mailsTo("small.example", 2)
	if left := b.leave(5, now); left["large.example"] != 6 || left["small.example"] != 2 {
		t.Errorf("at once: %v", left)
	}
	b.mailsTo("large.example", 7) // of another request, after the others
	sum := 6
	for second := range 7 {
		n := b.leave(5, now.Add(time.Duration(second+1)*time.Second))["large.example"]
		if want := min(5, 37-sum); n != want {
			t.Errorf("after %d s: %d, want %d", second+1, n, want)
		}
		sum += n
	}
	if sum != 37 {
		t.Errorf("%d of 37 have left", sum)
	}
	if n := query[int](b, `SELECT count(*) FROM invites WHERE slot_at IS NOT NULL`); n != 0 {
		t.Errorf("%d invites have left and still have a reserved time", n)
	}
}

// Times are not reserved far ahead: a raised rate takes effect within minutes.
func TestARaisedRateTakesEffectSoon(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.mailsTo("large.example", 50)
	b.leave(0.01, now)
	later := now.Add(10 * time.Minute)
	if left := b.leave(0.01, later); left["large.example"] > 7 {
		t.Errorf("at the low rate: %v", left)
	}
	waiting := `SELECT count(*) FROM invites WHERE state = 'queued' AND next_attempt_at > $1`
	if n := query[int](b, waiting, later.Add(time.Hour+20*time.Minute)); n > 0 {
		t.Errorf("%d invites wait for more than an hour", n)
	}
	left := 0
	for minute := range 90 {
		left += b.leave(100, later.Add(time.Duration(minute)*time.Minute))["large.example"]
	}
	if n := query[int](b, `SELECT count(*) FROM invites WHERE state = 'queued'`); n != 0 {
		t.Errorf("%d invites still wait at the high rate, %d have left", n, left)
	}
}
