package store_test

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/store"
)

// A link that swallows everything does not keep anybody waiting for ever.
func TestASilentConnectionFails(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	defer func() { _, _ = here.Close(), there.Close() }()
	for name, use := range map[string]func([]byte) (int, error){
		"read":  store.Impatient(here, time.Millisecond).Read,
		"write": store.Impatient(there, time.Millisecond).Write,
	} {
		_, err := use(make([]byte, 1))
		if !errors.Is(err, os.ErrDeadlineExceeded) || !store.Away(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A deadline of the user is shorter, and is kept.
func TestADeadlineOfTheUserIsKept(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	defer func() { _, _ = here.Close(), there.Close() }()
	c := store.Impatient(here, time.Hour)
	if err := c.SetDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = there.Write([]byte("x")) }()
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Errorf("after the deadline: %v", err)
	}
}

// The database frees what a worker has locked that was paused or cut off in the middle of a transaction.
func TestTheDatabaseHasLimitsToo(t *testing.T) {
	t.Parallel()
	s := open(t)
	for setting, want := range map[string]string{
		"statement_timeout": "25s", "idle_in_transaction_session_timeout": "10s",
	} {
		var got string
		err := s.Pool().QueryRow(t.Context(), `SELECT current_setting($1)`, setting).Scan(&got)
		if err != nil || got != want {
			t.Errorf("%s is %s (%v), want %s", setting, got, err, want)
		}
	}
}

// A worker is paused in the middle of a transaction. Nobody waits for what it has locked for as long as a lease lasts,
// and its transaction is run again when it goes on.
func TestAPausedTransactionGivesUpItsLocks(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.WaitBriefly()
	worker := uuid.New()
	if _, err := s.Lease(t.Context(), worker, "paused", time.Hour); err != nil {
		t.Fatal(err)
	}
	ended, other := make(chan error, 1), make(chan struct{})
	tries := 0
	locked := make(chan struct{})
	go func() {
		ended <- s.Tx(t.Context(), func(tx *store.Tx) error {
			if tries++; tries > 1 {
				return nil
			}
			_, err := tx.Pgx().Exec(t.Context(), `SELECT FROM workers WHERE worker_id = $1 FOR UPDATE`, worker)
			close(locked)
			<-other // the worker does nothing meanwhile
			return err
		})
	}()
	<-locked
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.EndLease(ctx, worker); err != nil {
		t.Errorf("the row is still locked: %v", err)
	}
	close(other)
	if err := <-ended; err != nil || tries != 2 {
		t.Errorf("after %d tries, the transaction ended with %v", tries, err)
	}
}

// Each try of a transaction may do nothing for longer, and one that waits for the broker for as long as any.
func TestATransactionMayDoNothingForAWhile(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.WaitBriefly()
	var allowed []string
	err := s.Tx(t.Context(), func(tx *store.Tx) error {
		look := func() {
			var setting string
			if err := tx.Pgx().QueryRow(t.Context(),
				`SELECT current_setting('idle_in_transaction_session_timeout')`).Scan(&setting); err != nil {
				t.Error(err)
			}
			allowed = append(allowed, setting)
		}
		look()
		if len(allowed) < 4 {
			return store.ErrConflict
		}
		if err := tx.Patient(t.Context()); err != nil {
			return err
		}
		look()
		return nil
	})
	if want := []string{"2s", "4s", "8s", "10s", "10s"}; err != nil || !slices.Equal(allowed, want) {
		t.Errorf("%v, %v; want %v", allowed, err, want)
	}
}
