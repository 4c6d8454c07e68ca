package deliver

import (
	"context"
	"errors"
	"sync/atomic"

	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/store"
)

// Stops knows which runs were paused or cancelled while a worker had already claimed some of their mails (ADR 158). It
// looks several times a second, so the mailers need not ask the database. A nil Stops stops nothing.
type Stops struct {
	loop.Runner
	Store *store.Store
	now   atomic.Pointer[store.Stops]
}

// Stage keeps looking.
func (s *Stops) Stage() loop.Stage { return s.Runner.Stage("stops", nil, s.look) }

func (s *Stops) look(ctx context.Context) (bool, error) {
	stops, err := s.Store.LoadStops(ctx)
	if err == nil {
		s.now.Store(&stops)
	}
	return false, err
}

func (s *Stops) stopped(i store.Invite) bool {
	if s == nil {
		return false
	}
	now := s.now.Load()
	return now != nil && now.Stopped(i.RunID, i.ReplayID)
}

var errStopped = errors.New("the mail was not sent: its run was paused or cancelled")
