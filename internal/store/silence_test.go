package store_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

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
