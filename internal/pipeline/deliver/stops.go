package deliver

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// stopsLast is how long a mailer goes by the last look at which runs were stopped. The stage looks more often than
// that, unless the database is slow or the worker stood still.
const stopsLast = time.Second

// Stops knows which runs were paused or cancelled while a worker had already claimed some of their mails (ADR 158). A
// stage looks several times a second, so the mailers need not ask the database. If the last look is too old, the mailer
// looks itself, so a mail never leaves by what was known long ago. A nil Stops stops nothing. It is safe for concurrent
// use.
type Stops struct {
	loop.Runner
	Store *store.Store

	looking sync.Mutex // held by whoever looks because the last look is too old
	last    atomic.Pointer[seen]
}

// seen is what a look has found.
type seen struct {
	store.Stops
	at time.Time // when the look began
}

// Stage keeps looking.
func (s *Stops) Stage() loop.Stage { return s.Runner.Stage("stops", nil, s.step) }

func (s *Stops) step(ctx context.Context) (bool, error) {
	_, err := s.look(ctx)
	return false, err
}

func (s *Stops) look(ctx context.Context) (*seen, error) {
	now := &seen{at: time.Now()}
	var err error
	if now.Stops, err = s.Store.LoadStops(ctx); err != nil {
		return nil, err
	}
	s.last.Store(now)
	return now, nil
}

// stopped says whether the mail of an invite may not leave. An error says that this could not be found out.
func (s *Stops) stopped(ctx context.Context, i store.Invite) (bool, error) {
	if s == nil || !i.RunID.Valid && !i.ReplayID.Valid {
		return false, nil
	}
	now, err := s.since(ctx, time.Now().Add(-stopsLast))
	return err == nil && now.Stopped(i.RunID, i.ReplayID), err
}

// since returns what a look has found that began after a time.
func (s *Stops) since(ctx context.Context, after time.Time) (*seen, error) {
	if now := s.last.Load(); now != nil && now.at.After(after) {
		return now, nil
	}
	s.looking.Lock()
	defer s.looking.Unlock()
	if now := s.last.Load(); now != nil && now.at.After(after) { // another mailer, or the stage, was faster
		return now, nil
	}
	return s.look(ctx)
}

var errStopped = errors.New("the mail was not sent: its run was paused or cancelled")
