package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
)

// severalMails stores n queued mails for one access, each decided a second after the one before. The access goes back
// to the first.
func (b base) severalMails(n int) []store.Invite {
	b.Helper()
	request := b.recorded(now)
	mails := invitesOf(request, n)
	for i := range mails {
		mails[i].State, mails[i].NextAttempt, mails[i].ClientID, mails[i].Person = store.Queued, now, "c1", "contact:a"
		mails[i].DecidedAt = now.Add(time.Duration(i) * time.Second)
	}
	b.do(func(ctx context.Context, tx *store.Tx) error { return tx.InsertInvites(ctx, mails) })
	access := reservation("c1", "contact:a", "e", 1, now.Add(time.Hour))
	access.Access.InviteID = mails[0].ID.String()
	b.must(b.try(access))
	return mails
}

// set sets the state of a mail.
func (b base) set(mail store.Invite, state store.State) {
	b.Helper()
	_, err := b.db.Exec(b.Context(), `UPDATE invites SET state = $2 WHERE invite_id = $1`, mail.ID, state)
	b.must(err)
}

// opener returns the invite and the state of the access, and how many logins are reserved.
func (b base) opener() (invite, state string, logins int) {
	b.Helper()
	return query[string](b, `SELECT invite_id::text FROM access`), query[string](b, `SELECT state FROM access`),
		query[int](b, `SELECT count(*) FROM logins`)
}

func TestNewerMails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		states []store.State // of the newest mail, one after the other
		want   rules.Newer
	}{
		"queued":  {nil, rules.NewerWaits},
		"sending": {[]store.State{store.Sending}, rules.NewerWaits},
		"sent":    {[]store.State{store.Sending, store.Sent}, rules.NewerLeft},
		"skipped": {[]store.State{store.Skipped}, ""},
		"failed":  {[]store.State{store.Sending, store.Failed}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			mails := b.severalMails(3)
			for _, state := range c.states {
				b.set(mails[2], state)
			}
			b.do(func(ctx context.Context, tx *store.Tx) error {
				newer, err := tx.NewerMails(ctx, mails)
				if newer[mails[1].ID] != c.want {
					t.Errorf("of the second mail: %q, want %q", newer[mails[1].ID], c.want)
				}
				if newer[mails[0].ID] == "" || newer[mails[2].ID] != "" {
					t.Errorf("of the first, which has the second behind it, and of the newest: %v", newer)
				}
				return err
			})
		})
	}
}

// The access of a mail that is not sent goes back to the newest mail that waits, and ends only with the last one.
func TestReleasePassesAnAccessOn(t *testing.T) {
	t.Parallel()
	b := open(t)
	mails := b.severalMails(3)
	release := func(list ...store.Invite) {
		b.do(func(ctx context.Context, tx *store.Tx) error { return tx.Release(ctx, list, now) })
		for _, mail := range list {
			b.set(mail, store.Skipped)
		}
	}
	release(mails[0])
	if invite, state, logins := b.opener(); invite != mails[2].ID.String() || state != "invited" || logins != 1 {
		t.Errorf("after the first mail was skipped: %s %s, want the third's; %d logins", invite, state, logins)
	}
	release(mails[1], mails[2]) // the access is not passed on to one that is released as well
	if _, state, logins := b.opener(); state != "expired" || logins != 0 {
		t.Errorf("after all were skipped: %s, %d logins", state, logins)
	}
}

// If the skipped mail may have arrived, its link works until the newer one has left.
func TestReleaseKeepsALinkThatMayHaveArrived(t *testing.T) {
	t.Parallel()
	b := open(t)
	mails := b.severalMails(2)
	_, err := b.db.Exec(t.Context(), `INSERT INTO attempts (invite_id, attempt, message_id, worker_id, started_at, verdict)
		VALUES ($1, 1, 'm', $2, now(), 'unknown')`, mails[0].ID, uuid.New())
	b.must(err)
	b.do(func(ctx context.Context, tx *store.Tx) error { return tx.Release(ctx, mails[:1], now) })
	if invite, state, _ := b.opener(); invite != mails[0].ID.String() || state != "invited" {
		t.Errorf("the access goes back to %s and is %s", invite, state)
	}
}

// Two workers release the older and the newer mail of an access at the same time. Then no mail is left, and the access
// ends.
func TestTheLastOfTwoReleasesEndsTheAccess(t *testing.T) {
	t.Parallel()
	b := open(t)
	mails := b.severalMails(2)
	second := make(chan error, 1)
	b.do(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Release(ctx, mails[:1], now); err != nil {
			return err
		}
		go func() {
			second <- b.Tx(ctx, func(tx *store.Tx) error { return tx.Release(ctx, mails[1:], now) })
		}()
		testenv.Eventually(t, time.Minute, func() error {
			if query[int](b, `SELECT count(*) FROM pg_locks WHERE NOT granted`) == 0 && len(second) == 0 {
				return errors.New("the second release does not wait")
			}
			return nil
		})
		return nil
	})
	b.must(<-second)
	if _, state, logins := b.opener(); state != "expired" || logins != 0 {
		t.Errorf("the access is %s without any mail; %d logins", state, logins)
	}
}

// Two resends were on their way at once. Whichever result is recorded last, the link of the newer one is the valid one.
func TestTheNewestLinkIsTheValidOne(t *testing.T) {
	t.Parallel()
	for name, order := range map[string][][]int{
		"the newer last": {{1}, {2}}, "the newer first": {{2}, {1}}, "together": {{2, 1}}, "together, in order": {{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			mails := b.severalMails(3)
			for _, batch := range order {
				var left []store.Invite
				for _, i := range batch {
					left = append(left, mails[i])
					b.set(mails[i], store.Sent)
				}
				b.do(func(ctx context.Context, tx *store.Tx) error { return tx.SwitchLinks(ctx, left) })
			}
			if invite, _, _ := b.opener(); invite != mails[2].ID.String() {
				t.Errorf("the link of %s is the valid one, want the newest, %s", invite, mails[2].ID)
			}
		})
	}
}

// ends gives each mail a link that ends an hour after the mail before it. The first mail, which was sent, ends first,
// and its access with it.
func (b base) ends(mails []store.Invite) {
	b.Helper()
	for i := range mails {
		mails[i].ExpiresAt = now.Add(time.Duration(i+1) * time.Hour)
		_, err := b.db.Exec(b.Context(), `UPDATE invites SET expires_at = $2 WHERE invite_id = $1`, mails[i].ID,
			mails[i].ExpiresAt)
		b.must(err)
	}
	b.set(mails[0], store.Sending)
	b.set(mails[0], store.Sent)
}

// until returns the hour after now in which the access ends, and the one until which its login is reserved.
func (b base) until() (access, login time.Duration) {
	b.Helper()
	return query[time.Time](b, `SELECT expires_at FROM access`).Sub(now) / time.Hour,
		query[time.Time](b, `SELECT max(held_until) FROM logins`).Sub(now) / time.Hour
}

// The access and its login last as long as the link of the resend that has left.
func TestALinkThatIsSwitchedToSaysWhenTheAccessEnds(t *testing.T) {
	t.Parallel()
	b := open(t)
	mails := b.severalMails(3)
	b.ends(mails)
	b.do(func(ctx context.Context, tx *store.Tx) error { return tx.SwitchLinks(ctx, mails[1:2]) })
	if access, login := b.until(); access != 2 || login != 2 {
		t.Errorf("the access ends after %d hours, its login after %d, want 2", access, login)
	}
}

// The time of the delivered link is over. A resend that may have left keeps the access; one that waits does not. While
// it is leaving, only the login is kept: an attempt that fails must not prolong the access.
func TestAResendThatMayHaveLeftKeepsTheAccess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		resend func(b base, mail store.Invite)
		keeps  bool
		until  time.Duration // hours until the access ends, if it is kept
	}{
		"waits":   {func(base, store.Invite) {}, false, 0},
		"sending": {func(b base, mail store.Invite) { b.set(mail, store.Sending) }, true, 1},
		"unknown": {func(b base, mail store.Invite) {
			_, err := b.db.Exec(b.Context(), `
				INSERT INTO attempts (invite_id, attempt, message_id, worker_id, started_at, verdict)
				VALUES ($1, 1, 'm', $2, now(), 'unknown')`, mail.ID, uuid.New())
			b.must(err)
		}, true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			mails := b.severalMails(2)
			b.ends(mails)
			c.resend(b, mails[1])
			var ended []store.AccessChange
			b.do(func(ctx context.Context, tx *store.Tx) (err error) {
				ended, err = tx.ExpireDue(ctx, now.Add(time.Hour), 10)
				return err
			})
			if len(ended) == 0 != c.keeps {
				t.Fatalf("%d accesses have expired", len(ended))
			}
			if !c.keeps {
				return
			}
			if access, login := b.until(); access != c.until || login != 2 {
				t.Errorf("the access ends after %d hours, its login after %d, want %d and 2", access, login, c.until)
			}
			// It has not left after all.
			b.do(func(ctx context.Context, tx *store.Tx) error { return tx.Release(ctx, mails[1:], now) })
			if access, _ := b.until(); access != 1 {
				t.Errorf("after the resend has failed the access ends after %d hours, want 1", access)
			}
		})
	}
}

// An invite that waits in a run can be overtaken only while it waits.
func TestLockWaiting(t *testing.T) {
	t.Parallel()
	b := open(t)
	mails := b.severalMails(2)
	b.set(mails[1], store.Sending)
	lock := func(ids ...uuid.UUID) (locking error) {
		_ = b.Tx(t.Context(), func(tx *store.Tx) error {
			locking = tx.LockWaiting(t.Context(), ids)
			return errEnough
		})
		return locking
	}
	b.must(lock())
	b.must(lock(mails[0].ID))
	if err := lock(mails[0].ID, mails[1].ID); !errors.Is(err, store.ErrConflict) {
		t.Errorf("one of them is being sent: %v, want a conflict", err)
	}
}
